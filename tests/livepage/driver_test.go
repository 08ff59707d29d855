package livepage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// browser is a session of WebDriver (W3C).
type browser struct {
	t    *testing.T
	base string
}

var startedAt = regexp.MustCompile(`started successfully on port (\d+)`)

// startBrowser starts a driver, and a browser with a profile of its own, until the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("there is no chromedriver (Debian: chromium-driver)")
	}
	driver := exec.Command(program, "--port=0")
	driver.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := driver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	t.Cleanup(func() {
		if b.base != "" {
			b.call(http.MethodDelete, "", nil, nil)
		}
		_ = driver.Process.Signal(syscall.SIGTERM)
		_ = driver.Wait()
	})
	lines := bufio.NewScanner(output)
	port := ""
	for port == "" && lines.Scan() {
		if m := startedAt.FindStringSubmatch(lines.Text()); m != nil {
			port = m[1]
		}
	}
	if port == "" {
		t.Fatal("chromedriver does not start")
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()
	b.base = "http://127.0.0.1:" + port + "/session"
	var session struct{ SessionID string }
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + filepath.Join(t.TempDir(), "profile"),
	}
	b.call(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"args": args},
		"goog:loggingPrefs":  map[string]any{"browser": "ALL"},
	}}}, &session)
	b.base += "/" + session.SessionID
	return b
}

// call makes a call of the protocol.
func (b *browser) call(method, path string, body, value any) {
	b.t.Helper()
	var text []byte
	var err error
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			b.t.Fatal(err)
		}
	}
	r, err := http.NewRequest(method, b.base+path, bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %v, %s", path, err, text)
	}
	if value != nil {
		if err := json.Unmarshal(text, &struct{ Value any }{value}); err != nil {
			b.t.Fatalf("%s: %v in %s", path, err, text)
		}
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.call(http.MethodPost, "/url", map[string]any{"url": url}, nil)
}

// eval runs a script in the page and reads what it returns.
func (b *browser) eval(script string, value any) {
	b.t.Helper()
	b.call(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": []any{}}, value)
}

// press types keys into what has the focus. Keys without a character have the numbers that WebDriver gives them.
func (b *browser) press(keys string) {
	b.t.Helper()
	var actions []any
	for _, key := range keys {
		actions = append(actions, map[string]any{"type": "keyDown", "value": string(key)}, map[string]any{"type": "keyUp", "value": string(key)})
	}
	b.call(http.MethodPost, "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": actions}}}, nil)
}

// devtools makes a call of Chromium's own protocol.
func (b *browser) devtools(command string, params map[string]any, value any) {
	b.t.Helper()
	b.call(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": command, "params": params}, value)
}

// screen gives the page a size and a colour scheme.
func (b *browser) screen(width, height int, scheme string) {
	b.t.Helper()
	b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
	}, nil)
	b.devtools("Emulation.setEmulatedMedia", map[string]any{
		"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
}

// shoot takes a picture, of the whole page if that is wanted, into the directory that AWS_SHOTS names.
func (b *browser) shoot(name string, whole bool) {
	b.t.Helper()
	directory := os.Getenv("AWS_SHOTS")
	if directory == "" {
		return
	}
	var shot struct{ Data string }
	b.devtools("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": whole}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// complaints returns what the browser's console says.
func (b *browser) complaints() (list []string) {
	b.t.Helper()
	var log []struct{ Level, Message string }
	b.call(http.MethodPost, "/se/log", map[string]any{"type": "browser"}, &log)
	for _, l := range log {
		list = append(list, fmt.Sprintf("%s: %s", l.Level, l.Message))
	}
	return list
}
