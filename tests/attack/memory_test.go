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

// TestSocketMemory lets clients ask for large files and read nothing: little of each answer may wait in the
// kernel, whose memory for it all connections of the machine share.
func TestSocketMemory(t *testing.T) {
	site := harness.NewSite(t)
	for _, face := range faces {
		for _, folder := range []string{"static", "dynamic"} {
			t.Run(face+"/"+folder, func(t *testing.T) {
				server := start(t, face, site.Root)
				const count = 200
				crowd := attackers(t, server.Address, count, 4096, func(int) string {
					return "GET /" + folder + "/huge HTTP/1.1\r\nHost: a\r\n\r\n"
				})
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
				t.Logf("%d clients that read nothing: %d KiB wait for each on average, %d KiB at the most", count, sum/count>>10, longest>>10)
				if longest > 512<<10 {
					t.Errorf("%d bytes wait for one client", longest)
				}
				crowd.hangUp()
				stop(t, server)
			})
		}
	}
}
