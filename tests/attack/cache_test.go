package attack

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aws/tests/harness"
)

// The bounds of the cache, which internal/docroot and cmd/aws set.
const (
	absentBytesMax = 8 << 20  // of absences
	madeBytesMax   = 16 << 20 // of listings that nobody uses
	madeInUseMax   = 64 << 20 // of all listings, when no more are made
)

// anonymousBytes returns what the process has of memory of its own.
func anonymousBytes(t *testing.T, s *harness.Server) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// openFiles returns how many files the server has open beneath a root. The directory dynamic is open for good.
func openFiles(t *testing.T, s *harness.Server, directory string) int {
	t.Helper()
	sum := 0
	for target, count := range s.Descriptors(t) {
		if strings.HasPrefix(target, directory+"/") && target != directory+"/dynamic" {
			sum += count
		}
	}
	return sum
}

// pipeline asks for many targets over one connection, several at a time, and hands each response to check.
func pipeline(address string, targets []string, check func(target string, response *http.Response) error) error {
	conn, err := dial(address, "127.0.0.7", 0)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Minute))
	failed := make(chan error, 1)
	go func() {
		out := bufio.NewWriterSize(conn, 64<<10)
		for _, target := range targets {
			if _, err := fmt.Fprintf(out, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target); err != nil {
				failed <- err
				return
			}
		}
		failed <- out.Flush()
	}()
	in := bufio.NewReader(conn)
	for _, target := range targets {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			return fmt.Errorf("%.40s: %w", target, err)
		}
		if err := check(target, response); err != nil {
			return fmt.Errorf("%.40s: %w", target, err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("%.40s: %w", target, err)
		}
	}
	return <-failed
}

func wantStatus(status int) func(string, *http.Response) error {
	return func(_ string, response *http.Response) error {
		if response.StatusCode != status {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return nil
	}
}

// TestMadeUpNames asks for 100,000 names that do not exist, pipelined over kept connections. They take the memory that
// absences may have, and what the garbage collector needs to keep to that; names that no file can have take none.
func TestMadeUpNames(t *testing.T) {
	const (
		count, clients = 100_000, 8
		slack          = 40 << 20 // twice what is kept, for the collector, and what connections and workers take
	)
	for _, nameBytes := range []int{200, 7000} {
		t.Run(fmt.Sprint(nameBytes), func(t *testing.T) {
			site := harness.NewSite(t)
			server := start(t, "serve", site.Root)
			harness.Load{Address: server.Address, Site: site, Clients: 4, PerConn: 20}.Run(200).Check(t, false)
			before := anonymousBytes(t, server)
			var group sync.WaitGroup
			for client := range clients {
				group.Go(func() {
					var targets []string
					for i := range count / clients {
						name := fmt.Sprintf("/%d-%d-", client, i)
						for len(name) < nameBytes {
							name += strings.Repeat("x", min(190, nameBytes-len(name))) + "/"
						}
						targets = append(targets, name[:nameBytes-1]+"y")
					}
					if err := pipeline(server.Address, targets, wantStatus(http.StatusNotFound)); err != nil {
						t.Error(err)
					}
				})
			}
			var most int64
			done := make(chan struct{})
			go func() { group.Wait(); close(done) }()
			for running := true; running; {
				select {
				case <-done:
					running = false
				case <-time.After(50 * time.Millisecond):
				}
				most = max(most, anonymousBytes(t, server))
			}
			t.Logf("%d names of %d bytes: memory grew by %d KiB at the most", count, nameBytes, (most-before)>>10)
			if most-before > absentBytesMax+slack {
				t.Errorf("memory grew by %d bytes, more than %d", most-before, absentBytesMax+slack)
			}
			harness.Load{Address: server.Address, Site: site, Clients: 4, PerConn: 20}.Run(200).Check(t, false)
			stop(t, server)
		})
	}
}

// TestManyFiles asks for 20,000 files that exist. With 4,096 descriptors and two loops some 500 may be open for nobody
// (docs/operators-guide.md, Limits).
func TestManyFiles(t *testing.T) {
	const count, clients, descriptors = 20_000, 8, 4096
	const filesMax = (descriptors - 2*24) / 4 / 2
	site := harness.NewSite(t)
	for i := range count {
		harness.WriteFile(t, filepath.Join(site.Root, "many", fmt.Sprint(i%100), fmt.Sprint(i)), []byte{byte(i)})
	}
	server := harness.StartServe(t, harness.Options{
		Wrap: []string{harness.Tool(t, "prlimit"), fmt.Sprintf("--nofile=%d:%d", descriptors, descriptors)},
	}, site.Root, "--verbose", "--precompressed=false")
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			var targets []string
			for i := client; i < count; i += clients {
				targets = append(targets, fmt.Sprintf("/many/%d/%d", i%100, i))
			}
			if err := pipeline(server.Address, targets, wantStatus(http.StatusOK)); err != nil {
				t.Error(err)
			}
		})
	}
	most := 0
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
		most = max(most, openFiles(t, server, site.Root))
	}
	const inUse = clients * 17 // the response of each, and those that are prepared behind it
	t.Logf("%d files: %d were open at the most", count, most)
	if most > filesMax+inUse {
		t.Errorf("%d files were open, more than %d", most, filesMax+inUse)
	}
	harness.Eventually(t, 20*time.Second, "only the bound is open", func() error {
		if n := openFiles(t, server, site.Root); n > filesMax {
			return harness.Errorf("%d files are open for nobody, more than %d", n, filesMax)
		}
		return nil
	})
	stop(t, server)
}

// TestFilesInUse lets 70 clients download as many files and read nothing, then asks for 1,500 others, of which only the
// bound may stay open, so that new clients are served, with 1,024 descriptors.
func TestFilesInUse(t *testing.T) {
	const slow, others, descriptors = 70, 1500, 1024
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			loops := map[string]int{"dropin": 1, "serve": 2}[mode]
			filesMax := (descriptors - loops*24) / 4 / 2
			site := harness.NewSite(t)
			content := harness.Content(4<<20, 1)
			for i := range slow {
				harness.WriteFile(t, filepath.Join(site.Root, "static", fmt.Sprint("slow", i)), content)
			}
			for i := range others {
				harness.WriteFile(t, filepath.Join(site.Root, "static", fmt.Sprint("other", i)), []byte("x"))
			}
			options := harness.Options{Wrap: []string{harness.Tool(t, "prlimit"), fmt.Sprintf("--nofile=%d:%d", descriptors, descriptors)}}
			var server *harness.Server
			if mode == "serve" {
				server = harness.StartServe(t, options, site.Root, "--verbose")
			} else {
				options.Args = []string{"--verbose"}
				server = harness.StartAWS(t, site.Root, options)
			}
			downloads := attackers(t, server.Address, slow, 4096, func(i int) string {
				return fmt.Sprintf("GET /static/slow%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
			})
			harness.Eventually(t, 20*time.Second, "all are in use", func() error {
				if n := openFiles(t, server, site.Root); n < slow {
					return harness.Errorf("%d files are open", n)
				}
				return nil
			})
			for i := range others {
				if status, err := ask(server.Address, fmt.Sprintf("GET /static/other%d HTTP/1.0\r\n\r\n", i)); err != nil || status != "200" {
					t.Fatalf("file %d: status %q, %v", i, status, err)
				}
			}
			// The last of the others is in use until its connection is closed.
			harness.Eventually(t, 20*time.Second, "only the bound is open", func() error {
				if n := openFiles(t, server, site.Root); n > filesMax+slow {
					return harness.Errorf("%d files are open, more than %d and the %d in use", n, filesMax, slow)
				}
				return nil
			})
			got := wellBehaved(server, site).RunFor(time.Second)
			got.Check(t, false)
			downloads.hangUp()
			harness.Eventually(t, 40*time.Second, "all files are closed", func() error {
				if n := openFiles(t, server, site.Root); n > 0 {
					return harness.Errorf("%d files are open", n)
				}
				return nil
			})
			stop(t, server)
		})
	}
}

// listingBytes returns how much memory the server's listings hold, and of how many.
func listingBytes(t *testing.T, s *harness.Server) (sum int64, count int) {
	t.Helper()
	directory := fmt.Sprintf("/proc/%d/fd", s.PID())
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := filepath.Join(directory, entry.Name())
		if target, err := os.Readlink(name); err != nil || !strings.HasPrefix(target, "/memfd:") {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			sum += info.Size()
			count++
		}
	}
	return sum, count
}

// TestListings asks for the listings of 240 directories, first one after the other, then by as many clients that read nothing.
func TestListings(t *testing.T) {
	const directories = 240
	site := harness.NewSite(t)
	for i := range 500 {
		harness.WriteFile(t, filepath.Join(site.Root, "real", fmt.Sprintf("%d-%s", i, strings.Repeat("n", 200))), nil)
	}
	var targets []string
	for i := range directories {
		name := fmt.Sprint("directory", i)
		if err := os.Symlink("real", filepath.Join(site.Root, name)); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, "/"+name+"/")
	}
	// With HTTP/2, sockets take less than a listing has: the rest stays in the server's memory.
	server := start(t, "serve", site.Root, "--list", "--max-connections-per-ip", "0", "--h2c")
	var size int64
	err := pipeline(server.Address, targets, func(_ string, response *http.Response) error {
		size = response.ContentLength
		return wantStatus(http.StatusOK)("", response)
	})
	if err != nil {
		t.Fatal(err)
	}
	if directories*size < 2*madeBytesMax {
		t.Fatalf("all listings have %d bytes: too few to be more than %d", directories*size, madeBytesMax)
	}
	// What was sent last is in use until the loop has seen the end of its response.
	keeps := func() {
		harness.Eventually(t, 30*time.Second, "no more is kept than may be", func() error {
			kept, count := listingBytes(t, server)
			if kept > madeBytesMax {
				return harness.Errorf("%d listings are kept, %d bytes, more than %d", count, kept, madeBytesMax)
			}
			return nil
		})
	}
	keeps()

	// Clients that read nothing, each of another listing or another order of one.
	var most int64
	readers := attackers(t, server.Address, 3*directories, 4096, func(i int) string {
		query := []string{"", "?sort=size", "?sort=time"}[i/directories]
		if i%20 == 19 {
			sum, _ := listingBytes(t, server)
			most = max(most, sum)
		}
		return "GET " + targets[i%directories] + query + " HTTP/1.1\r\nHost: a\r\n\r\n"
	})
	const atOnce = 2 * 64 // workers of both loops, each of which may be making one
	refused := false
	harness.Eventually(t, 30*time.Second, "a listing is refused", func() error {
		response, err := http.Get("http://" + server.Address + "/real/?sort=size")
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		sum, count := listingBytes(t, server)
		most = max(most, sum)
		refused = response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != ""
		if !refused {
			return harness.Errorf("status %d, %d listings of %d KiB", response.StatusCode, count, sum>>10)
		}
		return nil
	})
	t.Logf("%d clients that read nothing: listings hold %d MiB at the most, further ones are refused: %v", 3*directories, most>>20, refused)
	if most > madeInUseMax+atOnce*size {
		t.Errorf("listings hold %d bytes, more than %d and those being made", most, madeInUseMax)
	}
	wellBehaved(server, site).RunFor(time.Second).Check(t, false)
	readers.hangUp()
	harness.Eventually(t, 30*time.Second, "listings are made again", func() error {
		response, err := http.Get("http://" + server.Address + "/real/?sort=time")
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		content, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(content, []byte("nnn")) {
			return harness.Errorf("status %d, %v", response.StatusCode, err)
		}
		return nil
	})
	keeps()
	stop(t, server)
}
