package hostile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// story is what becomes of a new object whose data set has the faults.
type story struct {
	faults []simulator.Fault
	// slow is true if a fault keeps an answer from coming.
	slow bool
	// prepare changes the world before it begins.
	prepare func(*world)
	// reason is of Ready at the end.
	reason string
	// starts is how many starts the service accepted, tasks how many tasks of any
	// origin there were.
	starts int
	// attempts is how many were paid for.
	attempts int32
	// origin is of the task that served the run.
	origin v1alpha1.Origin
}

// served is how a run ends that had one start, with its answer.
func served(s story) story {
	s.reason, s.starts, s.attempts, s.origin = v1alpha1.ReasonSucceeded, 1, 1, v1alpha1.OriginStarted
	return s
}

// found is how a run ends whose start was taken, but whose answer told nothing.
func found(s story) story {
	s.reason, s.starts, s.attempts, s.origin = v1alpha1.ReasonSucceeded, 1, 1, v1alpha1.OriginAdopted
	return s
}

// repeated is how a run ends whose first start came to nothing without a no.
func repeated(s story) story {
	s.reason, s.starts, s.attempts, s.origin = v1alpha1.ReasonSucceeded, 1, 2, v1alpha1.OriginStarted
	return s
}

func closed(reason string, attempts int32, s story) story {
	s.reason, s.attempts = reason, attempts
	return s
}

func fault(kind string, changes ...func(*simulator.Fault)) simulator.Fault {
	f := simulator.Fault{Kind: kind, Operation: simulator.OperationStart, Count: 1}
	for _, c := range changes {
		c(&f)
	}
	return f
}

func applied(f *simulator.Fault) { f.Applied = true }
func always(f *simulator.Fault)  { f.Count = 0 }
func latest(f *simulator.Fault)  { f.Operation, f.Count = simulator.OperationLatest, 3 }

func status(n int) func(*simulator.Fault)  { return func(f *simulator.Fault) { f.Status = n } }
func code(c string) func(*simulator.Fault) { return func(f *simulator.Fault) { f.Code = c } }
func retryAfter(v string) func(*simulator.Fault) {
	return func(f *simulator.Fault) { f.RetryAfter = v }
}

func one(f simulator.Fault) story { return story{faults: []simulator.Fault{f}} }

// spoilt are answers that do not tell what became of a start, each with the
// start taken and not.
func spoilt() map[string]story {
	stories := map[string]story{}
	for kind, waits := range map[string]bool{
		"html": false, "truncated": false, "wrong-types": false, "deep-nesting": false, "gzip-bomb": false,
		"huge-headers": false, "huge-body": false, "endless-body": false,
		"cut": false, "length-mismatch": false, "informational": false, "not-http": false,
		"silence": true, "drip-headers": true, "drip-body": true,
	} {
		taken := found(story{faults: []simulator.Fault{fault(kind, applied)}, slow: waits})
		lost := repeated(story{faults: []simulator.Fault{fault(kind)}, slow: waits})
		stories[kind+", taken"], stories[kind+", not taken"] = taken, lost
	}
	// A JSON object that names neither a task nor an error says that the start was
	// taken.
	stories["wrong-types, taken"] = served(one(fault("wrong-types", applied)))
	stories["wrong-types, not taken"] = closed(v1alpha1.ReasonTaskLost, 1, one(fault("wrong-types")))
	stories["reset, taken"] = found(one(fault("reset-after")))
	stories["reset, not taken"] = repeated(one(fault("reset-before")))
	return stories
}

// refusals are answers that say what became of a start.
func refusals() map[string]story {
	return map[string]story{
		"an error code in a 200":              repeated(one(fault("error-in-200"))),
		"an error code in a 200, taken":       found(one(fault("error-in-200", applied))),
		"a redirect":                          closed(v1alpha1.ReasonRequestRejected, 1, one(fault("redirect", func(f *simulator.Fault) { f.Location = "http://evil.example/" }))),
		"a code for good":                     closed(v1alpha1.ReasonDatasetNotFound, 1, one(fault("answer", code("ModelArts.4352")))),
		"an unsupported type, told as 501":    closed(v1alpha1.ReasonUnsupported, 1, one(fault("answer", status(501), code("ModelArts.4383")))),
		"a refusal that is not JSON":          closed(v1alpha1.ReasonRequestRejected, 1, one(fault("control-characters"))),
		"a throttle":                          served(one(fault("throttled", retryAfter("90")))),
		"a throttle until the last day":       served(one(fault("throttled", retryAfter("Fri, 31 Dec 9999 23:59:59 GMT")))),
		"a throttle until yesterday":          served(one(fault("throttled", retryAfter("Sun, 06 Nov 1994 08:49:37 GMT")))),
		"a throttle of 10^30 seconds":         served(one(fault("throttled", retryAfter("1"+strings.Repeat("0", 30))))),
		"a throttle of -1 seconds":            served(one(fault("throttled", retryAfter("-1")))),
		"a throttle that tells no time":       served(one(fault("throttled"))),
		"a throttle dressed as 500":           served(one(fault("answer", status(500), code("ModelArts.5039")))),
		"a throttle dressed as 400":           served(one(fault("answer", status(400), code("ModelArts.4370")))),
		"a running sync that nobody can see":  served(one(fault("answer", code("ModelArts.4355")))),
		"other work on the data set: 4356":    served(one(fault("answer", code("ModelArts.4356")))),
		"other work on the data set: 4343":    served(one(fault("answer", code("ModelArts.4343")))),
		"other work on the data set: 4349":    served(one(fault("answer", code("ModelArts.4349")))),
		"other work on the data set: 4409":    served(one(fault("answer", code("ModelArts.4409")))),
		"a token that has expired":            served(one(fault("token-expired"))),
		"a key that is locked":                served(one(fault("locked"))),
		"500 of a start that was taken":       found(one(fault("answer", applied, status(500), code("ModelArts.0010")))),
		"500 of a start that was not":         repeated(one(fault("answer", status(500), code("ModelArts.0010")))),
		"503, always":                         closed(v1alpha1.ReasonRetryLimitReached, 4, one(fault("answer", always, status(503)))),
		"a service that is never reached":     closed(v1alpha1.ReasonRetryLimitReached, 4, one(fault("reset-before", always))),
		"a start answered with an empty body": served(story{prepare: func(w *world) { w.fault(fault("empty", applied)) }}),
	}
}

// views are answers to the question for the latest task.
func views() map[string]story {
	stories := map[string]story{}
	for kind, waits := range map[string]bool{
		"html": false, "truncated": false, "wrong-types": false, "deep-nesting": false, "gzip-bomb": false,
		"huge-headers": false, "huge-body": false, "endless-body": false,
		"empty": false, "cut": false, "length-mismatch": false, "informational": false, "not-http": false,
		"reset-before": false, "throttled": false, "locked": false, "token-expired": false,
		"unknown-word": false, "status-regress": false, "create-time-seconds": false,
		"silence": true, "drip-headers": true, "drip-body": true,
	} {
		f := fault(kind, latest)
		s := served(one(f))
		s.slow = waits
		stories["looks: "+kind] = s
		f.Skip = 1
		s = served(one(f))
		s.slow = waits
		stories["looks after the first: "+kind] = s
	}
	// What refuses a look for good closes a run, but not once a start is out.
	for _, f := range []simulator.Fault{fault("control-characters", latest), fault("error-in-200", latest, code("ModelArts.4362"))} {
		stories["looks: "+f.Kind] = closed(v1alpha1.ReasonRequestRejected, 0, one(f))
		f.Skip = 1
		stories["looks after the first: "+f.Kind] = served(one(f))
	}
	return stories
}

// tasks are ways in which a task can go on.
func tasks() map[string]story {
	return map[string]story{
		"a service that tells states only": served(story{prepare: func(w *world) { w.fault(fault("sparse", latest, always)) }}),
		"NOT_EXIST after the start": closed(v1alpha1.ReasonTaskLost, 1, story{
			faults: []simulator.Fault{fault("not-exist", latest, always)}, starts: 1, origin: v1alpha1.OriginStarted,
		}),
		"a task that is replaced by somebody else's": found(story{
			faults: []simulator.Fault{fault("superseded", latest, func(f *simulator.Fault) { f.Skip, f.Count = 1, 1 })},
		}),
		"creation times that go back": served(one(fault("create-time-backwards", latest, always))),
		"a task that fails once":      failedOnce(story{faults: []simulator.Fault{fault("task-fails")}}),
		"a status that lags behind":   served(one(fault("lag", latest, always, func(f *simulator.Fault) { f.Delay = 20 * time.Second }))),
	}
}

func failedOnce(s story) story {
	s.reason, s.starts, s.attempts, s.origin = v1alpha1.ReasonSucceeded, 2, 2, v1alpha1.OriginStarted
	return s
}

func TestEveryFaultEndsAsPromised(t *testing.T) {
	t.Parallel()
	for _, stories := range []map[string]story{spoilt(), refusals(), views(), tasks()} {
		for name, s := range stories {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s.play(t)
			})
		}
	}
}

// play lets a new object live through the faults.
func (s story) play(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	if s.slow {
		w.settings.RequestTimeout = impatient
		w.restart()
	}
	if s.prepare != nil {
		s.prepare(w)
	}
	for _, f := range s.faults {
		w.fault(f)
	}
	w.create("cats")
	obj := w.rest("cats")

	if _, reason, _ := strings.Cut(condition(obj, v1alpha1.ReadyCondition), " "); reason != s.reason {
		t.Errorf("it ends as %s, want %s", describe(obj), s.reason)
	}
	starts := w.starts("cats")
	if len(starts) != s.starts {
		t.Errorf("%d starts were accepted, want %d", len(starts), s.starts)
	}
	last := obj.Status.History[0]
	if last.Attempts != s.attempts || last.Origin != s.origin {
		t.Errorf("it took %d attempts, origin %q; want %d, %q", last.Attempts, last.Origin, s.attempts, s.origin)
	}
	if s.reason == v1alpha1.ReasonSucceeded && !slices.Contains(starts, obj.Status.TaskID) && !w.external(obj.Status.TaskID) {
		t.Errorf("status names the task %q, which the service did not start", obj.Status.TaskID)
	}
	w.findSecrets(t)
}

// external reports whether somebody else started a task.
func (w *world) external(id string) bool {
	return slices.ContainsFunc(w.service.Ledger(), func(e simulator.Entry) bool { return e.External && e.TaskID == id })
}

// findSecrets fails where a secret got out.
func (w *world) findSecrets(tb testing.TB) {
	tb.Helper()
	text := w.let()
	for _, secret := range w.seen.secrets() {
		if i := strings.Index(text, secret); i >= 0 {
			tb.Errorf("a secret got out: …%s…", text[max(0, i-200):min(len(text), i+100)])
		}
	}
}
