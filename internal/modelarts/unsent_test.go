package modelarts

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// servers are what a start could reach that must not.
type servers struct {
	plain, secure string // host:port
	roots         *x509.CertPool
	proxy         func(answer string) func(*Client)
	requests      *atomic.Int32 // that reached one
}

func newServers(t *testing.T) servers {
	t.Helper()
	plain, requests := counted(t, whole(200, ""))
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())

	proxy := func(answer string) func(*Client) {
		address, _ := counted(t, saying(answer))
		return func(c *Client) { c.starting.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: address}) }
	}
	return servers{plain: plain, secure: secure.Listener.Addr().String(), roots: roots, proxy: proxy, requests: requests}
}

// unsentCase is a start that cannot leave.
type unsentCase struct {
	endpoint    string
	prepare     func(*Client)
	target      Target       // unset: a good one at the endpoint
	credentials *Credentials // unset: good ones
	ctx         context.Context
	timeout     time.Duration // unset: ample
	class       Class
}

// unreachable are networks that do not let a start through.
func (s servers) unreachable() map[string]unsentCase {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	unresolved := func(c *Client) {
		c.starting.DialContext = (&net.Dialer{Resolver: &net.Resolver{
			PreferGo: true,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no name server here")
			},
		}}).DialContext
	}
	hanging := func(c *Client) {
		c.starting.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	misnamed := func(c *Client) {
		c.starting.TLSClientConfig.RootCAs = s.roots
		dialTo(c, s.secure)
	}
	plain, secure := "http://"+s.plain, "https://"+s.secure

	return map[string]unsentCase{
		"connection refused":                    {endpoint: "http://127.0.0.1:1"},
		"no such host":                          {endpoint: "http://nowhere.example", prepare: unresolved},
		"dialing until the timeout":             {endpoint: plain, prepare: hanging, timeout: impatient},
		"a context that has ended":              {endpoint: plain, ctx: ended},
		"a certificate that nobody vouches for": {endpoint: secure},
		"a certificate for another name":        {endpoint: "https://localhost.example", prepare: misnamed},
		"plain HTTP where TLS was to be":        {endpoint: "https://" + s.plain},
		"a proxy that refuses":                  {endpoint: secure, prepare: s.proxy("HTTP/1.1 403 Forbidden\r\n\r\n")},
		"a proxy that wants a password":         {endpoint: secure, prepare: s.proxy("HTTP/1.1 407 Authenticate\r\n\r\n")},
		"a proxy that hangs up":                 {endpoint: secure, prepare: s.proxy("")},
	}
}

// unfit are calls that no request can be made of.
func (s servers) unfit() map[string]unsentCase {
	endpoint := func(e string) unsentCase { return unsentCase{endpoint: e, class: ClassPermanent} }
	ids := func(project, dataset string) unsentCase {
		return unsentCase{
			target: Target{Endpoint: "http://" + s.plain, ProjectID: project, DatasetID: dataset},
			class:  ClassPermanent,
		}
	}
	with := func(cr Credentials) unsentCase {
		return unsentCase{endpoint: "http://" + s.plain, credentials: &cr, class: ClassAuthentication}
	}
	return map[string]unsentCase{
		"an endpoint that is none":       endpoint("modelarts"),
		"an endpoint of another scheme":  endpoint("ftp://" + s.plain),
		"an endpoint with a password":    endpoint("http://a:b@" + s.plain),
		"an endpoint with a query":       endpoint("http://" + s.plain + "?x"),
		"a project id with a slash":      ids(testProject[:31]+"/", testDataset),
		"a project id that is too long":  ids(testProject+"0", testDataset),
		"a project id with a line break": ids(testProject+"\n", testDataset),
		"a dataset id that climbs":       ids(testProject, ".."),
		"a dataset id with an escape":    ids(testProject, "a%2fb"),
		"no dataset id":                  ids(testProject, ""),
		"no credentials":                 with(Credentials{}),
		"half a key pair":                with(Credentials{AccessKey: "AK", Token: "T"}),
		"a token with a line break":      with(Credentials{Token: "T\r\nX: y"}),
	}
}

func TestStartThatCannotLeaveIsNotSent(t *testing.T) {
	t.Parallel()
	s := newServers(t)
	cases := s.unreachable()
	for name, tc := range s.unfit() {
		cases[name] = tc
	}
	t.Cleanup(func() {
		if n := s.requests.Load(); n != 0 {
			t.Errorf("%d requests reached a server, want 0", n)
		}
	})

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewClient(Options{RequestTimeout: tc.timeout})
			if tc.prepare != nil {
				tc.prepare(c)
			}
			target, cr, ctx := tc.target, testCredentials(), tc.ctx
			if target == (Target{}) {
				target = testTarget(tc.endpoint)
			}
			if tc.credentials != nil {
				cr = *tc.credentials
			}
			if ctx == nil {
				ctx = context.Background()
			}

			_, err := c.StartSync(ctx, target, cr, time.Now())
			e := asError(t, err)
			if e.Fate != FateNotSent || e.Class != tc.class || e.HTTPStatus != 0 || e.Err == nil {
				t.Errorf("got %v, %v, status %d, cause %v, want not sent, %v", e.Fate, e.Class, e.HTTPStatus, e.Err, tc.class)
			}
		})
	}
}

func TestAnEndedContextAndATimeoutCanBeTold(t *testing.T) {
	t.Parallel()
	address, _ := counted(t, silent)
	c := NewClient(Options{RequestTimeout: impatient})

	_, err := c.LatestSync(context.Background(), testTarget("http://"+address), testCredentials())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a deadline exceeded", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = c.LatestSync(ctx, testTarget("http://"+address), testCredentials()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
