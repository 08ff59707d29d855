package clients

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const videoSeconds = 40

var video = sync.OnceValues(func() ([]byte, error) {
	directory, err := os.MkdirTemp("", "aws-video-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "video.mp4")
	// Noise, so that it is large; the index stands at its end, so that a client has to seek for it.
	make := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=duration=%d:size=320x240:rate=15,noise=alls=60:allf=t", videoSeconds),
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "4M", "-g", "15", path)
	if output, err := make.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w\n%s", err, output)
	}
	return os.ReadFile(path)
})

// video makes the video that is sought in.
func (l *lab) video() []byte {
	l.Helper()
	content, err := video()
	if err != nil {
		l.Fatal(err)
	}
	if len(content) < 4<<20 {
		l.Fatalf("a video of %d bytes fits every buffer", len(content))
	}
	return content
}

// sought fails the test unless a client has asked for the path from somewhere in its middle on.
func (l *lab) sought(mark int, path string, size int) {
	l.Helper()
	l.since(mark, "a range from within the file", func(a *logged) bool {
		start, ok := strings.CutPrefix(a.values["range"], "bytes=")
		start, _, _ = strings.Cut(start, "-")
		at, err := strconv.Atoi(start)
		return ok && err == nil && a.status == 206 && a.target == path && at > size/4
	})
}

func testFfmpeg(l *lab) {
	content := l.video()
	local := l.put("local.mp4", content)
	frames := func(input string, at int) string {
		return l.must("ffmpeg", "-v", "error", "-ss", fmt.Sprint(at), "-i", input, "-frames:v", "5", "-f", "framemd5", "-")
	}
	l.both("video.mp4", content, func(url, path string) {
		mark := l.mark()
		for _, at := range []int{0, videoSeconds / 2, videoSeconds - 3} {
			if got, want := frames(url, at), frames(local, at); got != want {
				l.Errorf("other frames at %d s:\n%s\n%s", at, got, want)
			}
		}
		l.sought(mark, path, len(content))
		// All of it, by copying.
		l.must("ffmpeg", "-v", "error", "-y", "-i", url, "-c", "copy", "-f", "framemd5", "remote.md5")
		l.must("ffmpeg", "-v", "error", "-y", "-i", local, "-c", "copy", "-f", "framemd5", "local.md5")
		want, err := os.ReadFile(filepath.Join(l.work, "local.md5"))
		if err != nil {
			l.Fatal(err)
		}
		l.same("remote.md5", want)
	})
}

func testMpv(l *lab) {
	content := l.video()
	l.both("video.mp4", content, func(url, path string) {
		mark := l.mark()
		l.must("mpv", "--no-config", "--vo=null", "--ao=null", "--really-quiet", "--untimed", "--ytdl=no", "--load-scripts=no",
			fmt.Sprintf("--start=%d", videoSeconds*3/4), "--frames=10", url)
		l.sought(mark, path, len(content))
	})
}

// imagesCount is how many images the page has; each is another file.
const imagesCount = 200

const page = `<!DOCTYPE html><title>page</title>
<body><script>
const report = text => fetch("report?" + encodeURIComponent(text))
let loaded = 0, failed = 0
const images = Array.from({length: %d}, (_, i) => new Promise(done => {
  const image = document.createElement("img")
  image.onload = () => { loaded += image.naturalWidth; done() }
  image.onerror = () => { failed++; done() }
  image.src = "image" + i + ".gif"
  document.body.append(image)
}))
const video = document.createElement("video")
const event = name => new Promise((done, fail) => {
  video.addEventListener(name, done, {once: true})
  video.addEventListener("error", () => fail(new Error("video: " + (video.error && video.error.message))), {once: true})
})
const seek = async to => { const sought = event("seeked"); video.currentTime = to; await sought; return Math.round(video.currentTime) }
const main = async () => {
  await Promise.all(images)
  video.muted = true
  video.preload = "metadata"
  const ready = event("loadeddata")
  video.src = "video.mp4"
  document.body.append(video)
  await ready
  const places = []
  for (const to of [%d, 2, %d]) places.push(await seek(to))
  const range = await fetch("video.mp4", {headers: {Range: "bytes=100-199"}, cache: "no-store"})
  const bytes = (await range.arrayBuffer()).byteLength
  const protocols = new Set(performance.getEntriesByType("resource").map(entry => entry.nextHopProtocol).filter(Boolean)) // some are under way
  await report(["done", [...protocols].join("+"), loaded, failed, Math.round(video.duration), places.join("+"), range.status, bytes].join(" "))
}
main().catch(error => report("failed " + error))
</script>`

func testChromium(l *lab) { l.chromium(l.url(""), "http/1.1") }

// testChromiumHTTP2 has the page loaded by https, for which browsers speak HTTP/2.
func testChromiumHTTP2(l *lab) {
	c, err := tls.Dial("tcp", l.server.Address, l.server.Client)
	if err != nil {
		l.Fatal(err)
	}
	key := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	if err := c.Close(); err != nil {
		l.Fatal(err)
	}
	// Unlike --ignore-certificate-errors, this lets the browser keep what it has fetched.
	trust := "--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:])
	l.chromium(fmt.Sprintf("https://%s/%s/", l.server.Address, l.name), "h2", trust)
}

// chromium has a browser load a page of images and seek in a video, by a protocol as it is named in ALPN.
func (l *lab) chromium(base, protocol string, flags ...string) {
	content := l.video()
	l.serve("video.mp4", content)
	gif, err := base64.StdEncoding.DecodeString("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
	if err != nil {
		l.Fatal(err)
	}
	for i := range imagesCount {
		l.serve(fmt.Sprintf("image%d.gif", i), gif)
	}
	first, last := videoSeconds*3/4, videoSeconds/2
	l.serve("index.html", fmt.Appendf(nil, page, imagesCount, first, last))
	l.serve("report", []byte("thanks"))
	mark := l.mark()
	args := append(flags, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--no-proxy-server",
		"--user-data-dir="+filepath.Join(l.work, "profile"), "--remote-debugging-port=0", base)
	command := exec.Command("chromium", args...)
	command.Dir, command.Env = l.work, l.env()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := os.Create(filepath.Join(l.work, "output"))
	if err != nil {
		l.Fatal(err)
	}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		l.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // all of its processes, and none of anybody else
		_ = command.Wait()
		_ = output.Close()
	}()
	var said string
	for deadline := time.Now().Add(patience); said == ""; time.Sleep(100 * time.Millisecond) {
		for _, a := range l.responses()[mark:] {
			if text, ok := strings.CutPrefix(a.target, "/"+l.name+"/report?"); ok {
				said, _ = url.QueryUnescape(text)
			}
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(output.Name())
			var lines []string
			for _, a := range l.responses()[mark:] {
				lines = append(lines, a.line)
			}
			l.Fatalf("the page says nothing:\n%.3000s\n%.3000s", text, strings.Join(lines, "\n"))
		}
	}
	if want := fmt.Sprintf("done %s %d 0 %d %d+2+%d 206 100", protocol, imagesCount, videoSeconds, first, last); said != want {
		l.Errorf("the page says %q, wanted %q", said, want)
	}
	l.sought(mark, "/"+l.name+"/video.mp4", len(content))
	tags := 0
	images := map[string]bool{}
	for _, a := range l.responses()[mark:] {
		if a.status == 200 && strings.HasSuffix(a.target, ".gif") {
			images[a.target] = true
		}
		tag := a.values["if-range"]
		if tag == "" {
			continue
		}
		tags++
		if a.status != 206 || !strings.HasPrefix(tag, `"`) {
			l.Errorf("a seek whose response is all of the file: %s", a.line)
		}
	}
	if tags == 0 || len(images) != imagesCount {
		l.Errorf("%d seeks with If-Range, %d images", tags, len(images))
	}
}
