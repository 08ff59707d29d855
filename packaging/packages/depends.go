package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// libraries are those whose packages packaging/nfpm.yaml asks for, and the prefix of their symbols' versions.
var libraries = map[string]string{
	"libc.so.6":       "GLIBC",
	"libpthread.so.0": "GLIBC",
	"libresolv.so.2":  "GLIBC",
	"libaio.so.1":     "LIBAIO",
}

// libraryVariables returns the variables of packaging/nfpm.yaml that say what a program needs of its libraries: for each
// of them the version of the newest symbol that it asks for, which a library that is older lacks.
func libraryVariables(program []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, err
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, l := range needed {
		if libraries[l] == "" {
			return nil, fmt.Errorf("it needs %s, which is neither here nor in packaging/nfpm.yaml", l)
		}
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return nil, err
	}
	newest := map[string][]int{}
	for _, s := range symbols {
		name, v, ok := symbolVersion(s.Version)
		if ok && slices.Compare(v, newest[name]) > 0 {
			newest[name] = v
		}
	}
	bits := ""
	if f.Class == elf.ELFCLASS64 {
		bits = "(64bit)"
	}
	list := []string{"BITS=" + bits}
	for _, name := range []string{"GLIBC", "LIBAIO"} {
		if newest[name] == nil {
			return nil, fmt.Errorf("it asks for no symbol of %s", name)
		}
		list = append(list, name+"="+dotted(newest[name]))
	}
	return list, nil
}

// symbolVersion reads GLIBC_2.34: a library and the numbers of its version.
func symbolVersion(s string) (library string, version []int, ok bool) {
	library, numbers, ok := strings.Cut(s, "_")
	if !ok {
		return "", nil, false
	}
	for part := range strings.SplitSeq(numbers, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return "", nil, false
		}
		version = append(version, n)
	}
	return library, version, true
}

func dotted(version []int) string {
	var parts []string
	for _, n := range version {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ".")
}
