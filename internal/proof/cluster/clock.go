package cluster

import (
	"sync/atomic"
	"time"
	"unsafe"

	"k8s.io/utils/clock"
)

// Time is the true time of a world, which moves only when it is told to. It may
// be read from any goroutine, since servers do.
type Time struct {
	epoch time.Time
	since atomic.Int64
}

// NewTime returns a time that stands at epoch.
func NewTime(epoch time.Time) *Time { return &Time{epoch: epoch.UTC()} }

// Now returns the true time.
func (t *Time) Now() time.Time { return t.epoch.Add(t.passed()) }

// passed returns how much time has passed.
func (t *Time) passed() time.Duration { return time.Duration(t.since.Load()) }

// Advance lets d pass.
func (t *Time) Advance(d time.Duration) { t.since.Add(int64(d)) }

// AdvanceTo lets time pass until at; none if that is over.
func (t *Time) AdvanceTo(at time.Time) { t.Advance(max(0, at.Sub(t.Now()))) }

// Clock is the clock of one machine, as Go programs read it: a wall clock that
// may be wrong and may be set, and a monotonic one that runs with the true time
// but for the while that the machine sleeps. Only what the operator uses of a
// clock is there; the rest panics.
type Clock struct {
	clock.Clock
	true *Time
	// Offset is by how much the wall clock is ahead.
	Offset time.Duration
	// Asleep is for how long the monotonic clock has stood still.
	Asleep time.Duration
	// OnSleep is what a call of Sleep does. Unset: Wait.
	OnSleep func(time.Duration)
}

// NewClock returns a clock that is right.
func NewClock(t *Time) *Clock { return &Clock{true: t} }

// Now reads both clocks.
func (c *Clock) Now() time.Time {
	return reading(c.true.Now().Add(c.Offset), c.true.passed()-c.Asleep)
}

// Since returns the time since t.
func (c *Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// Sleep waits for d.
func (c *Clock) Sleep(d time.Duration) {
	if c.OnSleep != nil {
		c.OnSleep(d)
		return
	}
	c.Wait(d)
}

// Wait lets d pass, for all the world.
func (c *Clock) Wait(d time.Duration) { c.true.Advance(d) }

// timeLayout is time.Time with a monotonic reading, as package time documents
// it in its source: no other way leads to one of a chosen value. The test of
// this file fails should it change.
type timeLayout struct {
	wall uint64
	ext  int64
	loc  *time.Location
}

const (
	hasMonotonic = 1 << 63
	nsecBits     = 30
	// wallEpoch is 1885, where the seconds of wall begin.
	wallEpoch = -2682288000
)

// reading returns a time with the two readings. The monotonic one begins at 1,
// since 0 stands for none.
func reading(wall time.Time, monotonic time.Duration) time.Time {
	layout := timeLayout{
		wall: hasMonotonic | uint64(wall.Unix()-wallEpoch)<<nsecBits | uint64(wall.Nanosecond()), //nolint:gosec // After 1885.
		ext:  int64(monotonic) + 1,
	}
	return *(*time.Time)(unsafe.Pointer(&layout)) //nolint:gosec // The layout is tested.
}
