package explore

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/controllers"
)

// ordinaryWorlds are small enough for every run of the tests.
func ordinaryWorlds() []world {
	// A task shown late is told from a newer one by its time alone.
	undated := strict.alone().telling(ids, "ids only")
	undated.truthful = false
	return []world{
		byDefault.within(bounds{outside: 1}),
		byDefault.within(bounds{crashes: 1}),
		byDefault.within(bounds{failures: 1}),
		byDefault.within(bounds{slow: true}),
		byDefault.within(bounds{between: true}),
		byDefault.within(bounds{lag: true}),
		byDefault.within(bounds{faults: 1}),
		inTime.within(bounds{crashes: 1}),
		strict.within(bounds{outside: 1}),
		strict.within(bounds{failures: 1, crashes: 1}),
		strict.within(bounds{lag: true, slow: true}),
		strict.alone().within(bounds{outside: 1, failures: 1, lag: true}),
		undated.within(bounds{outside: 1, failures: 1, lag: true}),
		hold.within(bounds{edits: 1}),
		hold.within(bounds{outside: 1, crashes: 1}),
		hold.shared(),
		strict.retrying(0).shared(),
		hold.telling(ids, "ids only").within(bounds{outside: 1}),
		hold.telling(sparse, "nothing told").within(bounds{outside: 1}),
	}
}

// largeWorlds take their time.
func largeWorlds() []world {
	return []world{
		byDefault.within(bounds{edits: 1}),
		byDefault.within(bounds{outside: 1, failures: 1, crashes: 1}),
		byDefault.within(bounds{outside: 1, slow: true, between: true}),
		byDefault.within(bounds{outside: 1, crashes: 1, lag: true}),
		byDefault.within(bounds{outside: 1, faults: 1}),
		byDefault.retrying(2).within(bounds{outside: 1}),
		byDefault.shared(),
		inTime.within(bounds{outside: 1, failures: 1, crashes: 1}),
		inTime.within(bounds{edits: 1, outside: 1, crashes: 1}),
		strict.within(bounds{edits: 1, outside: 1, failures: 1}),
		strict.within(bounds{edits: 1, crashes: 1, slow: true, between: true}),
		strict.within(bounds{edits: 1, outside: 1, lag: true}),
		strict.within(bounds{outside: 1, failures: 1, lag: true}),
		strict.within(bounds{outside: 2, failures: 1, crashes: 1}),
		strict.within(bounds{outside: 1, crashes: 1, lag: true, slow: true}),
		strict.within(bounds{outside: 1, failures: 1, faults: 1}),
		strict.retrying(2).within(bounds{outside: 1, failures: 2, crashes: 1}),
		strict.shared().within(bounds{outside: 1, crashes: 1}),
		hold.within(bounds{edits: 1, outside: 1, crashes: 1}),
		hold.within(bounds{edits: 1, crashes: 1, lag: true}),
		hold.shared().within(bounds{outside: 1, crashes: 1}),
		hold.telling(ids, "ids only").within(bounds{edits: 1, outside: 1}),
		hold.telling(sparse, "nothing told").within(bounds{edits: 1, outside: 1}),
	}
}

func newExplorer(t *testing.T, w world) *explorer {
	t.Helper()
	s := newShelf(t)
	return &explorer{world: w, shelf: s, passes: newPasses(s, w.settings(), w.tells, w.mutate), created: s.create(w.retryLimit)}
}

func TestExplore(t *testing.T) {
	worlds, limit := ordinaryWorlds(), 200_000
	if os.Getenv("EXPLORE") == "large" {
		worlds, limit = largeWorlds(), 12_000_000
	}
	reports := make([]report, len(worlds))
	t.Run("worlds", func(t *testing.T) {
		for i, w := range worlds {
			t.Run(w.name+" "+w.String(), func(t *testing.T) {
				t.Parallel()
				r := newExplorer(t, w).search(limit)
				reports[i] = r
				if r.broken != "" {
					t.Errorf("%s:\n%s", r.broken, strings.Join(r.path, "\n"))
				} else if r.cut {
					t.Errorf("there are more than %d states", limit)
				}
			})
		}
	})
	t.Logf("\n%s", table(reports))
}

// table sums reports up.
func table(reports []report) string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "world\tedits/outside/crashes/failures/faults\tretryLimit\tstates\tmoves\tstarts paid for\ttaken\tin one try\tbroken")
	for _, r := range reports {
		try := "-"
		if r.world.expires {
			try = fmt.Sprint(r.most.try)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", r.world.name, r.world.bounds, r.world.retryLimit,
			r.states, r.transitions, r.most.paid, r.most.taken, try, r.broken)
	}
	_ = w.Flush()
	return text.String()
}

// TestMutants shows that the search finds what is wrong: each world has one
// thing in it that the protocol forbids.
func TestMutants(t *testing.T) {
	instantly := func(w world) world { w.settleTime = 0; return w }
	never := func(w world) world { w.settleTime = 2 * long; return w }
	for name, test := range map[string]struct {
		world  world
		mutate func(*controllers.Dependencies)
		broken string
	}{
		"a patch without a resource version":         {byDefault, plainPatch, "are paid for"},
		"a read between the decision and the write":  {byDefault, readAgain, "are paid for"},
		"a transport that sends a start again":       {byDefault, replays, "no write of its own has paid for"},
		"a right to send that does not expire":       {byDefault.within(bounds{slow: true}), stoppedClock, "the right to do so has expired"},
		"a start that is signed by our clock":        {byDefault, ownTime, "another time than the service's"},
		"a settle time that is not waited for":       {instantly(strict), nil, "starts of one try were taken"},
		"a look before the wait instead of after it": {strict, looksFirst, "starts of one try were taken"},
		"a task that is different, taken for newer":  {byDefault.within(bounds{outside: 1, lag: true}), timeless, "older than it"},
		"a fate that is never believed":              {never(byDefault), nil, "no request gets on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := test.world
			w.mutate = test.mutate
			r := newExplorer(t, w).search(200_000)
			t.Logf("%d states, %d moves, then %s:\n%s", r.states, r.transitions, r.broken, strings.Join(r.path, "\n"))
			if !strings.Contains(r.broken, test.broken) {
				t.Errorf("found %q, want %q", r.broken, test.broken)
			}
		})
	}
}

func TestShelfKnowsWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.DatasetSync)
		wrong  string
	}{
		"a new object":                   {func(*v1alpha1.DatasetSync) {}, ""},
		"an error code that is too long": {func(o *v1alpha1.DatasetSync) { o.Status.ErrorCode = strings.Repeat("x", 65) }, "refuses the status"},
		"a condition that contradicts another": {func(o *v1alpha1.DatasetSync) {
			setTrue(o, v1alpha1.ReconcilingCondition)
			setTrue(o, v1alpha1.StalledCondition)
		}, "both True"},
		"Ready while a request waits": {func(o *v1alpha1.DatasetSync) {
			o.Status.ObservedGeneration = o.Generation
			setTrue(o, v1alpha1.ReadyCondition)
		}, "a request waits"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			obj := s.all[s.create(0)].object.DeepCopy()
			test.change(obj)
			got := s.all[s.keep(obj)].wrong
			if (got == "") != (test.wrong == "") || !strings.Contains(got, test.wrong) {
				t.Errorf("found %q, want %q", got, test.wrong)
			}
		})
	}
}

func setTrue(o *v1alpha1.DatasetSync, kind string) {
	meta.SetStatusCondition(&o.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Test"})
}
