// Package mistakes holds the first lines that a user of the built binary sees: what is said where the start succeeds, and
// the messages of the most likely mistakes, each with the thing, the cause and the remedy.
package mistakes
