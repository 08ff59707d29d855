// Package readme holds the README to its word: the commands of its first screen are carried out in a clone, one line after
// the other, and what it shows of their output is compared.
package readme
