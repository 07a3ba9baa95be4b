package simulator_test

import (
	"bytes"
	"errors"
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

func TestReloadGoesOnWhereTheLedgerEnds(t *testing.T) {
	tests := map[string]struct {
		duration time.Duration
		act      func(t *testing.T, s *service)
	}{
		"nothing happened": {0, func(*testing.T, *service) {}},
		"a task is running": {time.Minute, func(t *testing.T, s *service) {
			t.Helper()
			s.start(t, cats)
			s.clock.advance(30 * time.Second)
		}},
		"a task has ended": {time.Minute, func(t *testing.T, s *service) {
			t.Helper()
			s.start(t, cats)
			s.clock.advance(time.Minute)
		}},
		"tasks of several data sets": {time.Minute, func(t *testing.T, s *service) {
			t.Helper()
			s.start(t, cats)
			s.start(t, "dogs")
			s.clock.advance(time.Hour)
			s.start(t, cats)
			s.start(t, cats)
		}},
		"a task was ended by hand": {0, func(t *testing.T, s *service) {
			t.Helper()
			s.start(t, cats)
			s.clock.advance(time.Second)
			s.FinishTask(project, cats, "FAILED", "ModelArts.4311")
			s.clock.advance(time.Second)
		}},
		"somebody else started one": {0, func(t *testing.T, s *service) {
			t.Helper()
			if _, err := s.StartTask(project, cats); err != nil {
				t.Fatal(err)
			}
		}},
		"a task will fail": {time.Minute, func(t *testing.T, s *service) {
			t.Helper()
			s.AddFault(simulator.Fault{Kind: "task-fails", Code: "ModelArts.4312", Message: "gone"})
			s.start(t, cats)
			s.clock.advance(time.Hour)
		}},
		"a task will never end": {time.Minute, func(t *testing.T, s *service) {
			t.Helper()
			s.AddFault(simulator.Fault{Kind: "task-never-ends"})
			s.start(t, cats)
			s.clock.advance(time.Hour)
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			before := newService(t, simulator.Config{Ledger: &file, TaskDuration: tc.duration})
			tc.act(t, before)

			after := newService(t, simulator.Config{TaskDuration: tc.duration})
			after.clock = before.clock
			after.Simulator = simulator.New(simulator.Config{
				AccessKey: "AK", SecretKey: "SK", TaskDuration: tc.duration, Now: before.clock.Now,
			})
			if err := after.Reload(&file); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before.Ledger(), after.Ledger()); diff != "" {
				t.Errorf("ledger (-before +after):\n%s", diff)
			}
			for _, dataset := range []string{cats, "dogs"} {
				if diff := cmp.Diff(before.Tasks(project, dataset), after.Tasks(project, dataset)); diff != "" {
					t.Errorf("tasks of %s (-before +after):\n%s", dataset, diff)
				}
				if diff := cmp.Diff(before.latest(t, dataset).raw, after.latest(t, dataset).raw); diff != "" {
					t.Errorf("status of %s (-before +after):\n%s", dataset, diff)
				}
			}
		})
	}
}

func TestReloadRefusesADamagedLedger(t *testing.T) {
	const accepted = `{"time":"2026-03-04T05:06:07Z","project":"p","dataset":"d","verdict":"accepted","task_id":"1"}` + "\n"
	tests := map[string]string{
		"a torn line":                         accepted + accepted[:20],
		"a line that is no JSON":              accepted + "oops\n",
		"a verdict that does not exist":       strings.Replace(accepted, "accepted", "maybe", 1),
		"a task that ended before it began":   strings.Replace(accepted, "accepted", "finished", 1),
		"the end of another than the latest":  accepted + strings.NewReplacer("accepted", "finished", `"1"`, `"2"`).Replace(accepted),
		"an empty line, which nobody wrote":   "\n" + accepted,
		"a whole entry without its line feed": strings.TrimSuffix(accepted, "\n"),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if err := newService(t, simulator.Config{}).Reload(strings.NewReader(text)); err == nil {
				t.Error("the ledger is taken in")
			}
		})
	}
}

// brokenWriter fails.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestNothingHappensThatCannotBeWrittenDown(t *testing.T) {
	s := newService(t, simulator.Config{Ledger: brokenWriter{}})
	if got := s.start(t, cats); got.status != http.StatusInternalServerError {
		t.Errorf("start: %s, want 500", got.raw)
	}
	if _, err := s.StartTask(project, cats); err == nil {
		t.Error("somebody else's task is started")
	}
	if got := s.latest(t, cats); got.Status != "NOT_EXIST" || len(s.Ledger()) != 0 {
		t.Errorf("status %s, ledger %v, want nothing", got.raw, s.Ledger())
	}
}

// countingWriter notes each write.
type countingWriter struct{ writes []string }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes = append(w.writes, string(p))
	return len(p), nil
}

func TestEachEntryIsOneWriteBeforeTheAnswer(t *testing.T) {
	var file countingWriter
	s := newService(t, simulator.Config{Ledger: &file})
	s.AddFault(simulator.Fault{Kind: "reset-before", Skip: 2})
	s.start(t, cats)
	s.start(t, cats)
	aborted := func() (aborted bool) {
		defer func() { aborted = errors.Is(recoverError(recover()), http.ErrAbortHandler) }()
		s.start(t, cats)
		return false
	}()
	if !aborted {
		t.Error("a start that is reset is answered")
	}
	if len(file.writes) != 3 {
		t.Fatalf("%d writes, want 3: %q", len(file.writes), file.writes)
	}
	for i, line := range file.writes {
		if !strings.HasSuffix(line, "}\n") || strings.Count(line, "\n") != 1 {
			t.Errorf("write %d is %q, want one line", i, line)
		}
	}
}

func recoverError(v any) error {
	err, _ := v.(error)
	return err
}

func TestOpenKeepsTheLedgerInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	var cfg simulator.Config
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	cfg.AddFlags(flags)
	if err := flags.Parse([]string{"--dataset=cats", "--dataset=dogs:1", "--task-duration=1m"}); err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 2; want++ {
		s, closer, err := simulator.Open(cfg, file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.StartTask(project, []string{"cats", "dogs"}[want-1]); err != nil {
			t.Errorf("open %d: %v", want, err)
		}
		if _, err := s.StartTask(project, "cats"); err == nil {
			t.Errorf("open %d: the running task is forgotten", want)
		}
		if n := len(s.Ledger()); n != want {
			t.Errorf("open %d: %d entries, want %d", want, n, want)
		}
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := simulator.Open(simulator.Config{Answer: "?"}, ""); err == nil {
		t.Error("an invalid Config is taken")
	}
	if _, _, err := simulator.Open(simulator.Config{}, filepath.Join(file, "x")); err == nil {
		t.Error("a path that cannot be opened is taken")
	}
}
