package modelarts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// service serves with a handler and returns its URL.
func service(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestStartIsNotRedirected(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, same := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d, same host %t", status, same), func(t *testing.T) {
				t.Parallel()
				var here, there atomic.Int32
				other := service(t, func(http.ResponseWriter, *http.Request) { there.Add(1) })
				endpoint := service(t, func(w http.ResponseWriter, r *http.Request) {
					here.Add(1)
					to := other
					if same {
						to = "http://" + r.Host
					}
					http.Redirect(w, r, to+"/path?query", status)
				})

				_, err := NewClient(Options{}).StartSync(context.Background(), testTarget(endpoint), testCredentials(), time.Now())
				e := asError(t, err)
				to := other
				if same {
					to = endpoint
				}
				if want := "redirect to " + to + ": check --endpoint"; e.Message != want || e.Fate != FateRefused || e.Class != ClassPermanent {
					t.Errorf("got %q, %v, %v, want %q, refused, permanent", e.Message, e.Fate, e.Class, want)
				}
				if here.Load() != 1 || there.Load() != 0 {
					t.Errorf("%d requests to the endpoint and %d to where it points, want 1 and 0", here.Load(), there.Load())
				}
			})
		}
	}
}

func TestBothCallsSpeakHTTP1ToAServerThatOffersHTTP2(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.Proto)
		_, _ = w.Write([]byte(`{"status":"NOT_EXIST"}`))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	c := NewClient(Options{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})

	if _, err := c.LatestSync(context.Background(), testTarget(server.URL), testCredentials()); err != nil {
		t.Error(err)
	}
	if _, err := c.StartSync(context.Background(), testTarget(server.URL), testCredentials(), time.Now()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"GET HTTP/1.1", "POST HTTP/1.1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryStartHasAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	from := map[string][]string{}
	endpoint := service(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from[r.RemoteAddr] = append(from[r.RemoteAddr], r.Method)
		_, _ = w.Write([]byte(`{"status":"NOT_EXIST"}`))
	})
	c := NewClient(Options{})
	for range 3 {
		if _, err := c.LatestSync(context.Background(), testTarget(endpoint), testCredentials()); err != nil {
			t.Error(err)
		}
		if _, err := c.StartSync(context.Background(), testTarget(endpoint), testCredentials(), time.Now()); err != nil {
			t.Error(err)
		}
	}
	var asking, starting int
	for _, methods := range from {
		switch {
		case cmp.Equal(methods, []string{"GET", "GET", "GET"}):
			asking++
		case cmp.Equal(methods, []string{"POST"}):
			starting++
		}
	}
	if asking != 1 || starting != 3 {
		t.Errorf("got %v, want three GETs on one connection and each POST on its own", from)
	}
}

// A kept connection that breaks under a request is what makes Go's transport repeat
// it. For asking that is welcome.
func TestABrokenKeptConnectionHurtsNeitherCall(t *testing.T) {
	t.Parallel()
	kept := make(map[net.Conn]bool)
	var mu sync.Mutex
	address, requests := counted(t, func(conn net.Conn) bool {
		mu.Lock()
		defer mu.Unlock()
		if kept[conn] {
			return reset(conn)
		}
		kept[conn] = true
		whole(200, `{"status":"NOT_EXIST"}`)(conn)
		return true
	})
	c := NewClient(Options{})
	ask := func() {
		t.Helper()
		if _, err := c.LatestSync(context.Background(), testTarget("http://"+address), testCredentials()); err != nil {
			t.Error(err)
		}
	}

	ask()
	if _, err := c.StartSync(context.Background(), testTarget("http://"+address), testCredentials(), time.Now()); err != nil {
		t.Error(err)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests after asking and starting once each, want 2", n)
	}
	ask()
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	connections := map[string]bool{}
	endpoint := service(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr] = true
		_, _ = w.Write([]byte(`{"status":"NOT_EXIST"}`))
	})
	c := NewClient(Options{})
	for range 2 {
		if _, err := c.LatestSync(context.Background(), testTarget(endpoint), testCredentials()); err != nil {
			t.Error(err)
		}
		c.CloseIdleConnections()
	}
	if len(connections) != 2 {
		t.Errorf("%d connections, want 2", len(connections))
	}
}

// failing is a transport that nothing may use.
type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.ErrUnsupported }

func TestTheDefaultClientIsNotUsed(t *testing.T) { //nolint:paralleltest // it changes what others may use
	was := http.DefaultClient.Transport
	http.DefaultClient.Transport = failing{}
	defer func() { http.DefaultClient.Transport = was }()

	endpoint := service(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"RUNNING"}`)) })
	if _, err := NewClient(Options{}).LatestSync(context.Background(), testTarget(endpoint), testCredentials()); err != nil {
		t.Error(err)
	}
}

// punctual is a service that accepts signatures of its own time only.
type punctual struct {
	now      time.Time
	requests atomic.Int32
}

func (p *punctual) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	w.Header().Set("Date", p.now.UTC().Format(http.TimeFormat))
	signed, err := time.Parse(dateFormat, r.Header.Get(headerDate))
	if err != nil || signed.Sub(p.now).Abs() > 15*time.Minute {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: signature expired"}`))
		return
	}
	_, _ = w.Write([]byte(`{"status":"COMPLETED"}`))
}

func TestAWrongClockOfOursIsMadeUpForWhenAsking(t *testing.T) {
	t.Parallel()
	ours := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, skew := range map[string]time.Duration{
		"behind by an hour":        time.Hour,
		"ahead by 20 minutes":      -20 * time.Minute,
		"ahead by ten years":       -10 * 365 * 24 * time.Hour,
		"right, but for a quarter": 14 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &punctual{now: ours.Add(skew)}
			endpoint := service(t, p.ServeHTTP)
			c := NewClient(Options{Now: func() time.Time { return ours }})
			want := int32(2)
			if skew.Abs() < 15*time.Minute {
				want = 1
			}

			task, err := c.LatestSync(context.Background(), testTarget(endpoint), testCredentials())
			if err != nil || !task.Date.Equal(p.now) || p.requests.Load() != want {
				t.Fatalf("got %+v, %v after %d requests, want a task of %v after %d", task, err, p.requests.Load(), p.now, want)
			}
			if _, err := c.LatestSync(context.Background(), testTarget(endpoint), testCredentials()); err != nil || p.requests.Load() != want+1 {
				t.Errorf("then got %v after %d requests, want it right at once", err, p.requests.Load())
			}
		})
	}
}

func TestAWrongTimeOfAStartIsNotMadeUpForButLearntFrom(t *testing.T) {
	t.Parallel()
	ours := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	p := &punctual{now: ours.Add(time.Hour)}
	endpoint := service(t, p.ServeHTTP)
	c := NewClient(Options{Now: func() time.Time { return ours }})

	_, err := c.StartSync(context.Background(), testTarget(endpoint), testCredentials(), ours)
	e := asError(t, err)
	if e.Fate != FateRefused || e.Class != ClassAuthentication || !e.Date.Equal(p.now) || p.requests.Load() != 1 {
		t.Fatalf("got %v after %d requests, want one refusal", e, p.requests.Load())
	}
	if _, err := c.StartSync(context.Background(), testTarget(endpoint), testCredentials(), e.Date); err != nil {
		t.Errorf("signed for the service's time: %v", err)
	}
	if _, err := c.LatestSync(context.Background(), testTarget(endpoint), testCredentials()); err != nil || p.requests.Load() != 3 {
		t.Errorf("asking: %v after %d requests, want 3", err, p.requests.Load())
	}
}

func TestARefusalThatIsNotTheClocksFaultIsNotRepeated(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	later := now.Add(time.Hour).Format(http.TimeFormat)
	for name, tc := range map[string]struct {
		status int
		date   []string
		cr     Credentials
	}{
		"the clocks agree":         {401, []string{now.Format(http.TimeFormat)}, testCredentials()},
		"no date is told":          {401, nil, testCredentials()},
		"the date cannot be read":  {401, []string{"yesterday"}, testCredentials()},
		"a token is not signed":    {401, []string{later}, Credentials{Token: "T"}},
		"the status is another":    {403, []string{later}, testCredentials()},
		"the endpoint is overrun":  {429, []string{later}, testCredentials()},
		"the service does not run": {503, []string{later}, testCredentials()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			endpoint := service(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header()["Date"] = tc.date
				w.WriteHeader(tc.status)
			})
			c := NewClient(Options{Now: func() time.Time { return now }})
			_, err := c.LatestSync(context.Background(), testTarget(endpoint), tc.cr)
			if e := asError(t, err); e.HTTPStatus != tc.status || requests.Load() != 1 {
				t.Errorf("got %v after %d requests, want %d after one", e, requests.Load(), tc.status)
			}
		})
	}
}

func TestTheMemoryOfClocksIsBounded(t *testing.T) {
	t.Parallel()
	var c clocks
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for i := range 10 * maxClocks {
		c.learn(fmt.Sprint(i), now.Add(time.Hour), now)
	}
	last := fmt.Sprint(10*maxClocks - 1)
	if len(c.ahead) > maxClocks || !c.serviceTime(last, now).Equal(now.Add(time.Hour)) {
		t.Errorf("%d clocks kept, the last one at %v", len(c.ahead), c.serviceTime(last, now))
	}
}

func TestEveryHTTPCallIsObserved(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	statuses := []int{200, 200, 401, 503}
	var mu sync.Mutex
	endpoint := service(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header()["Date"] = nil
		w.WriteHeader(statuses[0])
		if statuses[0] == http.StatusOK {
			_, _ = w.Write([]byte(`{"status":"RUNNING"}`))
		}
		statuses = statuses[1:]
	})
	var ticks int
	var got []Call
	c := NewClient(Options{
		Now: func() time.Time {
			ticks++
			return begin.Add(time.Duration(ticks) * time.Second)
		},
		Observe: func(call Call) {
			if call.Duration <= 0 {
				t.Errorf("duration %v, want some", call.Duration)
			}
			call.Duration = 0
			got = append(got, call)
		},
	})

	_, _ = c.LatestSync(context.Background(), testTarget(endpoint), testCredentials())
	_, _ = c.StartSync(context.Background(), testTarget(endpoint), testCredentials(), begin)
	_, _ = c.LatestSync(context.Background(), testTarget(endpoint), testCredentials())
	_, _ = c.StartSync(context.Background(), testTarget(endpoint), testCredentials(), begin)
	_, _ = c.LatestSync(context.Background(), testTarget("http://127.0.0.1:1"), testCredentials())

	want := []Call{
		{Operation: "latest", HTTPStatus: 200},
		{Operation: "start", HTTPStatus: 200},
		{Operation: "latest", HTTPStatus: 401, Class: "authentication"},
		{Operation: "start", HTTPStatus: 503, Class: "transient"},
		{Operation: "latest", Class: "transient"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheEndpointsPathIsAPrefix(t *testing.T) {
	t.Parallel()
	var got string
	endpoint := service(t, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI })
	_, err := NewClient(Options{}).StartSync(context.Background(), testTarget(endpoint+"/a%20b/"), testCredentials(), time.Now())
	if want := "/a%20b/v2/" + testProject + "/datasets/" + testDataset + "/sync-data"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
