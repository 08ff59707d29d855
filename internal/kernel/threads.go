package kernel

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A process whose threads are bounded must keep to that by itself: when the Go runtime, or the C library, can't start a
// thread, it ends the process.

// threadsReserved are for the Go runtime: its monitor, the garbage collector, and threads in system calls.
const threadsReserved = 32

// WorkersMax returns how many worker threads each of the loops may have for disks of this machine, and as many again for other
// machines: at most wanted and at least one. If there are fewer than wanted, the warning names the limit. It reads /proc and
// the control groups.
func WorkersMax(loops, wanted int) (most int, warning string) {
	room, reason := threadRoom()
	if room < 0 {
		return wanted, ""
	}
	// Half of the room, for others of the same user or group may need threads, too.
	const handshakes = 1
	each := ((room-threadsReserved)/2/loops-computeMax-handshakes)/2 - generateThreadsMax - CompressMax
	for most = max(min(each, wanted), 1); most > 1 && most+listThreads(most) > each; {
		most--
	}
	if most >= wanted {
		return wanted, ""
	}
	return most, fmt.Sprintf("%s leaves room for %d threads: %d of them may wait for disks in each loop, instead of %d; "+
		"a slow disk holds up more requests then", reason, room, most, wanted)
}

// threadRoom returns how many more threads this process may have, and the name of the limit; -1 if there is
// no limit.
func threadRoom() (room int, reason string) {
	room = -1
	bound := func(n int, format string, args ...any) {
		if n = max(n, 0); room < 0 || n < room {
			room, reason = n, fmt.Sprintf(format, args...)
		}
	}
	var limit unix.Rlimit
	// The limit is one of all the user's threads (setrlimit(2), RLIMIT_NPROC). The superuser may exceed it, but not the user
	// that --user makes of it.
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) == nil && limit.Cur < 1<<22 {
		bound(int(limit.Cur), "RLIMIT_NPROC (%d)", limit.Cur)
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return room, reason
	}
	for line := range bytes.Lines(text) {
		// cgroups(7): "0::/path" in the unified hierarchy, or "7:pids:/path".
		fields := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base := "/sys/fs/cgroup"
		if fields[1] == "pids" {
			base = "/sys/fs/cgroup/pids"
		} else if fields[1] != "" {
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if most, ok := readNumber(path.Join(base, group, "pids.max")); ok {
				now, _ := readNumber(path.Join(base, group, "pids.current"))
				bound(most-now, "pids.max of the control group %s (%d, systemd's TasksMax)", group, most)
			}
			if group == "/" {
				break
			}
		}
	}
	return room, reason
}

// readNumber reads a number from a file. It returns false if the file does not exist or contains "max".
func readNumber(name string) (int, bool) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return n, err == nil
}
