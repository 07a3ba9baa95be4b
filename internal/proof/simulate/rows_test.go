package simulate

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/cluster/process"
)

// rows are the rows of the protocol, and the answers to a start. What a pass did
// tells which of them it took: what it read, what the service told, and what it
// wrote.
func rows() []string {
	return []string{
		"gate: gone or being deleted", "gate: nothing due", "gate: suspended", "gate: retry time ahead",
		"gate: credentials unusable", "gate: key on hold", "gate: no token", "gate: not yet time to look",
		"none or open: look refused for good", "any: look failed otherwise", "none: opens a run",
		"open: newer", "open: active", "open: idle, used up, task failed", "open: idle, used up", "open: idle, starts", "open: idle, waits",
		"unknown: newer", "unknown: active", "unknown: not settled", "unknown: doubtful and idle", "unknown: idle",
		"accepted: newer", "accepted: waits", "accepted: lost",
		"following: active", "following: completed", "following: failed, again", "following: failed, not settled",
		"following: failed, closed", "following: newer than ours", "following: not shown", "following: lost", "following: looks once more",
		"target moved on: replaced while open", "target moved on: closed as superseded",
		"late: open", "late: unknown", "late: accepted", "late: following",
		"start: task id", "start: empty", "start: error in 2xx", "start: not sent", "start: busy", "start: throttled",
		"start: authentication", "start: permission", "start: redirect", "start: refused for good", "start: refused, may pass", "start: unknown",
		"intent: too late to send", "intent: written without an answer",
	}
}

// The stages of a run.
const (
	stageNone      = "none"
	stageOpen      = "open"
	stageUnknown   = "unknown"
	stageAccepted  = "accepted"
	stageFollowing = "following"
)

func stageOf(run *v1alpha1.Run) string {
	switch {
	case run == nil:
		return stageNone
	case run.Task != nil:
		return stageFollowing
	case run.Accepted:
		return stageAccepted
	case run.Nonce != "":
		return stageUnknown
	default:
		return stageOpen
	}
}

// visited returns the rows that a pass took.
func visited(p *process.Pass, region string) []string {
	switch {
	case p.Crashed:
		return nil
	case p.Read == nil || p.Read.DeletionTimestamp != nil:
		return []string{"gate: gone or being deleted"}
	case p.Look == nil:
		return []string{gateRow(p, region)}
	}
	var failure *modelarts.Error
	if errors.As(p.Look.Err, &failure) {
		return []string{failedLookRow(p, failure)}
	}
	if p.WriteErr != nil && len(p.Written) == 0 {
		return nil // Nothing came of the decision.
	}
	found := stageRows(p)
	if after := p.Status(); after.Run != nil && isLate(after) {
		found = append(found, "late: "+stageOf(after.Run))
	}
	return append(found, startRows(p)...)
}

// gateRow finds the gate that kept a pass from looking.
func gateRow(p *process.Pass, region string) string {
	run, open := p.Read.Status.Run, stageOf(p.Read.Status.Run) == stageNone || stageOf(p.Read.Status.Run) == stageOpen
	reason := reasonOf(p.Status())
	switch {
	case open && p.Read.Spec.Suspend:
		return "gate: suspended"
	case run == nil && !waits(p.Read, region) && !p.SecretRead:
		return "gate: nothing due"
	case run != nil && run.RetryTime != nil && p.Decided.Before(run.RetryTime.Time):
		return "gate: retry time ahead"
	case reason == v1alpha1.ReasonCredentialsNotFound || reason == v1alpha1.ReasonCredentialsInvalid || p.SecretErr != nil:
		return "gate: credentials unusable"
	case reason == v1alpha1.ReasonAuthenticationFailed || reason == v1alpha1.ReasonThrottled:
		return "gate: key on hold"
	case p.SecretRead:
		return "gate: no token"
	default:
		return "gate: not yet time to look"
	}
}

// waits reports whether somebody has asked for something that was not taken in.
func waits(o *v1alpha1.DatasetSync, region string) bool {
	wanted := v1alpha1.Target{ProjectID: o.Spec.ProjectID, DatasetID: o.Spec.DatasetID, Region: o.Spec.Region}
	if wanted.Region == "" {
		wanted.Region = region
	}
	asked := o.Annotations[v1alpha1.RequestedAtAnnotation]
	return o.Status.HandledTarget == nil || *o.Status.HandledTarget != wanted ||
		o.Spec.Trigger != "" && o.Spec.Trigger != o.Status.HandledTrigger || asked != "" && asked != o.Status.HandledRequest
}

func failedLookRow(p *process.Pass, failure *modelarts.Error) string {
	if failure.Class == modelarts.ClassPermanent && p.Status().Run == nil {
		return "none or open: look refused for good"
	}
	return "any: look failed otherwise"
}

// stageRows finds the rows of a pass that has seen a task.
func stageRows(p *process.Pass) []string {
	before, after := &p.Read.Status, p.Decision()
	var found []string
	switch stage := stageOf(before.Run); stage {
	case stageNone:
		found = append(found, "none: opens a run", openRow(p, after))
	case stageOpen:
		if before.HandledTarget != nil && after.HandledTarget != nil && *before.HandledTarget != *after.HandledTarget {
			found = append(found, "target moved on: replaced while open")
		}
		found = append(found, openRow(p, after))
	case stageUnknown:
		found = append(found, unknownRow(p, before, after))
	case stageAccepted:
		found = append(found, acceptedRow(after))
	case stageFollowing:
		found = append(found, followingRow(p, before, after))
	}
	if closed(before, after) && after.History != nil && after.History[0].Outcome == v1alpha1.OutcomeSuperseded {
		found = append(found, "target moved on: closed as superseded")
	}
	return found
}

func openRow(p *process.Pass, after *v1alpha1.DatasetSyncStatus) string {
	switch {
	case after.Run == nil && after.TaskState == string(modelarts.StateCompleted), after.Run != nil && after.Run.Task != nil,
		reasonOf(after) == v1alpha1.ReasonRetrying && after.TaskState == string(modelarts.StateFailed):
		return "open: newer"
	case after.Run == nil && reasonOf(after) == v1alpha1.ReasonTaskFailed:
		return "open: idle, used up, task failed"
	case after.Run == nil:
		return "open: idle, used up"
	case after.Run.Nonce != "":
		return "open: idle, starts"
	case p.Look.Task.State.Active():
		return "open: active"
	default:
		return "open: idle, waits"
	}
}

func unknownRow(p *process.Pass, before, after *v1alpha1.DatasetSyncStatus) string {
	switch {
	case after.Run != nil && after.Run.Task != nil, after.Run == nil && after.TaskState == string(modelarts.StateCompleted):
		return "unknown: newer"
	case after.Run == nil && reasonOf(after) == v1alpha1.ReasonTaskLost:
		return "unknown: doubtful and idle"
	case after.Run == nil || after.Run.Nonce != before.Run.Nonce:
		return "unknown: idle"
	case p.Look.Task.State.Active():
		return "unknown: active"
	default:
		return "unknown: not settled"
	}
}

func acceptedRow(after *v1alpha1.DatasetSyncStatus) string {
	switch {
	case after.Run == nil && reasonOf(after) == v1alpha1.ReasonTaskLost:
		return "accepted: lost"
	case after.Run != nil && after.Run.Accepted && after.Run.Task == nil:
		return "accepted: waits"
	default:
		return "accepted: newer"
	}
}

func followingRow(p *process.Pass, before, after *v1alpha1.DatasetSyncStatus) string {
	ours, run := before.Run.Task, after.Run
	switch {
	case run == nil:
		return closedRow(after)
	case run.Task == nil:
		return "following: failed, again"
	case run.Task.ID != ours.ID:
		return "following: newer than ours"
	case run.Task.State == string(modelarts.StateFailed):
		return "following: failed, not settled"
	case run.Task.State == string(modelarts.StateCompleted):
		return "following: looks once more"
	case p.Look.Task.ID != "" && p.Look.Task.ID != ours.ID || p.Look.Task.State == modelarts.StateNotExist:
		return "following: not shown"
	default:
		return "following: active"
	}
}

// closedRow tells how a run that was followed has ended.
func closedRow(after *v1alpha1.DatasetSyncStatus) string {
	switch {
	case after.TaskState == string(modelarts.StateCompleted):
		return "following: completed"
	case after.TaskState == string(modelarts.StateFailed):
		return "following: failed, closed"
	default:
		return "following: lost"
	}
}

// startRows finds what came of a start.
func startRows(p *process.Pass) []string {
	after := p.Decision()
	if p.Start == nil {
		switch {
		case p.Err != nil && len(p.Written) > 0:
			return []string{"intent: written without an answer"}
		case after.Run != nil && after.Run.Nonce != "" && len(p.Written) > 1 && p.Written[1].Status.Run != nil && p.Written[1].Status.Run.Nonce == "":
			return []string{"intent: too late to send"}
		default:
			return nil
		}
	}
	var failure *modelarts.Error
	switch {
	case p.Start.Err == nil && p.Start.Started.TaskID != "":
		return []string{"start: task id"}
	case !errors.As(p.Start.Err, &failure) && p.Start.Err == nil:
		return []string{"start: empty"}
	case failure == nil:
		return []string{"start: unknown"}
	}
	return []string{refusedRow(failure)}
}

func refusedRow(failure *modelarts.Error) string {
	switch {
	case failure.Fate == modelarts.FateUnknown:
		return "start: unknown"
	case failure.Fate == modelarts.FateNotSent:
		return "start: not sent"
	case failure.HTTPStatus/100 == 2:
		return "start: error in 2xx"
	case failure.HTTPStatus/100 == 3:
		return "start: redirect"
	}
	switch failure.Class {
	case modelarts.ClassBusy:
		return "start: busy"
	case modelarts.ClassThrottled:
		return "start: throttled"
	case modelarts.ClassAuthentication:
		return "start: authentication"
	case modelarts.ClassPermission:
		return "start: permission"
	case modelarts.ClassPermanent:
		return "start: refused for good"
	case modelarts.ClassTransient:
		return "start: refused, may pass"
	default:
		return "start: refused, may pass"
	}
}

func closed(before, after *v1alpha1.DatasetSyncStatus) bool {
	return before.Run != nil && after.Run == nil
}

func reasonOf(st *v1alpha1.DatasetSyncStatus) string {
	if c := meta.FindStatusCondition(st.Conditions, v1alpha1.ReadyCondition); c != nil {
		return c.Reason
	}
	return ""
}

// isLate reports whether an object is stalled because a stage lasts too long.
func isLate(st *v1alpha1.DatasetSyncStatus) bool {
	c := meta.FindStatusCondition(st.Conditions, v1alpha1.StalledCondition)
	return c != nil && strings.Contains(c.Message, "longer than spec.taskTimeoutSeconds")
}
