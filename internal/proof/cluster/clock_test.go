package cluster

import (
	"testing"
	"time"
	"unsafe"
)

func TestClockReadsBothClocks(t *testing.T) {
	if unsafe.Sizeof(timeLayout{}) != unsafe.Sizeof(time.Time{}) {
		t.Fatal("time.Time has another layout: reading has to follow it")
	}
	world := NewTime(time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC))
	c := NewClock(world)
	first := c.Now()
	if !first.Round(0).Equal(world.Now()) || first.String() == first.Round(0).String() {
		t.Fatalf("the first reading is %v, want %v with a monotonic part", first, world.Now())
	}

	world.Advance(time.Minute)
	c.Offset = time.Hour
	second := c.Now()
	if d := second.Sub(first); d != time.Minute {
		t.Errorf("the monotonic clock went %v, want 1m: setting the wall clock does not move it", d)
	}
	if d := second.Round(0).Sub(first.Round(0)); d != time.Hour+time.Minute {
		t.Errorf("the wall clock went %v, want 1h1m", d)
	}

	world.Advance(time.Minute)
	c.Asleep += 30 * time.Second
	if d := c.Since(second); d != 30*time.Second {
		t.Errorf("the monotonic clock went %v while the machine slept half a minute, want 30s", d)
	}
	c.Sleep(time.Second)
	if d := c.Since(second); d != 31*time.Second {
		t.Errorf("%v after a sleep of a second, want 31s", d)
	}
}
