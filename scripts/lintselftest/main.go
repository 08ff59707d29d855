// Command lintselftest proves that the linters bite: lintselftest GOLANGCI-LINT HOUSECHECK.
//
// It makes a small module of the same shape as this one in a scratch directory, breaks every rule of
// .golangci.yml and of housecheck there once, and sees each refused with the message that says
// what to do instead; and it sees what is allowed let through. It runs in the repository's root.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: lintselftest GOLANGCI-LINT HOUSECHECK")
		os.Exit(2)
	}
	complaints, err := selfTest(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "lintselftest:", err)
		os.Exit(2)
	}
	for _, complaint := range complaints {
		fmt.Println(complaint)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d violations refused, %d allowed files let through\n", len(violations), len(allowed))
}

// selfTest returns what the linters let through and should not, and the other way about.
func selfTest(golangci, housecheck string) (complaints []string, err error) {
	module, err := os.MkdirTemp("", "aws-lint-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if removeErr := os.RemoveAll(module); err == nil {
			err = removeErr
		}
	}()
	if err := lay(module); err != nil {
		return nil, err
	}
	findings, err := lint(module, golangci, housecheck)
	if err != nil {
		return nil, err
	}
	for _, v := range violations {
		if !found(findings, v) {
			complaints = append(complaints, fmt.Sprintf("not refused: %s: %s", v.path, v.want))
		}
	}
	for _, finding := range findings {
		path, _, _ := strings.Cut(finding, ":")
		if !expected(path) {
			complaints = append(complaints, "refused, though allowed: "+finding)
		}
	}
	if len(complaints) > 0 {
		complaints = append(complaints, "all findings:")
		complaints = append(complaints, findings...)
	}
	return complaints, nil
}

// lay writes the module: the real configuration and dependencies, the stubs and the cases.
func lay(module string) error {
	files := make(map[string]string)
	for _, name := range []string{".golangci.yml", "go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	for path, text := range stubs {
		files[path] = text
	}
	for _, v := range violations {
		files[v.path] = v.text
	}
	for path, text := range allowed {
		files[path] = text
	}
	for path, text := range files {
		full := filepath.Join(module, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lint runs both linters in the module and returns their findings, a line each. That they find
// something is expected; a module that does not compile, or a finding of none at all, is an error.
func lint(module, golangci, housecheck string) (findings []string, err error) {
	golangci, err = filepath.Abs(golangci)
	if err != nil {
		return nil, err
	}
	housecheck, err = filepath.Abs(housecheck)
	if err != nil {
		return nil, err
	}
	for _, command := range [][]string{
		{golangci, "run", "--output.text.print-issued-lines=false", "--output.text.colors=false", "./..."},
		{housecheck},
	} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = module
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err == nil || strings.Contains(string(out), "(typecheck)") || cmd.ProcessState.ExitCode() != 1 {
			return nil, fmt.Errorf("%s: %w\n%s%s", command[0], err, out, stderr.String())
		}
		for line := range strings.Lines(string(out)) {
			if path, _, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(path, ".go") {
				findings = append(findings, strings.TrimSpace(line))
			}
		}
	}
	return findings, nil
}

func found(findings []string, v violation) bool {
	for _, finding := range findings {
		if strings.HasPrefix(finding, v.path+":") && strings.Contains(finding, v.want) {
			return true
		}
	}
	return false
}

func expected(path string) bool {
	for _, v := range violations {
		if v.path == path {
			return true
		}
	}
	return false
}
