package modelarts

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	testProject = "0123456789abcdef0123456789abcdef"
	testDataset = "gfghHSokody6AJigS5A"
)

func testCredentials() Credentials {
	return Credentials{AccessKey: "AKCANARY0123456789AB", SecretKey: "skcanary0123456789abcdefghijklmnopqrstuv"}
}

func testTarget(endpoint string) Target {
	return Target{Endpoint: endpoint, ProjectID: testProject, DatasetID: testDataset}
}

// serve listens on loopback and runs handle for every connection, which is closed
// after. It returns host:port.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu      sync.Mutex
		open    []net.Conn
		running sync.WaitGroup
	)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

// counted serves requests and counts them; answer gets the connection after each,
// and tells whether it is to be kept.
func counted(t *testing.T, answer func(net.Conn) (keep bool)) (address string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	return serve(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			requests.Add(1)
			if !answer(conn) {
				return
			}
		}
	}), requests
}

// saying answers with a text and closes the connection.
func saying(text string) func(net.Conn) bool {
	return func(conn net.Conn) bool {
		_, _ = io.WriteString(conn, text)
		return false
	}
}

// reset makes the close of a connection a reset.
func reset(conn net.Conn) bool {
	_ = conn.(*net.TCPConn).SetLinger(0)
	return false
}

// silent holds a connection until the other side gives up.
func silent(conn net.Conn) bool {
	_, _ = io.Copy(io.Discard, conn)
	return false
}

// repeating says prefix, and then the same again and again until the other side
// gives up.
func repeating(prefix, again string, pause time.Duration) func(net.Conn) bool {
	return func(conn net.Conn) bool {
		_, err := io.WriteString(conn, prefix)
		tick := time.NewTicker(max(pause, time.Nanosecond))
		defer tick.Stop()
		for err == nil {
			_, err = io.WriteString(conn, again)
			if pause > 0 {
				<-tick.C
			}
		}
		return false
	}
}

// dialTo makes a client connect to one address, whatever the endpoint says.
func dialTo(c *Client, address string) {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	c.asking.DialContext, c.starting.DialContext = dial, dial
}

// asError returns err as an *Error.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	return e
}
