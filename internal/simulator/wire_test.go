package simulator_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"datasetsync.dev/operator/internal/simulator"
)

// sent is what a client on a real connection got.
type sent struct {
	status  int
	body    string
	err     error // of the call
	bodyErr error // of reading the body
}

// overWire sends a start over a connection of its own.
func (s *service) overWire(ctx context.Context, t *testing.T, server *httptest.Server) sent {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path(cats), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	s.sign(r)
	transport := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the server is the test's own
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return sent{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	return sent{status: response.StatusCode, body: string(body), bodyErr: err}
}

func TestWireFaults(t *testing.T) {
	isReset := func(got sent) bool { return errors.Is(got.err, syscall.ECONNRESET) }
	isCut := func(got sent) bool { return got.err == nil && errors.Is(got.bodyErr, io.ErrUnexpectedEOF) }
	isWhole := func(got sent) bool {
		return got.status == http.StatusOK && got.bodyErr == nil && strings.HasPrefix(got.body, `{"task_id":"`)
	}
	tests := map[string]struct {
		fault   simulator.Fault
		cfg     simulator.Config
		check   func(got sent) bool
		started bool
		verdict string
	}{
		"reset, nothing done":   {fault: simulator.Fault{Kind: "reset-before"}, check: isReset, verdict: "lost"},
		"done, then reset":      {fault: simulator.Fault{Kind: "reset-after"}, check: isReset, started: true, verdict: "accepted"},
		"cut off in the middle": {fault: simulator.Fault{Kind: "cut", Applied: true}, check: isCut, started: true, verdict: "accepted"},
		"an error that is cut":  {fault: simulator.Fault{Kind: "cut"}, check: isCut, verdict: "lost"},
		"cut off within its head": {
			fault: simulator.Fault{Kind: "cut", Applied: true}, cfg: simulator.Config{Answer: simulator.AnswerEmpty},
			check: func(got sent) bool { return got.err != nil }, started: true, verdict: "accepted",
		},
		"shorter than it says": {
			fault: simulator.Fault{Kind: "length-mismatch", Applied: true}, started: true, verdict: "accepted",
			check: func(got sent) bool { return isCut(got) && strings.HasSuffix(got.body, `"}`) },
		},
		"a head in drips": {
			fault: simulator.Fault{Kind: "drip-headers", Delay: time.Microsecond, Applied: true},
			check: isWhole, started: true, verdict: "accepted",
		},
		"a body in drips": {
			fault: simulator.Fault{Kind: "drip-body", Delay: time.Microsecond, Applied: true},
			check: isWhole, started: true, verdict: "accepted",
		},
		"a few informational answers": {
			fault: simulator.Fault{Kind: "informational", Size: 3, Applied: true}, check: isWhole, started: true, verdict: "accepted",
		},
		"a flood of informational answers": {
			fault: simulator.Fault{Kind: "informational", Size: 2000, Applied: true}, started: true, verdict: "accepted",
			check: func(got sent) bool { return got.err != nil },
		},
		"frames of HTTP/2": {
			fault: simulator.Fault{Kind: "not-http", Applied: true}, started: true, verdict: "accepted",
			check: func(got sent) bool { return got.err != nil },
		},
		"more headers than a client takes": {
			fault: simulator.Fault{Kind: "huge-headers", Applied: true}, started: true, verdict: "accepted",
			check: func(got sent) bool { return got.err != nil },
		},
		"a body that goes on": {
			fault: simulator.Fault{Kind: "endless-body", Applied: true}, started: true, verdict: "accepted",
			check: func(got sent) bool { return got.status == http.StatusOK && len(got.body) == 4<<20 },
		},
	}
	for name, tc := range tests {
		for scheme, listen := range map[string]func(http.Handler) *httptest.Server{
			"http": httptest.NewServer, "https": httptest.NewTLSServer,
		} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				s := newService(t, tc.cfg)
				s.AddFault(tc.fault)
				server := listen(s.Handler())
				defer server.Close()
				if got := s.overWire(t.Context(), t, server); !tc.check(got) {
					t.Errorf("got %d, %.100q, %v, %v", got.status, got.body, got.err, got.bodyErr)
				}
				if started := len(s.Tasks(project, cats)) == 1; started != tc.started {
					t.Errorf("a task began: %t, want %t", started, tc.started)
				}
				if got := s.verdicts(); len(got) != 1 || got[0] != tc.verdict {
					t.Errorf("verdicts %v, want %s", got, tc.verdict)
				}
			})
		}
	}
}

func TestSilenceEndsWhenTheClientIsGone(t *testing.T) {
	for name, applied := range map[string]bool{"with effect": true, "without effect": false} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			s.AddFault(simulator.Fault{Kind: "silence", Applied: applied})
			ctx, giveUp := context.WithCancel(t.Context())
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				giveUp() // now that the request has arrived
				s.Handler().ServeHTTP(w, r)
			}))
			if got := s.overWire(ctx, t, server); !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %d, %v, want no answer", got.status, got.err)
			}
			server.Close() // waits for the handler
			if started := len(s.Tasks(project, cats)) == 1; started != applied {
				t.Errorf("a task began: %t, want %t", started, applied)
			}
		})
	}
}

// TestStreamOfHTTP2IsReset shows what becomes of a connection fault where
// there is no connection to take: the stream ends with an error.
func TestStreamOfHTTP2IsReset(t *testing.T) {
	s := newService(t, simulator.Config{})
	s.AddFault(simulator.Fault{Kind: "reset-after"})
	server := httptest.NewUnstartedServer(s.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path(cats), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	s.sign(r)
	response, err := server.Client().Transport.RoundTrip(r)
	if err == nil {
		_ = response.Body.Close()
		t.Errorf("got %s, want an error of the stream", response.Status)
	}
	if got := len(s.Tasks(project, cats)); got != 1 {
		t.Errorf("%d tasks, want the one of the start", got)
	}
}
