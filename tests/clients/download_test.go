package clients

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aws/tests/harness"
)

func testCurl(l *lab) {
	content := harness.Content(5_000_001, 11)
	l.both("file", content, func(url, path string) {
		l.must("curl", "-sS", "-o", "whole", url)
		l.same("whole", content)

		// Resume what was cut short, and what was not.
		mark := l.mark()
		l.put("part", content[:1_234_567])
		l.must("curl", "-sS", "-C", "-", "-o", "part", url)
		l.same("part", content)
		l.since(mark, "the rest", has(206, path, "range", "bytes=1234567-", "sent", ""))
		mark = l.mark()
		l.client("curl", "-sS", "-C", "-", "-o", "part", url) // its exit status depends on its version
		l.same("part", content)
		l.since(mark, "no rest", has(416, path, "range", "bytes=5000001-"))

		// Ranges.
		mark = l.mark()
		l.must("curl", "-sS", "-r", "100-199", "-o", "range", url)
		l.same("range", content[100:200])
		l.must("curl", "-sS", "-r", "-7", "-o", "range", url)
		l.same("range", content[len(content)-7:])
		l.must("curl", "-sS", "-r", "0-9,4096-8191,2000000-2300000,-5", "-D", "head", "-o", "ranges", url)
		head, err := os.ReadFile(filepath.Join(l.work, "head"))
		if err != nil {
			l.Fatal(err)
		}
		_, boundary, ok := strings.Cut(string(head), "multipart/byteranges; boundary=")
		boundary, _, _ = strings.Cut(boundary, "\r\n")
		if !ok {
			l.Fatalf("no parts: %s", head)
		}
		var want bytes.Buffer
		for _, r := range [][2]int{{0, 9}, {4096, 8191}, {2000000, 2300000}, {len(content) - 5, len(content) - 1}} {
			fmt.Fprintf(&want, "\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n", boundary, r[0], r[1], len(content))
			want.Write(content[r[0] : r[1]+1])
		}
		fmt.Fprintf(&want, "\r\n--%s--\r\n", boundary)
		l.same("ranges", want.Bytes())
		l.since(mark, "several ranges", has(206, path, "range", "bytes=0-9,4096-8191,2000000-2300000,-5"))

		// Versions and methods.
		l.must("curl", "-sS", "--http1.0", "-o", "old", url)
		l.same("old", content)
		l.must("curl", "-sS", "--http2", "-o", "new", url) // asks for an upgrade to h2c
		l.same("new", content)
		if output := l.must("curl", "-sS", "-I", url); !strings.Contains(output, "Content-Length: 5000001\r\n") {
			l.Errorf("HEAD: %s", output)
		}
		mark = l.mark()
		if output := l.must("curl", "-sS", "-T", l.put("upload", content), url); !strings.Contains(output, "4") { // with Expect: 100-continue
			l.Errorf("PUT: %s", output)
		}
		if output := l.must("curl", "-sS", "-d", "a=b", url, "--next", "-sS", "-o", "after", url); !strings.Contains(output, "405 Method Not Allowed") {
			l.Errorf("POST: %s", output)
		}
		l.same("after", content)
		l.since(mark, "a refused POST", func(a *logged) bool { return a.method == "POST" && a.status == 405 })

		// Conditions.
		mark = l.mark()
		l.must("curl", "-sS", "-z", modified.Format(time.RFC1123), "-o", "unchanged", url)
		l.since(mark, "a date", has(304, path, "if-modified-since", "Fri, 04 Mar 2022 05:06:07 GMT"))
		l.must("curl", "-sS", "-z", "2001-01-01", "-o", "changed", url)
		l.same("changed", content)
		mark = l.mark()
		l.must("curl", "-sS", "--etag-save", "etag", "-o", "tagged", url)
		l.same("tagged", content)
		l.must("curl", "-sS", "--etag-compare", "etag", "--etag-save", "etag", "-o", "again", url)
		l.since(mark, "a tag", has(304, path, "if-none-match", `"`))

		// A client that has seen enough.
		l.must("sh", "-c", "curl -sS '"+url+"' 2>/dev/null | head -c 1000 >few || true")
		l.same("few", content[:1000])
	})

	// Forty at a time.
	args := []string{"-sS", "-Z", "--parallel-max", "40", "--no-progress-meter"}
	for i := range 40 {
		name := fmt.Sprintf("parallel%d", i)
		l.both(name, harness.Content(10_000*(i+1), uint64(i)), func(url, path string) {})
		url := l.url(name)
		if i%2 == 1 {
			url = l.dynamicURL(name)
		}
		args = append(args, "-o", name, url)
	}
	l.must("curl", args...)
	for i := range 40 {
		l.same(fmt.Sprintf("parallel%d", i), harness.Content(10_000*(i+1), uint64(i)))
	}

	// A precompressed file.
	text := []byte(strings.Repeat("p { color: red }\n", 10_000))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(text)
	_ = w.Close()
	l.serve("page.css", text)
	l.serve("page.css.gz", packed.Bytes())
	mark := l.mark()
	l.must("curl", "-sS", "--compressed", "-o", "page", l.url("page.css"))
	l.same("page", text)
	l.must("curl", "-sS", "-o", "page", l.url("page.css"))
	l.same("page", text)
	l.since(mark, "the page", has(200, "/curl/page.css"))
}

func testWget(l *lab) {
	content := harness.Content(3_000_003, 12)
	l.both("file", content, func(url, path string) {
		l.must("wget", "-nv", "-O", "whole", url)
		l.same("whole", content)
		mark := l.mark()
		l.put("file", content[:777_777])
		l.must("wget", "-nv", "-c", url)
		l.same("file", content)
		l.since(mark, "the rest", has(206, path, "range", "bytes=777777-"))
		mark = l.mark()
		l.must("wget", "-nv", "-c", url)
		l.same("file", content)
		l.since(mark, "no rest", has(416, path))

		if err := os.Remove(filepath.Join(l.work, "file")); err != nil {
			l.Fatal(err)
		}
		l.must("wget", "-nv", "-N", url)
		l.same("file", content)
		if info, err := os.Stat(filepath.Join(l.work, "file")); err != nil || info.ModTime().Unix() != modified.Unix() {
			l.Errorf("time %v, %v", info.ModTime(), err)
		}
		mark = l.mark()
		l.must("wget", "-nv", "-N", url)
		l.since(mark, "a date", has(304, path, "if-modified-since", "Fri, 04 Mar 2022 05:06:07 GMT"))
	})
	// A file that has changed is fetched again.
	changed := harness.Content(100_000, 13)
	path := l.serve("file", changed)
	later := modified.Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		l.Fatal(err)
	}
	harness.Eventually(l, patience, "the new file is served", func() error {
		l.must("wget", "-nv", "-N", l.url("file"))
		if got, err := os.ReadFile(filepath.Join(l.work, "file")); err != nil || !bytes.Equal(got, changed) {
			return harness.Errorf("the old file")
		}
		return nil
	})
	// A whole tree by its listings, the pages of which are left out.
	names := []string{"tree/one", "tree/sub/two", "tree/sub/a b", "tree/sub/deeper/three"}
	for i, name := range names {
		l.serve(name, harness.Content(1000+i, uint64(i)))
	}
	l.must("wget", "-nv", "-r", "-np", "-nH", "--cut-dirs=1", "-R", "index.html*", "-e", "robots=off", l.url("tree/"))
	for i, name := range names {
		l.same(name, harness.Content(1000+i, uint64(i)))
	}
}

// segmented counts the ranges that a client has asked for of a path.
func (l *lab) segmented(mark int, path string, least int) {
	l.Helper()
	var ranges map[string]bool
	harness.Eventually(l, 30*time.Second, "the log has the segments", func() error {
		ranges = map[string]bool{}
		for _, a := range l.responses()[mark:] {
			if a.status == 206 && a.target == path {
				ranges[a.values["range"]] = true
			}
		}
		if len(ranges) < least {
			return harness.Errorf("%d of %d: %v", len(ranges), least, ranges)
		}
		return nil
	})
}

func testAria2(l *lab) {
	content := harness.Content(40<<20+7, 14)
	l.both("file", content, func(url, path string) {
		mark := l.mark()
		l.must("aria2c", "-q", "--no-conf", "-x", "16", "-s", "16", "-k", "1M", "--allow-overwrite=true", "--file-allocation=none", "-o", "out", url)
		l.same("out", content)
		l.segmented(mark, path, 8)
	})
}

func testLftp(l *lab) {
	content := harness.Content(20<<20+5, 15)
	l.both("file", content, func(url, path string) {
		mark := l.mark()
		l.must("lftp", "-c", "set net:max-retries 3; pget -n 8 "+url)
		l.same("file", content)
		l.segmented(mark, path, 4)
		if err := os.Remove(filepath.Join(l.work, "file")); err != nil {
			l.Fatal(err)
		}
	})
}

func testAxel(l *lab) {
	content := harness.Content(20<<20+3, 16)
	l.both("file", content, func(url, path string) {
		mark := l.mark()
		l.must("axel", "-q", "-n", "8", "-o", "out", url)
		l.same("out", content)
		l.segmented(mark, path, 4)
		if err := os.Remove(filepath.Join(l.work, "out")); err != nil {
			l.Fatal(err)
		}
	})
}

func testZsync(l *lab) {
	content := harness.Content(4<<20+9, 17)
	seed := bytes.Clone(content)
	for _, at := range []int{0, 100_000, 900_000, 1_500_000, 2_000_000, 2_000_001, 3_900_000} {
		copy(seed[at:], "damaged here, and here")
	}
	seed = append(seed[:2_500_000], seed[2_600_000:]...) // and a piece is missing
	l.put("seed", seed)
	l.both("file", content, func(url, path string) {
		mark := l.mark()
		control := strings.Split(path, "/")[1] + ".zsync" // one for each
		l.must("zsyncmake", "-u", url, "-o", filepath.Join(l.root, l.name, control), filepath.Join(l.root, l.name, "file"))
		l.must("zsync", "-q", "-i", "seed", "-o", "out", l.url(control))
		l.same("out", content)
		list := l.since(mark, "several ranges", func(a *logged) bool {
			return a.target == path && a.status == 206 && strings.Contains(a.values["range"], ",")
		})
		for _, a := range list {
			if a.target == path && a.status == 200 {
				l.Errorf("all of the file was fetched: %s", a.line)
			}
		}
		if err := os.Remove(filepath.Join(l.work, "out")); err != nil {
			l.Fatal(err)
		}
	})
}
