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
	"aws/internal/handler/fileserver"
	"aws/internal/request"
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
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host)
	r, err := direct.Respond(h, []byte(head), localClient, time.Now())
	if err != nil {
		return command.UsageError(fmt.Errorf("--explain %q: %w", text, err))
	}
	var b bytes.Buffer
	var e *sites.Explanation
	switch {
	case table == nil:
	case r.Defect != request.DefectNone:
		fmt.Fprintf(&b, "request: malformed: %s\n", r.Defect)
		if e = table.ExplainMalformed(); e != nil {
			b.WriteString(e.String())
		}
	default:
		if e, err = table.Explain(u.Host, u.EscapedPath()); err != nil {
			fmt.Fprintf(&b, "request: %v\n", err)
		}
		if e.Redirect != nil && e.Redirect.Status != int(r.Status) {
			e.Redirect = nil // the client may not have it
		}
		b.WriteString(e.String())
	}
	if f := r.File; f != nil && !f.Made {
		fmt.Fprintf(&b, "file: %s\n", path.Join(command.ShownDir(f.Mount.Dir), f.Name))
		if e != nil {
			b.WriteString(e.OfFile(f.Mount.Path(f.Name)))
		}
		if text := fileserver.ExplainCompression(f); text != "" {
			fmt.Fprintf(&b, "compression: %s\n", text)
		}
	}
	b.WriteString("response:\n")
	for line := range strings.SplitSeq(strings.TrimRight(string(r.Head[:r.HeadLen()]), "\r\n"), "\r\n") {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	_, err = w.Write(b.Bytes())
	return err
}
