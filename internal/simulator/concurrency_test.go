package simulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"datasetsync.dev/operator/internal/simulator"
)

// TestManyClients lets clients race for the same data sets while the service
// is changed. Each data set has one task at a time, and each task one
// accepted start.
func TestManyClients(t *testing.T) {
	const clients, rounds, datasets = 8, 40, 4
	s := newService(t, simulator.Config{})
	s.Simulator = simulator.New(simulator.Config{AccessKey: "AK", SecretKey: "SK", Now: s.clock.Now}) // does not log
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for round := range rounds {
				dataset := fmt.Sprint("cats-", (client+round)%datasets)
				s.start(t, dataset)
				s.latest(t, dataset)
				switch {
				case client == 0:
					s.FinishTask(project, dataset, "COMPLETED")
				case client == 1 && round%10 == 0:
					s.AddFault(simulator.Fault{Kind: "answer", Status: 503, Count: 1})
				case client == 2:
					s.SetDataset(simulator.Dataset{ID: dataset})
					_, _ = s.Calls(), s.Ledger()
				case client == 3 && round%10 == 0:
					s.ClearFaults()
				}
			}
		})
	}
	all.Wait()
	started := map[string]int{}
	for _, e := range s.Ledger() {
		if e.Verdict == simulator.VerdictAccepted {
			started[e.TaskID]++
		}
	}
	tasks := 0
	for n := range datasets {
		running := 0
		for _, task := range s.Tasks(project, fmt.Sprint("cats-", n)) {
			tasks++
			if started[task.ID] != 1 {
				t.Errorf("task %s was accepted %d times", task.ID, started[task.ID])
			}
			if task.State == "RUNNING" {
				running++
			}
		}
		if running > 1 {
			t.Errorf("data set %d has %d tasks at a time", n, running)
		}
	}
	if tasks != len(started) || len(s.Ledger()) != clients*rounds {
		t.Errorf("%d tasks, %d accepted starts, %d entries; want as many tasks as starts, and %d entries",
			tasks, len(started), len(s.Ledger()), clients*rounds)
	}
}

func BenchmarkLatest(b *testing.B) {
	c := &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	s := &service{
		Simulator: simulator.New(simulator.Config{AccessKey: "AK", SecretKey: "SK", Now: c.Now}), clock: c, access: "AK", secret: "SK",
	}
	for n := range 10_000 {
		if _, err := s.StartTask(project, fmt.Sprint("cats-", n)); err != nil {
			b.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path("cats-1")+"/status", http.NoBody)
	s.sign(r)
	for b.Loop() {
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
}
