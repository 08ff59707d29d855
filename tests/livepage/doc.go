// Package livepage looks at pages of a server with a browser, headless Chromium by way of its WebDriver: at the live page under
// load, which it holds against /metrics, and at a listing, whose layout it measures on several screens. Without chromedriver
// its tests are skipped. With AWS_SHOTS=directory it leaves pictures of the pages there.
package livepage
