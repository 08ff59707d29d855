// Package livepage looks at the live page of a server under load with a browser, headless Chromium by
// way of its WebDriver, and holds what stands there against /metrics. Without chromedriver its test is
// skipped. With AWS_SHOTS=directory it leaves pictures of the page there.
package livepage
