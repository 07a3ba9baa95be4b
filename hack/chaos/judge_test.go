package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

func TestTheJudgeSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	start := func(id string) simulator.Entry {
		return simulator.Entry{Time: at, Dataset: "cats", Verdict: simulator.VerdictAccepted, TaskID: id, Added: 1, Total: 7}
	}
	count := func(n int64) *int64 { return &n }
	good := func() *v1alpha1.DatasetSync {
		obj := &v1alpha1.DatasetSync{ObjectMeta: metav1.ObjectMeta{Name: "cats"}}
		obj.Status = v1alpha1.DatasetSyncStatus{
			Conditions: []metav1.Condition{{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue}},
			TaskID:     "t", TaskState: "COMPLETED", LastSuccessTime: &metav1.Time{Time: at},
			Samples: &v1alpha1.Samples{Added: count(1), Deleted: count(0), Total: count(7)},
			History: []v1alpha1.HistoryEntry{{Outcome: v1alpha1.OutcomeSucceeded, TaskID: "t", Attempts: 1}},
		}
		return obj
	}
	for name, tc := range map[string]struct {
		change   func(*v1alpha1.DatasetSync)
		accepted []simulator.Entry
		want     tally
	}{
		"nothing":                  {nil, []simulator.Entry{start("t")}, tally{Requests: 1, Accepted: 1, PaidFor: 1}},
		"two starts":               {func(o *v1alpha1.DatasetSync) { o.Status.History[0].Attempts = 2 }, []simulator.Entry{start("t"), start("u")}, tally{Requests: 1, Accepted: 2, PaidFor: 2, Doubled: 1}},
		"two starts, one paid for": {nil, []simulator.Entry{start("t"), start("u")}, tally{Requests: 1, Accepted: 2, PaidFor: 1, Doubled: 1, Untruthful: 1}},
		"no start":                 {nil, nil, tally{Requests: 1, Lost: 1}},
		"a visible failure":        {func(o *v1alpha1.DatasetSync) { o.Status.Conditions[0].Status = "False" }, []simulator.Entry{start("t")}, tally{Requests: 1, Accepted: 1, Lost: 1}},
		"an invented task":         {func(o *v1alpha1.DatasetSync) { o.Status.TaskID = "x" }, []simulator.Entry{start("t")}, tally{Requests: 1, Accepted: 1, PaidFor: 1, Untruthful: 1}},
		"a task that still runs":   {func(o *v1alpha1.DatasetSync) { o.Status.TaskState = "RUNNING" }, []simulator.Entry{start("t")}, tally{Requests: 1, Accepted: 1, PaidFor: 1, Untruthful: 1}},
		"other counts":             {func(o *v1alpha1.DatasetSync) { o.Status.Samples.Total = count(8) }, []simulator.Entry{start("t")}, tally{Requests: 1, Accepted: 1, PaidFor: 1, Untruthful: 1}},
		"a success too early": {func(o *v1alpha1.DatasetSync) {
			o.Status.LastSuccessTime = &metav1.Time{Time: at.Add(-time.Minute)}
		}, []simulator.Entry{start("t")}, tally{Requests: 1, Accepted: 1, PaidFor: 1, Untruthful: 1}},
	} {
		obj := good()
		if tc.change != nil {
			tc.change(obj)
		}
		got, problems := judge(obj, request{}, tc.accepted)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (len(problems) > 0) != (got.violations() > 0) {
			t.Errorf("%s: %d violations, problems %q", name, got.violations(), problems)
		}
	}
}
