package logging

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestNobodyReads writes to a pipe that nobody reads: no message is waited for, and anyone who comes to read at last hears
// how many are missing.
func TestNobodyReads(t *testing.T) {
	for _, format := range []string{logText, logJSON} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r := New(write)
		r.Set(&Options{format: format, level: "info"}, false)
		const messages = 40_000
		began := time.Now()
		for i := range messages {
			r.Info(fmt.Sprintf("message %d %s", i, strings.Repeat("x", 60)))
		}
		r.Flush() // waits for a while
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: %d messages took %v", format, messages, took)
		}
		text := make(chan string)
		go func() {
			var all strings.Builder
			b := make([]byte, 64<<10)
			for {
				n, err := read.Read(b)
				all.Write(b[:n])
				if err != nil || strings.Contains(all.String(), "the end") {
					text <- all.String()
					return
				}
			}
		}()
		r.Flush()
		r.Warn("the end")
		got := <-text
		lines := strings.Count(got, "message ")
		var dropped int
		at := strings.Index(got, " messages were dropped")
		if at < 0 {
			t.Fatalf("%s: nothing is said of what was dropped; %d of %d lines", format, lines, messages)
		}
		from := strings.LastIndexAny(got[:at], ` "`) + 1
		if _, err := fmt.Sscan(got[from:at], &dropped); err != nil || lines+dropped != messages {
			t.Errorf("%s: %d lines and %d dropped of %d, %v", format, lines, dropped, messages, err)
		}
		_, _ = write.Close(), read.Close()
	}
}
