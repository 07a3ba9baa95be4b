// Package modelarts is a client for the two calls of the ModelArts dataset
// API that a synchronization needs: start one, and ask for the latest one
// (ModelArts API reference, "Synchronizing a Dataset" and "Querying the Status
// of a Dataset Synchronization Task").
//
// A start is not idempotent and takes no token that would make it so. Hence
// three promises that the rest of the operator is built on:
//
//   - one call of StartSync is at most one request on the wire;
//   - an Error tells what is certain about the fate of a start, and claims
//     FateNotSent or FateRefused only where nothing can have been started;
//   - nothing that comes back is trusted: sizes are bounded, texts are cleaned
//     of control characters and of credentials, values of a wrong type count
//     as not told.
package modelarts

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"
)

// defaultRequestTimeout holds where Options name none.
const defaultRequestTimeout = 30 * time.Second

// The calls by name, as they appear in Error.Op and Call.Operation.
const (
	opLatest = "latest"
	opStart  = "start"
)

// Options configure a Client. The zero value is usable.
type Options struct {
	// RequestTimeout is the deadline of one HTTP call as a whole, from the name
	// look-up to the last byte of the body. Unset: 30 s.
	RequestTimeout time.Duration
	// UserAgent is sent with every call. Unset: that of net/http.
	UserAgent string
	// MaxIdleConns is how many unused connections to one endpoint are kept: as many
	// as calls are made at once. Unset: 2, as by net/http.
	MaxIdleConns int
	// Now is the clock. Unset: time.Now.
	Now func() time.Time
	// RootCAs verify the service's certificate. Unset: those of the system, for
	// which SSL_CERT_FILE is honoured.
	RootCAs *x509.CertPool
	// Observe, if set, is told of every HTTP call when it is over. It is called
	// from the goroutine of the call and has to be quick.
	Observe func(Call)
}

// Call is one HTTP call as Options.Observe sees it.
type Call struct {
	// Operation is "latest" or "start".
	Operation string
	// HTTPStatus of the answer, 0 where there was none.
	HTTPStatus int
	// Class of the failure in words, empty on success.
	Class string
	// Duration of the call by Options.Now.
	Duration time.Duration
}

// Client calls the service. It keeps no credentials, is safe for concurrent
// use, and has connections of its own: nothing is shared with http.DefaultClient.
type Client struct {
	timeout   time.Duration
	userAgent string
	now       func() time.Time
	observe   func(Call)

	// Asking goes over kept connections. Each start gets a fresh one, so that it
	// cannot be the request that finds a kept connection broken.
	asking   *http.Transport
	starting *http.Transport

	clocks clocks
}

// NewClient returns a client with its own connections.
func NewClient(o Options) *Client {
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = defaultRequestTimeout
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	if o.Observe == nil {
		o.Observe = func(Call) {}
	}

	starting := newTransport(o)
	starting.DisableKeepAlives = true

	return &Client{
		timeout:   o.RequestTimeout,
		userAgent: o.UserAgent,
		now:       o.Now,
		observe:   o.Observe,
		asking:    newTransport(o),
		starting:  starting,
	}
}

// CloseIdleConnections closes the kept connections that are not in use.
func (c *Client) CloseIdleConnections() {
	c.asking.CloseIdleConnections()
	c.starting.CloseIdleConnections()
}

// LatestSync tells the latest synchronization task of a dataset, whoever
// started it. A dataset that was never synchronized has one in StateNotExist.
//
// It is signed with what the service's clock is believed to show. Where the
// service refuses that (401) and its Date proves our idea of its clock wrong, it
// is asked once more with the right time: asking is idempotent, and failures in
// a row would lock the key pair.
//
// The error is always an *Error.
func (c *Client) LatestSync(ctx context.Context, t Target, cr Credentials) (Task, error) {
	at := c.clocks.serviceTime(t.Endpoint, c.now())

	task, failure := c.latest(ctx, t, cr, at)
	if failure.provesSkew(at) && cr.signs() {
		task, failure = c.latest(ctx, t, cr, failure.Date)
	}
	if failure != nil {
		return Task{}, failure
	}
	return task, nil
}

// StartSync asks the service to start a synchronization: one request at most,
// never repeated, never redirected. It is signed for the time at, which is to be
// the service's own; the gateway takes it for 15 minutes around that and no
// longer (API request signing guide). An IAM token has no such limit.
//
// A nil error means accepted, with or without the id of a task. The error is
// always an *Error; its Fate tells what became of the start.
func (c *Client) StartSync(ctx context.Context, t Target, cr Credentials, at time.Time) (Started, error) {
	began := c.now()
	clean := newCleaner(cr)

	a, failure := c.send(ctx, c.starting, call{op: opStart, method: http.MethodPost, target: t}, cr, at)
	var started Started
	if failure == nil {
		started, failure = readStart(a, clean)
	}
	c.tell(opStart, a.status, failure, began)
	if failure != nil {
		return Started{}, failure
	}
	return started, nil
}

// latest asks once, signed for the time at.
func (c *Client) latest(ctx context.Context, t Target, cr Credentials, at time.Time) (Task, *Error) {
	began := c.now()
	clean := newCleaner(cr)

	a, failure := c.send(ctx, c.asking, call{op: opLatest, method: http.MethodGet, target: t, suffix: "/status"}, cr, at)
	var task Task
	if failure == nil {
		task, failure = readLatest(a, clean)
	}
	c.tell(opLatest, a.status, failure, began)
	return task, failure
}

// tell reports a call to the observer.
func (c *Client) tell(op string, status int, failure *Error, began time.Time) {
	class := ""
	if failure != nil {
		class = failure.Class.String()
	}
	c.observe(Call{Operation: op, HTTPStatus: status, Class: class, Duration: c.now().Sub(began)})
}
