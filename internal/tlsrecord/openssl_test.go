package tlsrecord

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClientOfOpenSSL speaks with openssl s_client over every suite, which changes its key on "K" and requests the same.
func TestClientOfOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	eachSuite(t, func(t *testing.T, id uint16) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		client := exec.CommandContext(ctx, "openssl", "s_client", "-connect", listener.Addr().String(), "-tls1_3",
			"-ciphersuites", tls.CipherSuiteName(id))
		input, err := client.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := client.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cancel(); _ = client.Wait() }()
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = accepted.Close() }()
		_ = accepted.SetDeadline(time.Now().Add(15 * time.Second))
		p, suite := takeOver(t, accepted)
		if suite != id {
			t.Fatalf("the suite is %s", tls.CipherSuiteName(suite))
		}
		typeLine := func(line string) {
			if _, err := io.WriteString(input, line); err != nil {
				t.Fatal(err)
			}
		}
		typeLine("first\n")
		if o, content := p.next(t); o.Result != Data || string(content) != "first\n" {
			t.Fatalf("%+v %q", o, content)
		}
		typeLine("K\n")
		if o, _ := p.next(t); o.Result != UpdateRequested {
			t.Fatalf("key update: %+v", o)
		}
		record, err := p.s.SealUpdate(nil)
		if err != nil {
			t.Fatal(err)
		}
		record = p.s.Seal(record, TypeData, []byte("sealed with the next key\n"))
		if _, err := accepted.Write(record); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		for lines.Scan() && !strings.Contains(lines.Text(), "sealed with the next key") {
		}
		if !strings.Contains(lines.Text(), "sealed with the next key") {
			t.Fatalf("openssl has not printed what was sent: %v", lines.Err())
		}
		typeLine("second\n")
		if o, content := p.next(t); o.Result != Data || string(content) != "second\n" {
			t.Fatalf("%+v %q", o, content)
		}
	})
}
