package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// moment is when, in the life of a request, something happens to its sender.
type moment string

const (
	// before: the request has arrived and not taken effect.
	before moment = "before"
	// applied: it has taken effect, and nobody was told.
	applied moment = "applied"
	// answered: the answer is on its way.
	answered moment = "answered"
)

func moments() []moment { return []moment{before, applied, answered} }

// aim picks one request.
type aim struct {
	step   step
	moment moment
	// skip is how many of the kind pass first.
	skip int
	// hit is closed when the request is held.
	hit chan struct{}
	// verdict says whether it goes on, or its connection is cut. A request that
	// goes on does so even if its sender is dead.
	verdict chan bool
}

func newAim(s step, m moment, skip int) *aim {
	return &aim{step: s, moment: m, skip: skip, hit: make(chan struct{}), verdict: make(chan bool, 1)}
}

// hold says that the request is held, and waits for the verdict.
func (a *aim) hold() (goOn bool) {
	close(a.hit)
	return <-a.verdict
}

// door is a reverse proxy before the API server or the service, for one manager.
type door struct {
	server *httptest.Server
	proxy  *httputil.ReverseProxy
	stepOf func(*http.Request, []byte) step

	mu  sync.Mutex
	aim *aim
	// lease is when the manager last wrote its lease.
	lease time.Time
}

// newDoor opens a door to the server at address. Which request is which step
// says stepOf.
func newDoor(address string, transport http.RoundTripper, stepOf func(*http.Request, []byte) step) (*door, error) {
	to, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	d := &door{stepOf: stepOf}
	d.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // It is signed.
		},
		Transport:     transport,
		FlushInterval: -1, // Watches are streams.
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			d.seeLease(r)
			return nil
		},
	}
	d.server = httptest.NewUnstartedServer(d)
	d.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	d.server.Start()
	return d, nil
}

func (d *door) address() string { return d.server.Listener.Addr().String() }

// arm waits for a request. Nil: for none any more.
func (d *door) arm(a *aim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.aim = a
}

// leads reports whether the manager has written its lease of late.
func (d *door) leads(within time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.lease) < within
}

func (d *door) seeLease(r *http.Response) {
	if r.StatusCode/100 != 2 || r.Request.Method == http.MethodGet || !strings.Contains(r.Request.URL.Path, "/leases") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lease = time.Now()
}

// match returns the aim if this request is the one.
func (d *door) match(s step) *aim {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.aim == nil || s == other || d.aim.step != s {
		return nil
	}
	if d.aim.skip > 0 {
		d.aim.skip--
		return nil
	}
	a := d.aim
	d.aim = nil
	return a
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Method == http.MethodPatch || r.Method == http.MethodPost {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			panic(http.ErrAbortHandler) // The sender is gone in the middle.
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	a := d.match(d.stepOf(r, body))
	switch {
	case a == nil:
		d.proxy.ServeHTTP(w, r)
	case a.step == readObjects && a.moment != before:
		d.proxy.ServeHTTP(&tripwire{ResponseWriter: w, aim: a}, r)
	default:
		// What has begun is finished: the death of the sender does not stop it.
		d.hold(a, w, r.WithContext(context.WithoutCancel(r.Context())))
	}
}

// hold holds a request at the moment of its aim.
func (d *door) hold(a *aim, w http.ResponseWriter, r *http.Request) {
	if a.moment == before && !a.hold() {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	d.proxy.ServeHTTP(answer, r)
	if a.moment == applied && !a.hold() {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // The sender may be dead.
	if a.moment == answered {
		_ = http.NewResponseController(w).Flush()
		a.hold()
	}
}

// tripwire holds a stream at its first piece.
type tripwire struct {
	http.ResponseWriter

	aim  *aim
	once sync.Once
}

// Write implements http.ResponseWriter.
func (t *tripwire) Write(piece []byte) (n int, err error) {
	t.once.Do(func() {
		if t.aim.moment == answered {
			n, err = t.ResponseWriter.Write(piece)
			_ = http.NewResponseController(t.ResponseWriter).Flush()
			piece = nil
		}
		if !t.aim.hold() {
			panic(http.ErrAbortHandler)
		}
	})
	if piece == nil || err != nil {
		return n, err
	}
	n, err = t.ResponseWriter.Write(piece)
	if err != nil {
		return n, fmt.Errorf("write a piece: %w", err)
	}
	return n, nil
}

// Unwrap lets a stream be flushed.
func (t *tripwire) Unwrap() http.ResponseWriter { return t.ResponseWriter }
