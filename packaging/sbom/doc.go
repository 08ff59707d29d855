// Package sbom lists what a binary is made of: a software bill of materials in CycloneDX 1.6.
//
// The list is read from the binary itself, where Go's linker has put it, and from its ELF header, so
// that it is about what is released and not about what go.mod would allow. Licenses are those of the
// module cache, recognized by their texts; one that is not recognized is left out.
//
// The document is cyclonedx-go's. What goes into it is found here and not by cyclonedx-gomod: that reads Go's part alone
// and not the shared libraries, has no texts of licenses for NOTICES, and recognizes licenses by a classifier with some
// thirty modules behind it, where the modules of this program have three licenses among them.
package sbom
