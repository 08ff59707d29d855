package harness

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Request is what a client sends over a new connection: bytes, not HTTP, since the tests send a good deal
// that is not HTTP.
type Request struct {
	Pieces    [][]byte      // sent one by one
	Gap       time.Duration // the pause between two pieces
	HalfClose bool          // whether the client closes its direction after the last piece

	// Patience is how long the whole exchange may take; 0 means a minute.
	Patience time.Duration
}

// Text returns a request that is sent in one piece.
func Text(text string) Request { return Request{Pieces: [][]byte{[]byte(text)}} }

// Ending is how an exchange came to its end.
type Ending string

// The endings.
const (
	Closed   Ending = "closed"   // the server closed the connection in order
	Reset    Ending = "reset"    // the server reset it
	Open     Ending = "open"     // the client's patience ran out first
	NoServer Ending = "noserver" // there was no connection at all
)

// Response is what the server sent until the connection ended.
type Response struct {
	Status        int    // 0: no parsable response came
	Version       string // HTTP/1.1
	Reason        string
	ContentLength int64 // -1: none given
	Header        textproto.MIMEHeader
	BodyBytes     int64 // what followed the header, as long as it was
	BodySum       string
	Ending        Ending

	Note string // what was wrong with the head or the connection, for people
}

// String describes the response in one line.
func (r Response) String() string {
	text := fmt.Sprintf("%s %d %s, Content-Length %d, body %d bytes %.8s, %s",
		r.Version, r.Status, r.Reason, r.ContentLength, r.BodyBytes, r.BodySum, r.Ending)
	if r.Status == 0 {
		text = "no response, " + string(r.Ending)
	}
	if r.Note != "" {
		text += " (" + r.Note + ")"
	}
	return text
}

// TryConnect connects and hangs up.
func TryConnect(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Exchange connects, sends the request and takes everything that comes back until the connection ends.
// The response is read while the request is still being sent, as servers may respond to early.
func Exchange(address string, request Request) Response {
	patience := request.Patience
	if patience == 0 {
		patience = time.Minute
	}
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.Dial("tcp", address)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	if err != nil {
		return Response{ContentLength: -1, Ending: NoServer, Note: err.Error()}
	}

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		send(conn, request)
	}()
	response := receive(conn)
	_ = conn.Close() // which also ends the sending, if the server did not want it all
	<-sent
	return response
}

// send ignores errors: a server may well response and hang up before it has read everything, and what
// that does to the response is seen on the other side.
func send(conn net.Conn, request Request) {
	for i, piece := range request.Pieces {
		if i > 0 {
			time.Sleep(request.Gap)
		}
		if _, err := conn.Write(piece); err != nil {
			return
		}
	}
	if tcp, ok := conn.(*net.TCPConn); ok && request.HalfClose {
		_ = tcp.CloseWrite()
	}
}

func receive(conn net.Conn) Response {
	response := Response{ContentLength: -1}
	reader := bufio.NewReaderSize(conn, 64<<10)
	head, err := readHead(reader)
	if err == nil {
		response.parseHead(head)
		sum := sha256.New()
		response.BodyBytes, err = io.Copy(sum, reader)
		response.BodySum = hex.EncodeToString(sum.Sum(nil))
	} else if len(head) > 0 {
		response.Note = fmt.Sprintf("broken head %.100q", head)
	}
	response.Ending = endingOf(err)
	return response
}

// readHead reads up to and with the empty line.
func readHead(reader *bufio.Reader) ([]byte, error) {
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		line, err := reader.ReadBytes('\n')
		head = append(head, line...)
		if err != nil {
			return head, err
		}
	}
	return head, nil
}

func (r *Response) parseHead(head []byte) {
	reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
	line, err := reader.ReadLine()
	if err != nil {
		r.Note = err.Error()
		return
	}
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/") {
		r.Note = fmt.Sprintf("broken status line %q", line)
		return
	}
	r.Version, r.Status, r.Reason = version, status, reason
	if r.Header, err = reader.ReadMIMEHeader(); err != nil {
		r.Note = fmt.Sprintf("broken header: %v", err)
	}
	if values := r.Header.Values("Content-Length"); len(values) == 1 {
		if length, err := strconv.ParseInt(values[0], 10, 64); err == nil {
			r.ContentLength = length
		}
	}
}

func endingOf(err error) Ending {
	var timeout net.Error
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return Closed
	case errors.As(err, &timeout) && timeout.Timeout():
		return Open
	case errors.Is(err, syscall.ECONNRESET):
		return Reset
	}
	return Ending(err.Error())
}
