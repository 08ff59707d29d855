package include

import "embed"

// Headers holds the text of every header in this directory. It exists for the build cache; see the package comment.
//
//go:embed *.h
var Headers embed.FS
