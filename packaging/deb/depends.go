package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
)

// packagesOf are Debian's packages of the libraries that the program is linked with. Debian 13 has
// renamed libaio's.
var packagesOf = map[string]string{
	"libc.so.6":       "libc6",
	"libpthread.so.0": "libc6",
	"libresolv.so.2":  "libc6",
	"libaio.so.1":     "libaio1 (>= 0.3.93) | libaio1t64 (>= 0.3.93)",
}

// dependencies returns the packages whose libraries a program needs. For libc it is the version that
// brought the newest symbol the program asks for.
func dependencies(program []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return "", err
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return "", err
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return "", err
	}
	libc := [2]int{}
	for _, s := range symbols {
		if v, ok := glibcVersion(s.Version); ok && (v[0] > libc[0] || v[0] == libc[0] && v[1] > libc[1]) {
			libc = v
		}
	}
	var list []string
	seen := map[string]bool{}
	for _, l := range libraries {
		name, ok := packagesOf[l]
		if !ok {
			return "", fmt.Errorf("it needs %s, and packagesOf does not know whose that is", l)
		}
		if name == "libc6" {
			name = fmt.Sprintf("libc6 (>= %d.%d)", libc[0], libc[1])
		}
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return strings.Join(list, ", "), nil
}

// glibcVersion reads GLIBC_2.34.
func glibcVersion(s string) (v [2]int, ok bool) {
	s, ok = strings.CutPrefix(s, "GLIBC_")
	if !ok {
		return v, false
	}
	for i, part := range strings.SplitN(s, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return v, false
		}
		if i < 2 {
			v[i] = n
		}
	}
	return v, true
}
