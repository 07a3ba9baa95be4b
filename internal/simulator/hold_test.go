package simulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

// ending is how a call ended: 0 if its connection was cut.
type ending int

const aborted ending = 0

// inBackground sends a request whose client gives up when ctx ends, and
// returns where its ending arrives.
func (s *service) inBackground(ctx context.Context, t *testing.T, method, path string) <-chan ending {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, path, http.NoBody)
	s.sign(r)
	result := make(chan ending, 1)
	go func() {
		w := httptest.NewRecorder()
		defer func() {
			if err, _ := recover().(error); errors.Is(err, http.ErrAbortHandler) {
				result <- aborted
				return
			}
			result <- ending(w.Code)
		}()
		s.Handler().ServeHTTP(w, r)
	}()
	return result
}

func TestHeldStart(t *testing.T) {
	tests := map[string]struct {
		applied bool
		decide  func(s *service, id string)
		want    ending
		before  int // tasks while it is held
		after   int
		verdict string
		took    time.Duration
	}{
		"released before its effect": {
			decide: func(s *service, id string) { s.Release(id) }, want: 200, after: 1, verdict: "accepted",
		},
		"dropped before its effect": {
			decide: func(s *service, id string) { s.Drop(id) }, want: aborted, verdict: "lost",
		},
		"released after its effect": {
			applied: true, decide: func(s *service, id string) { s.Release(id) }, want: 200, before: 1, after: 1, verdict: "accepted",
		},
		"dropped after its effect": {
			applied: true, decide: func(s *service, id string) { s.Drop(id) }, want: aborted, before: 1, after: 1, verdict: "accepted",
		},
		"let go with all faults": {
			decide: func(s *service, _ string) { s.ClearFaults() }, want: 200, after: 1, verdict: "accepted",
		},
		"forgotten for ten minutes": {
			decide: func(*service, string) {}, want: 200, after: 1, verdict: "accepted", took: 10 * time.Minute,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, simulator.Config{})
				s.AddFault(simulator.Fault{Kind: "hold", Applied: tc.applied, Count: 1})
				result := s.inBackground(t.Context(), t, http.MethodPost, path(cats))
				synctest.Wait()
				held := s.Held()
				if len(held) != 1 {
					t.Fatalf("%d requests are held, want 1", len(held))
				}
				want := simulator.Held{
					ID: held[0].ID, Operation: "start", Project: project, Dataset: cats, Applied: tc.applied, Since: s.clock.Now(),
				}
				if diff := cmp.Diff(want, held[0]); diff != "" {
					t.Errorf("held (-want +got):\n%s", diff)
				}
				if got := len(s.Tasks(project, cats)); got != tc.before {
					t.Errorf("%d tasks while it is held, want %d", got, tc.before)
				}
				tc.decide(s, held[0].ID)
				began := time.Now()
				if got := <-result; got != tc.want || time.Since(began) != tc.took {
					t.Errorf("ended with %d after %v, want %d after %v", got, time.Since(began), tc.want, tc.took)
				}
				if got := len(s.Tasks(project, cats)); got != tc.after {
					t.Errorf("%d tasks in the end, want %d", got, tc.after)
				}
				entry := s.Ledger()[0]
				if entry.Verdict != tc.verdict || entry.RequestID != held[0].ID {
					t.Errorf("ledger %+v, want request %s %s", entry, held[0].ID, tc.verdict)
				}
				if s.Release(held[0].ID) || s.Drop(held[0].ID) || len(s.Held()) != 0 {
					t.Error("the request is still held")
				}
			})
		})
	}
}

func TestHeldStartOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, simulator.Config{})
		s.AddFault(simulator.Fault{Kind: "hold", Count: 1})
		ctx, kill := context.WithCancel(t.Context())
		result := s.inBackground(ctx, t, http.MethodPost, path(cats))
		synctest.Wait()
		kill()
		synctest.Wait()
		if len(s.Held()) != 1 {
			t.Fatal("the request went with its client")
		}
		s.Release(s.Held()[0].ID)
		<-result
		if got := len(s.Tasks(project, cats)); got != 1 {
			t.Errorf("%d tasks, want the one that came late", got)
		}
	})
}

func TestSecondStatusIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, simulator.Config{})
		s.AddFault(simulator.Fault{Kind: "hold", Operation: "latest", Skip: 1, Count: 1})
		s.latest(t, cats)
		result := s.inBackground(t.Context(), t, http.MethodGet, path(cats)+"/status")
		synctest.Wait()
		s.latest(t, cats)
		s.Drop(s.Held()[0].ID)
		if got := <-result; got != aborted {
			t.Errorf("ended with %d, want cut off", got)
		}
	})
}

func TestWaiting(t *testing.T) {
	tests := map[string]struct {
		cfg     simulator.Config
		fault   simulator.Fault
		patient time.Duration // of the client
		took    time.Duration
		want    ending
		begins  time.Duration // when the task begins; negative: never
	}{
		"a slow service": {
			cfg: simulator.Config{Latency: time.Second}, patient: time.Minute, took: time.Second, want: 200, begins: time.Second,
		},
		"a service that is slower than its client": {
			cfg: simulator.Config{Latency: time.Minute}, patient: time.Second, took: time.Minute, want: 200, begins: time.Minute,
		},
		"a start that is under way for long": {
			fault:   simulator.Fault{Kind: "delay", Delay: time.Minute},
			patient: time.Second, took: time.Minute, want: 200, begins: time.Minute,
		},
		"an answer that is under way for long": {
			fault:   simulator.Fault{Kind: "delay", Delay: time.Minute, Applied: true},
			patient: time.Hour, took: time.Minute, want: 200, begins: 0,
		},
		"no answer, with effect": {
			fault: simulator.Fault{Kind: "silence", Applied: true}, patient: 30 * time.Second, took: 30 * time.Second, want: aborted, begins: 0,
		},
		"no answer, without effect": {
			fault: simulator.Fault{Kind: "silence"}, patient: 30 * time.Second, took: 30 * time.Second, want: aborted, begins: -1,
		},
		"no answer, to a client that never gives up": {
			fault: simulator.Fault{Kind: "silence"}, patient: time.Hour, took: 10 * time.Minute, want: aborted, begins: -1,
		},
		"no answer for a while": {
			fault: simulator.Fault{Kind: "silence", Delay: time.Minute}, patient: time.Hour, took: time.Minute, want: aborted, begins: -1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.cfg.AccessKey, tc.cfg.SecretKey = "AK", "SK"
				s := &service{Simulator: simulator.New(tc.cfg), clock: &clock{now: time.Now()}, access: "AK", secret: "SK"}
				if tc.fault.Kind != "" {
					s.AddFault(tc.fault)
				}
				ctx, stop := context.WithTimeout(t.Context(), tc.patient)
				defer stop()
				began := time.Now()
				got := <-s.inBackground(ctx, t, http.MethodPost, path(cats))
				if took := time.Since(began); got != tc.want || took != tc.took {
					t.Errorf("ended with %d after %v, want %d after %v", got, took, tc.want, tc.took)
				}
				tasks := s.Tasks(project, cats)
				switch {
				case tc.begins < 0 && len(tasks) > 0:
					t.Errorf("tasks %+v, want none", tasks)
				case tc.begins >= 0 && (len(tasks) != 1 || tasks[0].CreateTime.Sub(began) != tc.begins):
					t.Errorf("tasks %+v, want one after %v", tasks, tc.begins)
				}
			})
		})
	}
}

func TestClearingFaultsEndsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, simulator.Config{})
		s.AddFault(simulator.Fault{Kind: "silence"})
		result := s.inBackground(t.Context(), t, http.MethodGet, path(cats)+"/status")
		synctest.Wait()
		began := time.Now()
		s.ClearFaults()
		if got := <-result; got != aborted || time.Since(began) != 0 {
			t.Errorf("ended with %d after %v, want cut off at once", got, time.Since(began))
		}
	})
}
