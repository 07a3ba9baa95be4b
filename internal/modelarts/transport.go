package modelarts

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// maxHeaderBytes and maxBodyBytes bound one answer. The documented ones have
	// less than 2 KiB.
	maxHeaderBytes = 64 << 10
	maxBodyBytes   = 1 << 20

	// connectTimeout bounds each of dialing and the TLS handshake, inside the
	// deadline of the call.
	connectTimeout = 10 * time.Second
	// idleTimeout is how long an unused connection is kept.
	idleTimeout = 90 * time.Second
)

var errBodyTooLarge = fmt.Errorf("the body is larger than %d bytes", maxBodyBytes)

// newTransport returns a transport that sends each request once. HTTP/2 is off
// because Go's implementation repeats a request whose stream was reset, even
// after the service has taken it. Compression is off because what is decompressed
// has no bound. Redirects are nobody's to follow: a RoundTripper does not.
func newTransport(o Options) *http.Transport {
	timeout := min(connectTimeout, o.RequestTimeout)

	var http1 http.Protocols
	http1.SetHTTP1(true)

	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxy,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  o.RequestTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    o.MaxIdleConns,
		Protocols:              &http1,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
}

// checkProxy names the proxy where it refuses to connect: the transport itself says
// no more than "Forbidden".
func checkProxy(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the proxy answers %s", resp.Status)
	}
	return nil
}

// call is one request in the making.
type call struct {
	op, method string
	target     Target
	suffix     string // of the path, behind sync-data
}

// answer is what came back: a whole head, and of the body as much as there was.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	bodyErr  error     // why the body is not whole
	redirect string    // of a 3xx: scheme and host of where to
	date     time.Time // the service's clock, by the Date header
	received time.Time // our clock
}

// send makes, signs and sends one request and reads the answer. Its error means
// that there is no answer; then FateNotSent is claimed only if the request never
// had a connection to go out on.
func (c *Client) send(ctx context.Context, rt http.RoundTripper, l call, cr Credentials, at time.Time) (answer, *Error) {
	if err := ctx.Err(); err != nil {
		return answer{}, notSent(l.op, ClassTransient, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, failure := c.newRequest(ctx, l, cr, at)
	if failure != nil {
		return answer{}, failure
	}

	resp, err := rt.RoundTrip(req)
	if err != nil {
		failure := notSent(l.op, ClassTransient, newCleaner(cr).cause(err))
		if connected.Load() {
			failure.Fate = FateUnknown
		}
		return answer{}, failure
	}
	defer func() { _ = resp.Body.Close() }() // nothing is lost that was not read

	a := readAnswer(resp, c.now())
	c.clocks.learn(l.target.Endpoint, a.date, a.received)
	return a, nil
}

// newRequest returns the signed request of a call.
func (c *Client) newRequest(ctx context.Context, l call, cr Credentials, at time.Time) (*http.Request, *Error) {
	u, err := l.target.url(l.suffix)
	if err != nil {
		return nil, notSent(l.op, ClassPermanent, err)
	}
	req, err := http.NewRequestWithContext(ctx, l.method, u.String(), http.NoBody)
	if err != nil {
		return nil, notSent(l.op, ClassPermanent, errEndpoint)
	}

	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Language", "en-us")
	req.Header.Set(headerProjectID, l.target.ProjectID)
	if c.userAgent != "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	if err := authorize(req, cr, at); err != nil {
		return nil, notSent(l.op, ClassAuthentication, err)
	}
	return req, nil
}

// readAnswer takes in what the service says, within bounds.
func readAnswer(resp *http.Response, now time.Time) answer {
	a := answer{status: resp.StatusCode, header: resp.Header, received: now}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = date
	}
	if isRedirect(a.status) {
		if to, err := resp.Location(); err == nil {
			a.redirect = to.Scheme + "://" + to.Host
		}
	}
	if a.status < http.StatusOK {
		return a // a switched protocol: what follows is no body, and may never end
	}

	a.body, a.bodyErr = io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes+1))
	if a.bodyErr == nil && len(a.body) > maxBodyBytes {
		a.body, a.bodyErr = nil, errBodyTooLarge
	}
	return a
}

// notSent is the failure of a call that did not reach the service.
func notSent(op string, class Class, err error) *Error {
	return &Error{Op: op, Class: class, Fate: FateNotSent, Err: err}
}
