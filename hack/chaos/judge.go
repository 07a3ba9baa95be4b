package main

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// request is a sync that was asked for.
type request struct {
	// trigger is the token, empty for the creation.
	trigger string
	// asked is just before the API server took it.
	asked time.Time
	// closed is when it was seen at rest, zero until then.
	closed time.Time
}

// tally counts what became of requests.
type tally struct {
	Requests int `json:"requests"`
	// Accepted is how many starts the service accepted for them, PaidFor how many
	// were paid for.
	Accepted int `json:"accepted"`
	PaidFor  int `json:"paidFor"`
	// Lost requests were neither served nor shown as failed, Doubled ones had two
	// starts accepted, and of Untruthful ones status says what the ledger does not.
	Lost       int `json:"lost"`
	Doubled    int `json:"doubled"`
	Untruthful int `json:"untruthful"`
}

func (t *tally) add(u tally) {
	t.Requests += u.Requests
	t.Accepted += u.Accepted
	t.PaidFor += u.PaidFor
	t.Lost += u.Lost
	t.Doubled += u.Doubled
	t.Untruthful += u.Untruthful
}

func (t *tally) violations() int { return t.Lost + t.Doubled + t.Untruthful }

// atRest reports whether a request was taken in and its run is over.
func atRest(obj *v1alpha1.DatasetSync, r request) bool {
	s := &obj.Status
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ReadyCondition)
	return s.Run == nil && s.HandledTarget != nil && s.HandledTrigger == r.trigger && s.ObservedGeneration == obj.Generation &&
		ready != nil && ready.Status != "Unknown"
}

// judge compares what an object at rest says of a request with the starts that
// the ledger has for it. It returns sentences for whatever is wrong. The promise
// is the same for every fault that the harness makes, since each lets the service
// show within the settle time what it accepted: exactly one accepted start, and
// success.
func judge(obj *v1alpha1.DatasetSync, r request, accepted []simulator.Entry) (t tally, problems []string) {
	t = tally{Requests: 1, Accepted: len(accepted)}
	say := func(count *int, format string, args ...any) {
		*count = 1
		problems = append(problems, fmt.Sprintf("%s, request %q: ", obj.Name, r.trigger)+fmt.Sprintf(format, args...))
	}
	if len(accepted) > 1 {
		say(&t.Doubled, "%d starts were accepted", len(accepted))
	}
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ReadyCondition)
	if ready.Status != "True" {
		say(&t.Lost, "it failed visibly, which none of these faults should do: %s, %s", ready.Reason, ready.Message)
		return t, problems
	}
	if len(accepted) == 0 {
		say(&t.Lost, "no start was accepted")
		return t, problems
	}
	if len(obj.Status.History) == 0 {
		say(&t.Untruthful, "no history")
		return t, problems
	}
	last := obj.Status.History[0]
	t.PaidFor = int(last.Attempts)
	i := slices.IndexFunc(accepted, func(e simulator.Entry) bool { return e.TaskID == obj.Status.TaskID })
	switch {
	case i < 0:
		say(&t.Untruthful, "status names the task %q, which was not started for it", obj.Status.TaskID)
	case last.Outcome != v1alpha1.OutcomeSucceeded || last.TaskID != obj.Status.TaskID || obj.Status.TaskState != "COMPLETED":
		say(&t.Untruthful, "history says %s of task %q, state %s", last.Outcome, last.TaskID, obj.Status.TaskState)
	case !sameCounts(obj.Status.Samples, accepted[i]):
		say(&t.Untruthful, "the counts are not those of task %s", obj.Status.TaskID)
	case obj.Status.LastSuccessTime == nil || obj.Status.LastSuccessTime.Time.Before(accepted[i].Time.Truncate(time.Second)):
		say(&t.Untruthful, "a success before its start")
	case t.PaidFor < len(accepted):
		say(&t.Untruthful, "%d starts were accepted and %d paid for", len(accepted), t.PaidFor)
	}
	return t, problems
}

func sameCounts(s *v1alpha1.Samples, e simulator.Entry) bool {
	return s != nil && s.Added != nil && s.Deleted != nil && s.Total != nil &&
		*s.Added == e.Added && *s.Deleted == e.Deleted && *s.Total == e.Total
}
