package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// readSchedule keeps nextSyncTime true to spec. A time that is due stays until
// a run takes it in; while suspended it stands still, out of sight.
func (p *pass) readSchedule() {
	spec := &p.obj.Spec
	if spec.Schedule == "" {
		p.st.NextSyncTime, p.st.ObservedSchedule = nil, nil
		return
	}
	seen := p.st.ObservedSchedule
	if seen == nil || seen.Schedule != spec.Schedule || seen.TimeZone != spec.TimeZone {
		p.st.ObservedSchedule = &v1alpha1.ObservedSchedule{Schedule: spec.Schedule, TimeZone: spec.TimeZone}
		p.moveSchedule()
	}
	if p.scheduleErr != nil {
		return
	}
	p.holdSchedule()
	p.mendSchedule()
	p.skipMissed()
}

// mendSchedule takes back what a clock that was ahead has done to nextSyncTime. A
// little ahead it is left alone: taking it back would have one run too many if it
// is this clock that is behind.
func (p *pass) mendSchedule() {
	stored := p.st.NextSyncTime
	if stored == nil || stored.Sub(p.now) <= clockTrust {
		return
	}
	p.moveSchedule()
	if next := p.st.NextSyncTime; next != nil && stored.Sub(next.Time) <= clockTrust {
		p.st.NextSyncTime = stored
	}
}

// holdSchedule puts nextSyncTime aside while the object is suspended, and back.
func (p *pass) holdSchedule() {
	observed := p.st.ObservedSchedule
	switch {
	case p.obj.Spec.Suspend && p.st.NextSyncTime != nil:
		observed.HeldTime, p.st.NextSyncTime = p.st.NextSyncTime, nil
	case !p.obj.Spec.Suspend && observed.HeldTime != nil:
		p.st.NextSyncTime, observed.HeldTime = observed.HeldTime, nil
	}
}

// skipMissed passes over a time that is past its starting deadline, in whole
// seconds: no pass comes at the very moment that is due. As long as a run is open
// its start may still serve it.
func (p *pass) skipMissed() {
	if stageOf(p.st.Run) == stageOpen {
		return
	}
	next, deadline := p.st.NextSyncTime, p.obj.Spec.StartingDeadlineSeconds
	if next == nil || deadline == nil || p.now.Sub(next.Time)/time.Second <= time.Duration(*deadline) {
		return
	}
	missed := *next
	p.moveSchedule()
	p.decision.skipped = true
	p.remember(v1alpha1.HistoryEntry{
		Cause: v1alpha1.CauseSchedule, Outcome: v1alpha1.OutcomeSkipped,
		StartTime: missed, EndTime: metav1.NewTime(p.now),
	})
}

// moveSchedule sets nextSyncTime to the first time after now. A schedule that
// cannot be used stops itself and nothing else.
func (p *pass) moveSchedule() {
	spec := &p.obj.Spec
	table, err := newTimetable(spec.Schedule, spec.TimeZone, string(p.obj.UID), p.ScheduleJitter)
	var next time.Time
	if err == nil {
		next, err = table.next(p.now)
	}
	if err != nil {
		p.scheduleErr = err
		p.st.NextSyncTime, p.st.ObservedSchedule = nil, nil
		return
	}
	p.st.NextSyncTime = &metav1.Time{Time: next}
}

// untilNextSync returns when an object at rest needs a pass, 0 for never.
func (p *pass) untilNextSync() time.Duration {
	if p.st.NextSyncTime == nil {
		return 0
	}
	return min(p.until(p.st.NextSyncTime.Time), restingCheck)
}
