package simulate

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

// seen is what a client gets to know, without what differs by chance.
type seen struct {
	Task    modelarts.Task
	Started bool
	ID      bool
	Class   modelarts.Class
	Fate    modelarts.Fate
	Status  int
	Code    string
	Verdict []string
}

// both are the simulator behind the real client, and the model of the two.
type both struct {
	t      *testing.T
	now    time.Time
	sim    *simulator.Simulator
	client *modelarts.Client
	url    string
	model  *service
}

const (
	conformanceProject = "0123456789abcdef0123456789abcdef"
	// Keys are as long as real ones: a shorter one is in an id now and then, which
	// the client then keeps to itself.
	accessKey, secretKey = "ACCESSKEYOFTHEMODEL1", "THESECRETKEYOFTHEMODELTHATNOTASKCARRIES1"
)

func newBoth(t *testing.T, answer, status string) *both {
	t.Helper()
	b := &both{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.now }
	b.sim = simulator.New(simulator.Config{
		AccessKey: accessKey, SecretKey: secretKey, TaskDuration: time.Minute, Answer: answer, Status: status, Now: now,
		Datasets: []simulator.Dataset{{ID: "cats"}},
	})
	server := httptest.NewServer(b.sim.Handler())
	t.Cleanup(server.Close)
	b.url, b.client = server.URL, modelarts.NewClient(modelarts.Options{Now: now})
	t.Cleanup(b.client.CloseIdleConnections)
	b.model = newService(now)
	b.model.empty, b.model.sparse = answer == simulator.AnswerEmpty, status == simulator.StatusSparse
	b.model.keys[accessKey] = &key{secret: secretKey, project: conformanceProject}
	b.model.datasets[place{conformanceProject, "cats"}] = &dataset{}
	return b
}

// look asks both.
func (b *both) look(dataset, secret string) {
	b.t.Helper()
	target, credentials := b.target(dataset, secret)
	actual, actualErr := b.client.LatestSync(context.Background(), target, credentials)
	model, modelErr := b.model.LatestSync(context.Background(), target, credentials)
	b.compare(seen{Task: actual}, actualErr, seen{Task: model}, modelErr)
}

// start asks both for a start that was signed a while ago.
func (b *both) start(dataset, secret string, age time.Duration) {
	b.t.Helper()
	target, credentials := b.target(dataset, secret)
	actual, actualErr := b.client.StartSync(context.Background(), target, credentials, b.now.Add(-age))
	model, modelErr := b.model.StartSync(context.Background(), target, credentials, b.now.Add(-age))
	b.compare(
		seen{Started: actualErr == nil, ID: actual.TaskID != "", Verdict: verdicts(b.sim.Ledger())}, actualErr,
		seen{Started: modelErr == nil, ID: model.TaskID != "", Verdict: verdicts(b.model.ledger)}, modelErr)
}

func verdicts(ledger []simulator.Entry) []string {
	var all []string
	for _, e := range ledger {
		all = append(all, e.Verdict)
	}
	return all
}

func (b *both) target(dataset, secret string) (modelarts.Target, modelarts.Credentials) {
	return modelarts.Target{Endpoint: b.url, ProjectID: conformanceProject, DatasetID: dataset},
		modelarts.Credentials{AccessKey: accessKey, SecretKey: secret}
}

func (b *both) compare(actual seen, actualErr error, model seen, modelErr error) {
	b.t.Helper()
	for _, one := range []struct {
		seen *seen
		err  error
	}{{&actual, actualErr}, {&model, modelErr}} {
		var failure *modelarts.Error
		if errors.As(one.err, &failure) {
			one.seen.Class, one.seen.Fate, one.seen.Status, one.seen.Code = failure.Class, failure.Fate, failure.HTTPStatus, failure.Code
		}
	}
	options := cmp.Options{
		cmpopts.IgnoreFields(modelarts.Task{}, "ID", "RequestID", "ErrorMsg", "Samples"),
		cmp.Comparer(func(a, b modelarts.Samples) bool { return (a.Added == nil) == (b.Added == nil) }),
	}
	if diff := cmp.Diff(actual, model, options); diff != "" {
		b.t.Errorf("the client of the simulator (-) and the model (+) differ:\n%s", diff)
	}
	if (actual.Task.ID == "") != (model.Task.ID == "") || (actual.Task.Samples.Total == nil) != (model.Task.Samples.Total == nil) {
		b.t.Errorf("the client of the simulator tells %+v, the model %+v", actual.Task, model.Task)
	}
}

// TestModelIsTheSimulator plays the same calls against both.
func TestModelIsTheSimulator(t *testing.T) {
	cases := map[string]func(*both){
		"a task from its start to its end": func(b *both) {
			b.look("cats", secretKey)
			b.start("cats", secretKey, 0)
			for range 8 {
				b.look("cats", secretKey)
				b.now = b.now.Add(9 * time.Second)
			}
		},
		"a second start waits for the first to end": func(b *both) {
			b.start("cats", secretKey, 0)
			b.now = b.now.Add(59 * time.Second)
			b.start("cats", secretKey, 0)
			b.now = b.now.Add(time.Second)
			b.start("cats", secretKey, 0)
		},
		"an old signature": func(b *both) {
			b.start("cats", secretKey, 15*time.Minute)
			b.now = b.now.Add(time.Hour)
			b.start("cats", secretKey, 15*time.Minute+time.Second)
		},
		"a wrong key is locked after six refusals": func(b *both) {
			for range 6 {
				b.start("cats", "THESECRETKEYOFNOBODY", 0)
			}
			b.look("cats", secretKey)
			b.now = b.now.Add(lockTime)
			b.look("cats", secretKey)
		},
		"a data set that is not there": func(b *both) {
			b.look("dogs", secretKey)
			b.start("dogs", secretKey, 0)
		},
		"a data set that cannot, or will not": func(b *both) {
			for _, c := range []struct {
				state, kind int
				code        string
			}{{state: 6, code: "ModelArts.4343"}, {state: 8, code: "ModelArts.4356"}, {kind: 100, code: "ModelArts.4383"}} {
				b.sim.SetDataset(simulator.Dataset{ID: "cats", Type: c.kind, State: c.state})
				b.model.datasets[place{conformanceProject, "cats"}].refuses = c.code
				b.start("cats", secretKey, 0)
			}
		},
		"somebody else's task": func(b *both) {
			if _, err := b.sim.StartTask(conformanceProject, "cats"); err != nil {
				b.t.Fatal(err)
			}
			b.model.console(place{conformanceProject, "cats"}, plan{})
			b.look("cats", secretKey)
			b.start("cats", secretKey, 0)
		},
		"a task that fails": func(b *both) {
			b.start("cats", secretKey, 0)
			b.sim.FinishTask(conformanceProject, "cats", "FAILED", "ModelArts.4311")
			b.model.datasets[place{conformanceProject, "cats"}].active(b.now).finish(b.now, "FAILED", "ModelArts.4311")
			b.look("cats", secretKey)
		},
		"a data set that was deleted and created anew": func(b *both) {
			b.start("cats", secretKey, 0)
			b.sim.DeleteDataset("", "cats")
			b.model.datasets[place{conformanceProject, "cats"}].remove(b.now)
			b.look("cats", secretKey)
			b.sim.SetDataset(simulator.Dataset{ID: "cats"})
			b.model.datasets[place{conformanceProject, "cats"}].gone = false
			b.look("cats", secretKey)
		},
	}
	for _, answer := range []string{simulator.AnswerTaskID, simulator.AnswerEmpty} {
		for _, status := range []string{simulator.StatusFull, simulator.StatusSparse} {
			for name, play := range cases {
				t.Run(strings.Join([]string{answer, status, name}, "/"), func(t *testing.T) { play(newBoth(t, answer, status)) })
			}
		}
	}
}

// TestModelRefusesAsTheSimulator compares what is certain about a start for each
// answer that the weather may bring.
func TestModelRefusesAsTheSimulator(t *testing.T) {
	for _, r := range refusals() {
		b := newBoth(t, simulator.AnswerTaskID, simulator.StatusFull)
		for _, op := range []string{simulator.OperationStart, simulator.OperationLatest} {
			b.sim.AddFault(simulator.Fault{Kind: "answer", Operation: op, Status: r.status, Code: r.code, Count: 1})
		}
		target, credentials := b.target("cats", secretKey)
		_, actualErr := b.client.StartSync(t.Context(), target, credentials, b.now)
		b.compare(seen{}, actualErr, seen{}, r.of("start", b.now))
		_, actualErr = b.client.LatestSync(t.Context(), target, credentials)
		b.compare(seen{}, actualErr, seen{}, r.of("latest", b.now))
	}
}
