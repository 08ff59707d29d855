// Command packages makes the packages awsd for Debian, and for Fedora and its kin.
//
//	go run ./packaging/packages [-out dist] [-version 1.2.0] [-formats deb,rpm]
//
// It is run in the root of the sources. It puts what the binary writes about itself into a directory and has nfpm pack it
// as packaging/nfpm.yaml says, which is the one description of both packages. The same sources give the same bytes.
// nfpm is a module of its own, packaging/nfpm, with its own go.sum: the server's go.mod knows nothing of it. The module is
// held at 2.45: later versions bring writers for Windows whose modules not every module proxy has.
//
// nfpm computes no dependencies on libraries. Those come from the ELF header (depends.go): dpkg-shlibdeps and rpm's
// elfdeps do the same, but each needs the tools of its distribution, and the first a package installed for each library.
//
// There is no package for Alpine. The program is linked with glibc, for libaio's sake, while Alpine's libc is musl; its
// service is made for systemd, of which Alpine has none.
package main
