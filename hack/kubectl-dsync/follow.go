package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/api/v1alpha1"
)

// stalledGrace is for how long a request that nobody has taken in may find its
// object stalled. The operator reads a Secret that was mended within a minute.
const stalledGrace = 75 * time.Second

const suspended = "it is suspended: the request is kept until spec.suspend is false"

// follower tells from the versions of an object how a request fares.
//
// Others may ask as well, before or after the operator has taken the request in.
// A request that replaced it is a later one, so that the run which serves that
// one serves it too. A run that begins after the one that took it in is none of
// its business.
type follower struct {
	uid types.UID
	// before is what status named as handled when the request was made: anything
	// else is the request, or one that came later.
	before  string
	handled bool
	// run is when the run was opened that took the request in.
	run *metav1.MicroTime
	// newest is the newest finished run that ended before that one.
	newest *v1alpha1.HistoryEntry
}

func newFollower(asked *v1alpha1.DatasetSync) *follower {
	return &follower{uid: asked.UID, before: asked.Status.HandledRequest}
}

// report is how a request fares.
type report struct {
	// state is a word for it, and text a sentence.
	state, text string
	// done is true at the end, which is a good one if there is no err.
	done bool
	err  error
}

func failed(format string, args ...any) report {
	return report{done: true, err: fmt.Errorf(format, args...)}
}

// see takes in a version of the object, elapsed after the request was made.
func (f *follower) see(obj *v1alpha1.DatasetSync, elapsed time.Duration) report {
	s := &obj.Status
	if obj.UID != f.uid {
		return failed("it was deleted and made anew: ask again")
	}
	if !f.handled && s.HandledRequest == f.before {
		f.newest = first(s.History)
		return f.waiting(obj, elapsed)
	}
	f.handled = true
	if entry := f.outcome(s); entry != nil {
		return ended(obj, entry)
	}
	if s.Run == nil {
		return unrecorded(obj)
	}
	if f.run == nil || !f.run.Equal(&s.Run.RequestedTime) {
		f.run, f.newest = &s.Run.RequestedTime, first(s.History)
	}
	return running(obj)
}

// waiting reports on a request that no run has taken in.
func (f *follower) waiting(obj *v1alpha1.DatasetSync, elapsed time.Duration) report {
	asked := obj.Annotations[v1alpha1.RequestedAtAnnotation]
	stalled := condition(obj, v1alpha1.StalledCondition)
	switch {
	case asked == "" || asked == f.before:
		return failed("somebody took the request back: the annotation is %q now", asked)
	case obj.Spec.Suspend:
		return failed("%s", suspended)
	case stalled != nil && elapsed > stalledGrace:
		return failed("it is stalled and the request waits: %s: %s", stalled.Reason, stalled.Message)
	case stalled != nil:
		return report{state: "Waiting", text: "the object is stalled: " + stalled.Reason + ": " + stalled.Message}
	case obj.Status.Run != nil:
		return report{state: "Waiting", text: "another run is under way: " + message(obj)}
	default:
		return report{state: "Waiting", text: "the operator has not taken it in yet"}
	}
}

// outcome returns how the run ended that took the request in, or a later one. It
// returns nil if none has, or if status keeps no history.
func (f *follower) outcome(s *v1alpha1.DatasetSyncStatus) *v1alpha1.HistoryEntry {
	for i := range s.History {
		entry := &s.History[i]
		switch {
		case f.newest != nil && equality.Semantic.DeepEqual(entry, f.newest):
			return nil
		case entry.Outcome == v1alpha1.OutcomeSkipped:
		case s.Run == nil, f.run != nil && entry.StartTime.Time.Equal(f.run.Truncate(time.Second)):
			return entry
		}
	}
	return nil
}

// running reports on a run that is under way.
func running(obj *v1alpha1.DatasetSync) report {
	run, state := obj.Status.Run, obj.Status.TaskState
	if stalled := condition(obj, v1alpha1.StalledCondition); stalled != nil {
		return failed("%s: %s", stalled.Reason, stalled.Message)
	}
	if open := run.Task == nil && !run.Accepted && run.Nonce == ""; open && obj.Spec.Suspend {
		return failed("%s", suspended)
	}
	if ready := condition(obj, v1alpha1.ReadyCondition); state == "" && ready != nil {
		state = ready.Reason
	}
	return report{state: state, text: message(obj)}
}

// ended reports on a run that is in history.
func ended(obj *v1alpha1.DatasetSync, entry *v1alpha1.HistoryEntry) report {
	switch entry.Outcome {
	case v1alpha1.OutcomeSucceeded:
		return success(entry.TaskID, entry.Samples)
	case v1alpha1.OutcomeSuperseded:
		return failed("it failed, and spec names another data set now, which is synchronized next")
	case v1alpha1.OutcomeFailed, v1alpha1.OutcomeSkipped:
	}
	return failure(obj, entry.ErrorCode, entry.ErrorMsg)
}

// unrecorded reports on a run that ended where spec.historyLimit is 0.
func unrecorded(obj *v1alpha1.DatasetSync) report {
	s := &obj.Status
	if s.TaskState == "COMPLETED" {
		return success(s.TaskID, s.Samples)
	}
	return failure(obj, s.ErrorCode, s.ErrorMsg)
}

func success(id string, samples *v1alpha1.Samples) report {
	text := counts(samples)
	if id != "" {
		text = strings.TrimSpace(text + " (task " + id + ")")
	}
	return report{state: "Succeeded", text: text, done: true}
}

// failure says why a run failed: as the condition does, unless a run that came
// after it has changed that already.
func failure(obj *v1alpha1.DatasetSync, code, text string) report {
	if stalled := condition(obj, v1alpha1.StalledCondition); stalled != nil {
		return failed("%s: %s", stalled.Reason, stalled.Message)
	}
	if text = strings.TrimSpace(code + " " + text); text != "" {
		return failed("it failed: %s", text)
	}
	return report{done: true, err: errors.New("it failed")}
}

// counts tells what a task did, as far as the service has told.
func counts(s *v1alpha1.Samples) string {
	if s == nil {
		return ""
	}
	var parts []string
	for _, count := range []struct {
		n    *int64
		what string
	}{{s.Added, "added"}, {s.Deleted, "deleted"}, {s.Total, "in total"}} {
		if count.n != nil {
			parts = append(parts, fmt.Sprintf("%d %s", *count.n, count.what))
		}
	}
	return "samples: " + strings.Join(parts, ", ")
}

// condition returns a condition that is there and, but for Ready, True.
func condition(obj *v1alpha1.DatasetSync, name string) *metav1.Condition {
	c := meta.FindStatusCondition(obj.Status.Conditions, name)
	if c == nil || (name != v1alpha1.ReadyCondition && c.Status != metav1.ConditionTrue) {
		return nil
	}
	return c
}

// message returns what the operator says of the object.
func message(obj *v1alpha1.DatasetSync) string {
	if ready := condition(obj, v1alpha1.ReadyCondition); ready != nil {
		return ready.Message
	}
	return ""
}

func first(history []v1alpha1.HistoryEntry) *v1alpha1.HistoryEntry {
	if len(history) == 0 {
		return nil
	}
	return history[0].DeepCopy()
}
