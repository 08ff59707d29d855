package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"

	"aws/internal/command"
	"aws/internal/kernel"

	"github.com/spf13/cobra"
)

// versionReport is what `aws version` reports. The names of its JSON are a promise.
type versionReport struct {
	Version  string           `json:"version"`
	Commit   string           `json:"commit"`
	Go       string           `json:"go"`
	Platform string           `json:"platform"`
	Libaio   string           `json:"libaio"`
	Kernel   string           `json:"kernel"`
	File     string           `json:"file"` // the features were tried with it
	Features []kernel.Feature `json:"features"`
}

// versionCommand reports what this program is, and what the kernel beneath it can do.
func versionCommand(stdout io.Writer) *cobra.Command {
	asJSON := false
	cmd := newCommand("version [FILE]", "report the version, and which kernel features are available", cobra.MaximumNArgs(1),
		func(_ *cobra.Command, args []string) error {
			r, err := newVersionReport(args)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(stdout)
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			r.print(stdout)
			return nil
		})
	cmd.Long = `Reports the version, and tries each kernel feature that the server uses if it is available.
Some depend on the filesystem: they are tried with FILE. The default of FILE is the program's own file.`
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newVersionReport(args []string) (*versionReport, error) {
	file := ""
	if len(args) > 0 {
		info, err := os.Stat(args[0])
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file: the features are tried with one of the file system in question", args[0])
		}
		file = args[0]
	} else if own, err := os.Executable(); err == nil {
		file = own
	}
	return &versionReport{
		Version: command.Version, Commit: command.Commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Libaio: kernel.Libaio(), Kernel: kernel.Release(), File: file, Features: kernel.Features(file),
	}, nil
}

func (r *versionReport) print(w io.Writer) {
	for _, line := range [][2]string{
		{"version", r.Version},
		{"commit", r.Commit},
		{"go", r.Go + " " + r.Platform},
		{"libaio", r.Libaio},
		{"kernel", r.Kernel},
		{"tried with", r.File},
	} {
		fmt.Fprintf(w, "%-16s %s\n", line[0], line[1])
	}
	for _, f := range r.Features {
		have := "yes"
		if !f.Have {
			have = "no"
		}
		fmt.Fprintf(w, "%-16s %-3s", f.Name, have)
		if f.Detail != "" {
			fmt.Fprintf(w, " (%s)", f.Detail)
		}
		if f.Else != "" {
			fmt.Fprintf(w, ": %s", f.Else)
		}
		fmt.Fprintln(w)
	}
}
