package controllers

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var (
	errZoneInSchedule = errors.New("spec.schedule has a time zone inside: remove TZ= and set spec.timeZone")
	errEvery          = errors.New("spec.schedule uses @every: use five cron fields or @hourly, @daily, @weekly, @monthly, @yearly")
	errLocalZone      = errors.New("spec.timeZone is Local: use an IANA name such as Europe/Berlin")
	errNever          = errors.New("spec.schedule names no time within five years")
)

// timetable tells the times of one object's schedule.
type timetable struct {
	schedule cron.Schedule
	zone     *time.Location
	hash     int64
	jitter   time.Duration
}

// newTimetable reads a schedule as CronJob does. The uid decides by how much,
// up to jitter, each time is put off: the same for an object every time.
func newTimetable(schedule, zone, uid string, jitter time.Duration) (*timetable, error) {
	switch {
	case strings.Contains(schedule, "TZ="):
		return nil, errZoneInSchedule
	case strings.Contains(schedule, "@every"):
		return nil, errEvery
	case zone == "Local":
		return nil, errLocalZone
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("spec.timeZone: %w", err)
	}
	parsed, err := cron.ParseStandard(schedule)
	if err != nil {
		return nil, fmt.Errorf("spec.schedule: %w", err)
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(uid))
	return &timetable{schedule: parsed, zone: location, hash: int64(hash.Sum32()), jitter: jitter}, nil
}

// next returns the first time after now.
func (t *timetable) next(now time.Time) (time.Time, error) {
	tick := t.schedule.Next(now.Add(-t.jitter).In(t.zone))
	for !tick.IsZero() {
		following := t.schedule.Next(tick)
		if due := tick.Add(t.delay(tick, following)); due.After(now) {
			return due.UTC(), nil
		}
		tick = following
	}
	return time.Time{}, errNever
}

// delay returns by how much a time is put off: whole seconds, and never to the
// following time.
func (t *timetable) delay(tick, following time.Time) time.Duration {
	room := t.jitter
	if gap := following.Sub(tick); !following.IsZero() && gap <= room {
		room = gap - time.Second
	}
	return time.Duration(t.hash%int64(room/time.Second+1)) * time.Second
}

// interval returns how far apart runs are: the longer of the two gaps that end
// with the run that is due and with the one before it, which may still be on its
// way. It is 0 if no run comes before the one that is due.
func (t *timetable) interval(due time.Time) time.Duration {
	tick := t.before(due.Add(time.Second))
	last := t.before(tick)
	if tick.IsZero() || last.IsZero() {
		return 0
	}
	gap := tick.Sub(last)
	if earlier := t.before(last); !earlier.IsZero() {
		gap = max(gap, last.Sub(earlier))
	}
	return gap
}

// before returns the last time before limit, or zero if there is none within
// some years. It looks back eight times as far each time.
func (t *timetable) before(limit time.Time) time.Time {
	const years = 9 * 365 * 24 * time.Hour
	for window := 2 * time.Minute; window < years; window *= 8 {
		last := time.Time{}
		for tick := t.schedule.Next(limit.Add(-window).In(t.zone)); !tick.IsZero() && tick.Before(limit); tick = t.schedule.Next(tick) {
			last = tick
		}
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}
