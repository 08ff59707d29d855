package attack

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws/tests/harness"
)

// sendQueues returns how many bytes wait in each of the server's connections, as /proc/net/tcp has it.
func sendQueues(t *testing.T, s *harness.Server) []int64 {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	local := strings.ToUpper(hex.EncodeToString([]byte{byte(number >> 8), byte(number)}))
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	var queues []int64
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		const established = "01"
		if len(fields) < 5 || !strings.HasSuffix(fields[1], ":"+local) || fields[3] != established {
			continue
		}
		text, _, _ := strings.Cut(fields[4], ":")
		n, err := strconv.ParseInt(text, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		queues = append(queues, n)
	}
	return queues
}

// socketsLow returns how much the machine's connections may hold before the kernel restrains them (tcp(7), tcp_mem).
func socketsLow(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_mem")
	if err != nil {
		t.Fatal(err)
	}
	var pages int64
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestSocketMemory lets clients ask for large files and read nothing. As much of a response may wait in the kernel as a socket takes, until a
// quarter of what all connections of the machine may hold without trouble is used up; then little more for each.
func TestSocketMemory(t *testing.T) {
	const (
		socketMost = 8 << 20 // more than a socket takes (tcp_wmem)
		lookAfter  = 8 << 20 // as much may a loop send between two looks
		loops      = 2       // at the most
	)
	quarter := socketsLow(t) / 4
	site := harness.NewSite(t)
	for _, mode := range modes {
		for _, directory := range []string{"static", "dynamic"} {
			for _, ends := range []bool{true, false} {
				if mode == "dropin" && !ends {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/ends=%v", mode, directory, ends), func(t *testing.T) {
					server := start(t, mode, site.Root)
					head := "GET /" + directory + "/huge HTTP/1.1\r\nHost: a\r\n\r\n"
					if ends {
						head = "GET /" + directory + "/huge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
					}
					count := int(min(max(4*quarter/(2<<20), 200), 900))
					most, mostOfOne := quarter+loops*lookAfter+int64(count)*256<<10, int64(socketMost)
					clientGroup := attackers(t, server.Address, count, 4096, func(int) string { return head })
					var longest, sum int64
					harness.Eventually(t, 20*time.Second, "all clients are being sent to", func() error {
						longest, sum = 0, 0
						busy := 0
						for _, n := range sendQueues(t, server) {
							longest, sum = max(longest, n), sum+n
							if n > 16<<10 {
								busy++
							}
						}
						if busy < count {
							return fmt.Errorf("%d", busy)
						}
						return nil
					})
					t.Logf("%d clients that read nothing: %d KiB wait for each on average, %d KiB at the most, %d MiB for all",
						count, sum/int64(count)>>10, longest>>10, sum>>20)
					if longest > mostOfOne {
						t.Errorf("%d bytes wait for one client, more than %d", longest, mostOfOne)
					}
					if sum > most {
						t.Errorf("%d bytes wait for all clients, more than %d", sum, most)
					}
					clientGroup.hangUp()
					stop(t, server)
				})
			}
		}
	}
}
