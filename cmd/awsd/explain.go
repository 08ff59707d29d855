package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"aws/internal/command"
	"aws/internal/handler"
	"aws/internal/handler/direct"
	"aws/internal/sites"
)

// localClient is the client whose request is explained.
var localClient = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// explain prints what applies to a URL, and the head of the response to a request for it. table is nil if there are no sites.
func explain(w io.Writer, table *sites.Table, h handler.Handler, text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return command.UsageError(fmt.Errorf("--explain %q: expected a URL with a host, such as http://example.org/path", text))
	}
	var b bytes.Buffer
	if table != nil {
		e, err := table.Explain(u.Host, u.EscapedPath())
		if err != nil {
			fmt.Fprintln(&b, err)
		} else {
			b.WriteString(e.String())
		}
	}
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host)
	r, err := direct.Respond(h, []byte(head), localClient, time.Now())
	if err != nil {
		return command.UsageError(fmt.Errorf("--explain %q: %w", text, err))
	}
	if f := r.File; f != nil && !f.Made {
		fmt.Fprintf(&b, "file: %s\n", path.Join(command.ShownDir(f.Mount.Dir), f.Name))
	}
	b.WriteString("response:\n")
	for line := range strings.SplitSeq(strings.TrimRight(string(r.Head[:r.HeadLen()]), "\r\n"), "\r\n") {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	_, err = w.Write(b.Bytes())
	return err
}
