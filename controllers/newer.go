package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// verdict is what can be said of the latest task, compared with a baseline.
type verdict int

const (
	// notNewer: the baseline itself, or a task before it.
	notNewer verdict = iota
	// doubtful: later than the baseline, but created before the baseline was
	// observed: the baseline lagged, or a clock is off. Never a reason to start
	// again.
	doubtful
	// newer: created after the request, whoever asked for it.
	newer
)

// compare says whether the latest task is newer than the baseline, by identity
// or, where the service tells none, by state and counts.
func compare(latest modelarts.Task, base *v1alpha1.Baseline, grace time.Duration) verdict {
	if latest.State == modelarts.StateNotExist {
		return notNewer
	}
	v, known := compareIdentity(latest, base, grace)
	if !known && sparseNewer(latest, base) {
		return newer
	}
	return v
}

// compareIdentity compares ids and times of creation. A criterion that cannot
// be evaluated is left out; known is false where none can be. Only the
// service's own clocks are compared with each other.
func compareIdentity(latest modelarts.Task, base *v1alpha1.Baseline, grace time.Duration) (v verdict, known bool) {
	if latest.ID != "" && base.TaskID != "" {
		if latest.ID == base.TaskID {
			return notNewer, true
		}
		known = true
	}
	if !latest.CreateTime.IsZero() && base.CreateTime != nil {
		if !latest.CreateTime.After(base.CreateTime.Time) {
			return notNewer, true
		}
		known = true
	}
	if !latest.CreateTime.IsZero() && base.ObservedTime != nil {
		if latest.CreateTime.Before(base.ObservedTime.Add(-grace)) {
			return doubtful, true
		}
		known = true
	}
	if known {
		return newer, true
	}
	return notNewer, false
}

// supersedes reports whether the latest task is newer than the one that a run
// follows: newer than the baseline, and than ours. Without an identity to tell
// them apart there is nothing to say.
func supersedes(latest modelarts.Task, run *v1alpha1.Run) bool {
	if latest.State == modelarts.StateNotExist {
		return false
	}
	ours := &v1alpha1.Baseline{TaskID: run.Task.ID, CreateTime: run.Task.CreateTime}
	v, _ := compareIdentity(latest, ours, graceAfterStart)
	if v == newer && run.Baseline != nil {
		v, _ = compareIdentity(latest, run.Baseline, graceAfterStart)
	}
	return v == newer
}

// youngerThan reports whether a task was created less than d ago, by the clocks of
// the service alone.
func youngerThan(task modelarts.Task, d time.Duration) bool {
	return !task.CreateTime.IsZero() && !task.Date.IsZero() && task.Date.Sub(task.CreateTime)+graceBeforeStart <= d
}

// anonymous reports whether the service tells neither ids nor times of creation.
func anonymous(latest modelarts.Task, base *v1alpha1.Baseline) bool {
	return latest.ID == "" && latest.CreateTime.IsZero() && base.TaskID == "" && base.CreateTime == nil
}

// sparseNewer compares where neither ids nor times are told.
func sparseNewer(latest modelarts.Task, base *v1alpha1.Baseline) bool {
	state := modelarts.State(base.State)
	switch {
	case state == modelarts.StateNotExist:
		return true
	case latest.State.Active():
		return !state.Active()
	default:
		return !state.Active() && !looksLike(latest, base)
	}
}

// looksLike reports whether a task has the baseline's state and counts.
func looksLike(latest modelarts.Task, base *v1alpha1.Baseline) bool {
	return string(latest.State) == base.State && equalSamples(samplesOf(latest), base.Samples)
}

// same reports whether the latest task is the one that a run follows: the same
// id, or no id and nothing that speaks against it.
func same(latest modelarts.Task, run *v1alpha1.Run, now time.Time) bool {
	switch task := run.Task; {
	case latest.State == modelarts.StateNotExist:
		return false
	case latest.ID != "" && task.ID != "":
		return latest.ID == task.ID
	case !latest.CreateTime.IsZero() && task.CreateTime != nil:
		return latest.CreateTime.Equal(task.CreateTime.Time)
	default:
		return !isOlder(latest, run.Baseline) && !mayBeBaseline(latest, run, now)
	}
}

// isOlder reports whether an answer is of a task before ours: the baseline, or one
// that was created before it was observed.
func isOlder(latest modelarts.Task, base *v1alpha1.Baseline) bool {
	if base == nil {
		return false
	}
	v, known := compareIdentity(latest, base, graceAfterStart)
	return known && v != newer
}

// mayBeBaseline reports whether an answer without identity may still be the
// record of the task before ours: shortly after the start, terminal, just as
// the baseline was, and ours not yet seen at work: a failed one may have been
// another.
func mayBeBaseline(latest modelarts.Task, run *v1alpha1.Run, now time.Time) bool {
	unseen := run.Task.State == "" || run.Task.State == string(modelarts.StateFailed)
	return unseen && run.Baseline != nil && run.StartTime != nil &&
		!latest.State.Active() && looksLike(latest, run.Baseline) &&
		!run.StartTime.After(now) && now.Sub(run.StartTime.Time) < sparseSettle
}

// baselineOf records a task as a baseline.
func baselineOf(task modelarts.Task) *v1alpha1.Baseline {
	return &v1alpha1.Baseline{
		TaskID:       task.ID,
		CreateTime:   microTime(task.CreateTime),
		State:        string(task.State),
		Samples:      samplesOf(task),
		ObservedTime: microTime(task.Date),
	}
}

// samplesOf returns the counts of a task, nil where it tells none.
func samplesOf(task modelarts.Task) *v1alpha1.Samples {
	s := v1alpha1.Samples{Added: task.Samples.Added, Deleted: task.Samples.Deleted, Total: task.Samples.Total}
	if s == (v1alpha1.Samples{}) {
		return nil
	}
	return &s
}

// equalSamples reports whether no count speaks against two answers being of the
// same task. A count that one of them does not tell says nothing.
func equalSamples(a, b *v1alpha1.Samples) bool {
	if a == nil || b == nil {
		return true
	}
	return equalCount(a.Added, b.Added) && equalCount(a.Deleted, b.Deleted) && equalCount(a.Total, b.Total)
}

func equalCount(a, b *int64) bool { return a == nil || b == nil || *a == *b }

// microTime returns t as it is stored, nil if it is zero.
func microTime(t time.Time) *metav1.MicroTime {
	if t.IsZero() {
		return nil
	}
	return &metav1.MicroTime{Time: t.UTC().Truncate(time.Microsecond)}
}
