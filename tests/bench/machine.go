package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the figures depend on.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryMB int64  `json:"memory_mb"`
	Kernel   string `json:"kernel"`
	// Congestion is the system's congestion control, which on loopback, too, decides in what pieces
	// big files leave.
	Congestion string            `json:"congestion"`
	Versions   map[string]string `json:"versions"`
}

func describeMachine(b *bench) machine {
	m := machine{Cores: runtime.NumCPU(), Versions: map[string]string{"Go": runtime.Version()}}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if match := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text); match != nil {
			m.CPU = string(match[1])
		}
	}
	m.MemoryMB = statusField("/proc/meminfo", "MemTotal:") / 1024
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	if text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control"); err == nil {
		m.Congestion = strings.TrimSpace(string(text))
	}
	version := regexp.MustCompile(`\d+\.\d+[\w.+-]*`)
	for program, flag := range map[string]string{"nginx": "-v", "h2o": "--version", "lighttpd": "-v", "caddy": "version", "fio": "--version", "wrk": "-v", "h2load": "--version", "openssl": "version"} {
		if path, err := findProgram(program); err == nil {
			output, _ := exec.Command(path, flag).CombinedOutput()
			m.Versions[program] = version.FindString(string(output))
		}
	}
	if output, err := exec.Command(b.aws, "--version").CombinedOutput(); err == nil {
		if fields := strings.Fields(string(output)); len(fields) > 1 {
			m.Versions["aws"] = fields[1]
		}
	}
	if module, err := os.ReadFile(filepath.Join("tests", "bench", "peers", "gopeers", "go.mod")); err == nil {
		if match := regexp.MustCompile(`valyala/fasthttp v(\S+)`).FindSubmatch(module); match != nil {
			m.Versions["fasthttp"] = string(match[1])
		}
	}
	return m
}
