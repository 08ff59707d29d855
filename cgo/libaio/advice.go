package libaio

import (
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// LimitAdvice returns a sentence with the number of AIO slots of the machine, the number in use, and the
// sysctl command that makes room for the given number of slots. It is for Setup's error, and for callers
// that got fewer slots than requested.
func LimitAdvice(slots int) string {
	limit, errLimit := readCount("/proc/sys/fs/aio-max-nr")
	taken, errTaken := readCount("/proc/sys/fs/aio-nr")
	if errLimit != nil || errTaken != nil {
		return "all AIO slots of the machine are taken; raise the sysctl fs.aio-max-nr"
	}
	return adviceFor(slots, limit, taken)
}

// adviceFor recommends the next power of two above both the limit and the number of slots that are needed.
func adviceFor(slots int, limit, taken uint64) string {
	need := max(taken+uint64(slots), limit)
	return fmt.Sprintf("fs.aio-max-nr is %d and %d of them are taken (fs.aio-nr); "+
		"set it with: sysctl -w fs.aio-max-nr=%d", limit, taken, uint64(1)<<bits.Len64(need))
}

// missingAdvice returns the text to add to an errno that means that kernel AIO is not available.
func missingAdvice(errno syscall.Errno) string {
	if errno == syscall.ENOSYS || errno == syscall.EPERM {
		return ": kernel AIO is not available (a kernel without CONFIG_AIO, or a sandbox that forbids it)"
	}
	return ""
}

// readCount reads a file of /proc that holds one number.
func readCount(path string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}
