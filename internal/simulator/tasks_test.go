package simulator_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/simulator"
)

func TestTaskGoesOnWithTheClock(t *testing.T) {
	s := newService(t, simulator.Config{TaskDuration: 100 * time.Second})
	began := s.clock.Now()
	id := s.start(t, cats).TaskID
	steps := []struct {
		age      time.Duration
		state    string
		duration int64
		start    int // what another start is answered; 0: none is sent
	}{
		{0, "QUEUING", 0, 400},
		{10*time.Second - 1, "QUEUING", 9, 400},
		{10 * time.Second, "STARTING", 10, 400},
		{20 * time.Second, "RUNNING", 20, 400},
		{100*time.Second - 1, "RUNNING", 99, 400},
		{100 * time.Second, "COMPLETED", 100, 0},
		{time.Hour, "COMPLETED", 100, 200},
	}
	for _, step := range steps {
		s.clock.advance(step.age - s.clock.Now().Sub(began))
		got := s.latest(t, cats)
		if got.Status != step.state || got.Duration != step.duration || got.TaskID != id || got.Created != began.UnixMilli() {
			t.Errorf("after %v: %s, want task %s of %d, %s for %d s", step.age, got.raw, id, began.UnixMilli(), step.state, step.duration)
		}
		if got.Status != "COMPLETED" && (got.Added != 0 || got.Total != 0) {
			t.Errorf("after %v: %s, want no samples yet", step.age, got.raw)
		}
		if step.start == 0 {
			continue
		}
		if got := s.start(t, cats); got.status != step.start {
			t.Errorf("after %v: another start is answered %d, want %d", step.age, got.status, step.start)
		}
	}
}

func TestTaskWithoutALengthRunsUntilItIsFinished(t *testing.T) {
	tests := map[string]struct {
		finish  func(s *service)
		state   string
		code    string
		message string
	}{
		"not finished": {func(*service) {}, "RUNNING", "", ""},
		"completed":    {func(s *service) { s.FinishTask(project, cats, "COMPLETED") }, "COMPLETED", "", ""},
		"failed": {
			func(s *service) { s.FinishTask(project, cats, "FAILED") },
			"FAILED", "ModelArts.4360", "Sync data source error",
		},
		"failed with a documented code": {
			func(s *service) { s.FinishTask(project, cats, "FAILED", "ModelArts.4311") },
			"FAILED", "ModelArts.4311", "OBS bucket does not exist",
		},
		"failed with a code and a message": {
			func(s *service) { s.FinishTask(project, cats, "FAILED", "ModelArts.1", "why") },
			"FAILED", "ModelArts.1", "why",
		},
		"another data set's task is finished": {func(s *service) { s.FinishTask(project, "dogs", "COMPLETED") }, "RUNNING", "", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, simulator.Config{})
			s.start(t, cats)
			s.clock.advance(time.Hour)
			tc.finish(s)
			s.clock.advance(time.Hour)
			tc.finish(s) // an end is final
			got := s.latest(t, cats)
			if got.Status != tc.state || got.Code != tc.code || got.Message != tc.message {
				t.Errorf("status %s, want %s with %q %q", got.raw, tc.state, tc.code, tc.message)
			}
			if tc.state != "RUNNING" && got.Duration != 3600 {
				t.Errorf("duration %d, want 3600", got.Duration)
			}
			if n := len(s.Ledger()); n != 1 {
				t.Errorf("%d entries in the ledger, want the start's", n)
			}
		})
	}
}

func TestFinishTaskPanicsOnAWrongWord(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("FinishTask takes any word")
		}
	}()
	newService(t, simulator.Config{}).FinishTask(project, cats, "DONE")
}

func TestCountsAddUp(t *testing.T) {
	first, second := newService(t, simulator.Config{}), newService(t, simulator.Config{})
	var total int64
	ids := map[string]bool{}
	for n := range 20 {
		for _, s := range []*service{first, second} {
			id := s.start(t, cats).TaskID
			if !regexp.MustCompile(`^[0-9A-Za-z]{19}$`).MatchString(id) || ids[id] {
				t.Errorf("task %q, want 19 letters and digits that no other task has", id)
			}
			ids[id] = true
		}
		if n%3 == 2 {
			first.FinishTask(project, cats, "FAILED")
			second.FinishTask(project, cats, "FAILED")
			if got := first.latest(t, cats); got.Total != total {
				t.Errorf("failed task %d: %s, want %d samples as before", n, got.raw, total)
			}
			continue
		}
		first.FinishTask(project, cats, "COMPLETED")
		second.FinishTask(project, cats, "COMPLETED")
		one, other := first.latest(t, cats), second.latest(t, cats)
		if one.Added < 1 || one.Deleted < 0 || one.Deleted > total || one.Total != total+one.Added-one.Deleted {
			t.Errorf("task %d after %d samples: %s", n, total, one.raw)
		}
		if one.Added != other.Added || one.Deleted != other.Deleted {
			t.Errorf("task %d: %s here and %s there", n, one.raw, other.raw)
		}
		total = one.Total
	}
}

func TestSomebodyElseStartsATask(t *testing.T) {
	s := newService(t, simulator.Config{TaskDuration: time.Minute, Datasets: []simulator.Dataset{{ID: cats}}})
	if _, err := s.StartTask(project, "dogs"); err == nil {
		t.Error("a task of a data set that does not exist is started")
	}
	external, err := s.StartTask(project, cats)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartTask(project, cats); err == nil {
		t.Error("a second task is started beside the first")
	}
	if got := s.latest(t, cats); got.TaskID != external.ID {
		t.Errorf("status %s, want task %s", got.raw, external.ID)
	}
	if got := s.start(t, cats); got.Code != "ModelArts.4355" {
		t.Errorf("start %s, want refused with ModelArts.4355", got.raw)
	}
	s.clock.advance(time.Minute)
	own := s.start(t, cats).TaskID
	if diff := cmp.Diff([]string{"external", "refused", "accepted"}, s.verdicts()); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if !s.Ledger()[0].External || s.Ledger()[2].External {
		t.Errorf("ledger %+v, want only the first to be external", s.Ledger())
	}
	var got []simulator.Task
	for _, task := range s.Tasks(project, cats) {
		got = append(got, simulator.Task{ID: task.ID, State: task.State, External: task.External})
	}
	want := []simulator.Task{{ID: external.ID, State: "COMPLETED", External: true}, {ID: own, State: "QUEUING"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func TestDatasetChangesWhileServing(t *testing.T) {
	s := newService(t, simulator.Config{})
	s.SetDataset(simulator.Dataset{ID: cats, State: 6})
	if got := s.start(t, cats); got.Code != "ModelArts.4343" {
		t.Errorf("publishing: %s, want ModelArts.4343", got.raw)
	}
	s.SetDataset(simulator.Dataset{ID: cats})
	id := s.start(t, cats).TaskID
	s.DeleteDataset("", cats)
	if got := s.latest(t, cats); got.Code != "ModelArts.4352" {
		t.Errorf("deleted: %s, want ModelArts.4352", got.raw)
	}
	if got := s.latest(t, "dogs"); got.status != http.StatusOK {
		t.Errorf("another data set: %s, want success", got.raw)
	}
	s.SetDataset(simulator.Dataset{ID: cats})
	if got := s.latest(t, cats); got.Status != "NOT_EXIST" {
		t.Errorf("created anew: %s, want NOT_EXIST", got.raw)
	}
	tasks := s.Tasks(project, cats)
	if len(tasks) != 1 || tasks[0].ID != id || tasks[0].State != "FAILED" || tasks[0].ErrorCode != "ModelArts.4393" {
		t.Errorf("tasks %+v, want %s, stopped", tasks, id)
	}
}

func TestDeletingInOneProjectOnly(t *testing.T) {
	s := newService(t, simulator.Config{Datasets: []simulator.Dataset{{ID: cats}}})
	s.DeleteDataset(project, cats)
	if _, err := s.StartTask(project, cats); err == nil {
		t.Error("the data set is still there")
	}
	if _, err := s.StartTask("b"+project[1:], cats); err != nil {
		t.Errorf("the data set of another project is gone: %v", err)
	}
}

func TestParseDataset(t *testing.T) {
	tests := map[string]struct {
		text string
		want simulator.Dataset
		ok   bool
	}{
		"an id":                  {"cats", simulator.Dataset{ID: "cats"}, true},
		"a type":                 {"cats:100", simulator.Dataset{ID: "cats", Type: 100}, true},
		"a type and a state":     {"cats:0:6", simulator.Dataset{ID: "cats", State: 6}, true},
		"nothing":                {"", simulator.Dataset{}, false},
		"a type that is no word": {"cats:text", simulator.Dataset{}, false},
		"a type that is not":     {"cats:2", simulator.Dataset{}, false},
		"a state that is not":    {"cats:0:9", simulator.Dataset{}, false},
		"too much":               {"cats:0:1:2", simulator.Dataset{}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := simulator.ParseDataset(tc.text)
			if (err == nil) != tc.ok {
				t.Fatalf("error %v, want parsed: %t", err, tc.ok)
			}
			if diff := cmp.Diff(tc.want, got); tc.ok && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
