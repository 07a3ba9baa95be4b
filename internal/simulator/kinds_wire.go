package simulator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// bound is how long a request can be kept waiting.
const bound = 10 * time.Minute

// wireKinds are the faults of the connection.
func wireKinds() []kind {
	applied := []string{"applied"}
	return []kind{
		{
			name: "reset-before", help: "the connection is reset, and nothing was done",
			effect: effectNever, mute: true, send: (*exchange).reset,
		},
		{
			name: "reset-after", help: "it is done, then the connection is reset without an answer",
			mute: true, send: (*exchange).reset,
		},
		{
			name: "cut", help: "the connection is closed in the middle of the answer",
			takes: applied, effect: effectAsked, send: (*exchange).sendHalf,
		},
		{
			name: "length-mismatch", help: "the answer says that it is 100 bytes longer than it is",
			takes: applied, effect: effectAsked, send: (*exchange).sendShort,
		},
		{
			name: "drip-headers", help: "the head comes one byte at a time, delay (1s) apart",
			takes: []string{"applied", "delay"}, effect: effectAsked, send: (*exchange).dripHead,
		},
		{
			name: "drip-body", help: "the body comes one byte at a time, delay (1s) apart",
			takes: []string{"applied", "delay"}, effect: effectAsked, send: (*exchange).dripBody,
		},
		{
			name: "informational", help: "size (1000) answers 103 come before the answer",
			takes: []string{"applied", "size"}, effect: effectAsked, send: (*exchange).floodInformational,
		},
		{
			name: "not-http", help: "frames of HTTP/2 (SETTINGS, GOAWAY with PROTOCOL_ERROR) come instead of an answer",
			takes: applied, effect: effectAsked, send: (*exchange).sendFrames,
		},
		{
			name: "endless-body", help: "status (200) and a body that stops after size (1 GiB) bytes, never valid",
			takes: []string{"applied", "status", "size"}, effect: effectAsked, send: (*exchange).sendEndless,
		},
	}
}

// send answers as it should be done, unless the fault has its own way.
func (x *exchange) send() {
	switch {
	case x.dropped:
		x.reset()
	case x.kind.send != nil:
		x.kind.send(x)
	default:
		x.setHeader(x.w.Header())
		x.w.WriteHeader(x.answer.status)
		_, _ = x.w.Write(x.answer.body) // the client may be gone
	}
}

// setHeader sets what each answer has.
func (x *exchange) setHeader(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(x.answer.body)))
	h.Set("Date", x.sim.cfg.Now().UTC().Format(http.TimeFormat))
	h.Set("X-Request-Id", x.requestID)
	for name, value := range x.answer.header {
		h.Set(name, value)
	}
}

// head returns the status line and the headers as they go over the wire,
// where the body is said to be of the given length.
func (x *exchange) head(length int) []byte {
	h := http.Header{}
	x.setHeader(h)
	h.Set("Content-Length", strconv.Itoa(length))
	h.Set("Connection", "close")
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", x.answer.status, http.StatusText(x.answer.status))
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}

// hijack takes the connection away from the server. Where there is none to
// take (HTTP/2, a recorder), the answer is aborted: a server then resets the
// stream, and who calls the handler directly has to recover.
func (x *exchange) hijack() net.Conn {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

// reset closes the connection so that the client sees a reset, not an end.
func (x *exchange) reset() {
	conn := x.hijack()
	plain := conn
	if secure, ok := conn.(*tls.Conn); ok {
		plain = secure.NetConn()
	}
	if tcp, ok := plain.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // at worst it is an end after all
	}
	_ = plain.Close()
}

// sendRaw writes chunks, with a pause after each, and closes the connection.
// It stops when the client is gone or the faults are cleared.
func (x *exchange) sendRaw(delay time.Duration, chunks ...[]byte) {
	conn := x.hijack()
	defer func() { _ = conn.Close() }()
	for _, chunk := range chunks {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
		if !pause(context.WithoutCancel(x.r.Context()), delay, x.letGo) {
			return
		}
	}
}

func (x *exchange) sendHalf() {
	head, body := x.head(len(x.answer.body)), x.answer.body
	if len(body) == 0 {
		x.sendRaw(0, head[:len(head)/2])
		return
	}
	x.sendRaw(0, head, body[:len(body)/2])
}

func (x *exchange) sendShort() {
	x.sendRaw(0, x.head(len(x.answer.body)+100), x.answer.body)
}

func (x *exchange) dripHead() {
	chunks := append(singleBytes(x.head(len(x.answer.body))), x.answer.body)
	x.sendRaw(cmp.Or(x.fault.Delay, time.Second), chunks...)
}

func (x *exchange) dripBody() {
	chunks := append([][]byte{x.head(len(x.answer.body))}, singleBytes(x.answer.body)...)
	x.sendRaw(cmp.Or(x.fault.Delay, time.Second), chunks...)
}

func singleBytes(text []byte) [][]byte {
	chunks := make([][]byte, 0, len(text)+1)
	for i := range text {
		chunks = append(chunks, text[i:i+1])
	}
	return chunks
}

func (x *exchange) floodInformational() {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n"
	flood := strings.Repeat(hint, int(cmp.Or(x.fault.Size, 1000)))
	x.sendRaw(0, []byte(flood), x.head(len(x.answer.body)), x.answer.body)
}

func (x *exchange) sendFrames() {
	const (
		settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
		goAway   = "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x01"
	)
	x.sendRaw(0, []byte(settings+goAway))
}

func (x *exchange) sendEndless() {
	x.answer = answer{status: cmp.Or(x.fault.Status, http.StatusOK)}
	x.setHeader(x.w.Header())
	x.w.Header().Del("Content-Length")
	x.w.WriteHeader(x.answer.status)
	chunk := []byte(`{"error_msg":"` + strings.Repeat("x", 64<<10))
	for left := cmp.Or(x.fault.Size, 1<<30); left > 0; left -= int64(len(chunk)) {
		if _, err := x.w.Write(chunk); err != nil {
			return
		}
	}
}
