// Package clients lets real clients fetch from `aws serve`: those that Debian has, as their users call them.
// What arrives is compared byte by byte, and the server's own log says which requests they made of it.
//
// A client that is not installed is installed if the tests run as root on Debian; else its test skips, by
// name. The heavy ones (ffmpeg, mpv, chromium) are only installed with AWS_CLIENTS=all, and are used wherever
// they are there already.
package clients
