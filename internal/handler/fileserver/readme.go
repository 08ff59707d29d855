package fileserver

import (
	"aws/internal/kernel"
	"aws/internal/listing"
)

// collectReadmes returns a function that chooses as choose does, and adds the names that are shown to names if they are those of a README.
// So a README is found even if there are too many entries to list it.
func collectReadmes(names *listing.ReadmeNames, choose chooser) chooser {
	return func(name string) (kernel.Root, bool) {
		root, shown := choose(name)
		if shown {
			names.Add(name)
		}
		return root, shown
	}
}

// readReadme returns the first README of a directory that is a file and may be opened. One that the disk can't read is left out,
// because the listing is of use without it; when descriptors or memory are used up, the class is Exhausted, and a later
// attempt will have it. It may block on a disk.
func readReadme(k kernel.Directories, choose chooser, directory string, names *listing.ReadmeNames) (listing.Readme, kernel.Class) {
	for name := range names.All {
		root, _ := choose(name)
		switch text, class := k.ReadStart(root, directory+name, listing.ReadmeBytesMax+1); class {
		case kernel.Done:
			return listing.Readme{Name: name, Text: text}, kernel.Done
		case kernel.Exhausted:
			return listing.Readme{}, class
		default: // the next one
		}
	}
	return listing.Readme{}, kernel.Done
}
