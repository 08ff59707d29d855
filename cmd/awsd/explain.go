package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
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
	"aws/internal/tlsconfig"
)

// localClient is the client whose request is explained.
var localClient = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// explainCertificate prints the certificate that a client of a host gets. It returns the connection, or nil if there is none.
func explainCertificate(w io.Writer, store *tlsconfig.Store, host string) *handler.TLS {
	if store == nil {
		fmt.Fprintln(w, "certificate: there is none, and nothing is served by https")
		return nil
	}
	var local net.Addr
	name := host
	if address, err := netip.ParseAddr(host); err == nil { // for which there is no server name (RFC 6066 section 3)
		name, local = "", net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, 0))
	}
	site, pair, ok := store.PairFor(name, local)
	if !ok {
		fmt.Fprintf(w, "certificate: no site with a certificate has the host %s, and there is no default site: alert unrecognized_name\n", host)
		return nil
	}
	fmt.Fprintf(w, "certificate: %s, of the site %s\n", pair.Certificate, site)
	return &handler.TLS{Site: site}
}

// explain prints what applies to a URL, and the head of the response to a request for it. table is nil if there are no sites.
// store is nil if no site has a certificate.
func explain(w io.Writer, table *sites.Table, store *tlsconfig.Store, h handler.Handler, text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return command.UsageError(fmt.Errorf("--explain %q: expected a URL with a host, such as http://example.org/path", text))
	}
	var b bytes.Buffer
	client := direct.Client{Address: localClient}
	if u.Scheme == "https" {
		if client.TLS = explainCertificate(&b, store, u.Hostname()); client.TLS == nil {
			_, err = w.Write(b.Bytes())
			return err
		}
	}
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host)
	r, err := direct.Respond(h, []byte(head), client, time.Now())
	if err != nil {
		return command.UsageError(fmt.Errorf("--explain %q: %w", text, err))
	}
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
