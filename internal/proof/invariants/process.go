package invariants

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// Footprint is what a process holds.
type Footprint struct {
	// Goroutines and Files are how many are there, connections included in Files;
	// 0 files: the system does not tell.
	Goroutines, Files int
}

// Measure returns what this process holds now.
func Measure() Footprint {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		files = nil
	}
	return Footprint{Goroutines: runtime.NumGoroutine(), Files: len(files)}
}

// Leaked is V12. It returns an error if this process holds more than it did, and
// goes on to for as long as wait: what was closed just now needs a moment.
func (before Footprint) Leaked(wait time.Duration) error {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		now := Measure()
		if now.Goroutines <= before.Goroutines && now.Files <= before.Files {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return &Violation{Invariant: "V12", Subject: "this process", Why: fmt.Sprintf(
				"%d goroutines and %d files, and it had %d and %d", now.Goroutines, now.Files, before.Goroutines, before.Files)}
		}
	}
}

// Handover is V14. It returns an error if the first write of the process that
// took over came later after the end of the one before than a lease and the
// time for a start to settle, with some allowance for a process to start.
func Handover(ended, first time.Time, lease, settle, allowance time.Duration) error {
	if took, most := first.Sub(ended), lease+settle+allowance; took > most {
		return &Violation{Invariant: "V14", Subject: "the next process", Why: fmt.Sprintf("took over after %v, at most %v are due", took, most)}
	}
	return nil
}
