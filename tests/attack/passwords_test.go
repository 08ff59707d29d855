package attack

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws/tests/harness"

	"golang.org/x/crypto/bcrypt"
)

// login asks for something with a password, over a connection from an address, and returns the status and how long it took.
func login(address, from, target, user, password string) (status int, retryAfter string, took time.Duration, err error) {
	began := time.Now()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Minute}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return 0, "", 0, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	fields := ""
	if user != "" {
		fields = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", target, fields); err != nil {
		return 0, "", 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", 0, err
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header.Get("Retry-After"), time.Since(began), nil
}

// TestFloodOfPasswords has 200 connections of one address send another wrong password each, over and over. Listings and
// names that were never asked for go on as before, somebody with the right password at another address gets in, and the
// flood is asked to come back later.
func TestFloodOfPasswords(t *testing.T) {
	root, users := t.TempDir(), filepath.Join(t.TempDir(), "users")
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	harness.WriteFile(t, users, fmt.Appendf(nil, "ali:%s\n", hash))
	harness.WriteFile(t, filepath.Join(root, "private/a"), []byte("a"))
	for i := range 40 {
		harness.WriteFile(t, filepath.Join(root, fmt.Sprintf("public%d/a", i)), []byte("a"))
	}
	server := harness.StartServe(t, harness.Options{}, root, "--list", "--auth", "/private/="+users)
	var refused, checked atomic.Int64
	var flood sync.WaitGroup
	stop := make(chan struct{})
	for i := range 200 {
		flood.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				status, after, _, err := login(server.Address, "127.0.0.1", "/private/a", "ali", fmt.Sprint("wrong ", i, n))
				switch {
				case err != nil:
				case status == 503 && after != "":
					refused.Add(1)
					time.Sleep(10 * time.Millisecond) // a polite attacker, for the processor of this machine is shared
				case status == 401:
					checked.Add(1)
				default:
					t.Errorf("status %d, Retry-After %q", status, after)
				}
			}
		})
	}
	harness.Eventually(t, time.Minute, "the flood is on", func() error {
		if refused.Load() < 100 || checked.Load() < 2 {
			return harness.Errorf("%d refused, %d checked", refused.Load(), checked.Load())
		}
		return nil
	})
	// Each of 40 listings that were never made, and of names that were never asked for. Behind the flood one took 12 s.
	began := time.Now()
	for i := range 40 {
		for _, target := range []string{fmt.Sprintf("/public%d/", i), fmt.Sprintf("/public%d/none", i)} {
			if status, _, _, err := login(server.Address, "127.0.0.2", target, "", ""); err != nil || status != 200 && status != 404 {
				t.Errorf("%s: %d, %v", target, status, err)
			}
		}
	}
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("80 requests that need no password took %v", took)
	} else {
		t.Logf("80 requests that need no password took %v", took)
	}
	status, _, took, err := login(server.Address, "127.0.0.3", "/private/a", "ali", "sesame")
	if err != nil || status != 200 {
		t.Errorf("the right password: %d, %v", status, err)
	}
	t.Logf("the right password took %v; %d wrong ones were checked, %d refused", took, checked.Load(), refused.Load())
	close(stop)
	flood.Wait()
	if status := server.Stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
}
