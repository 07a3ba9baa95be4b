package process

import (
	"time"

	"datasetsync.dev/operator/internal/modelarts"
)

// Kind is a kind of thing that a process does with the world.
type Kind string

// The kinds.
const (
	// Get reads a DatasetSync from the cached view.
	Get Kind = "get"
	// Secret reads a Secret.
	Secret Kind = "secret"
	// Live reads a DatasetSync past the cache.
	Live Kind = "live"
	// Patch writes the status of a DatasetSync.
	Patch Kind = "patch"
	// Look asks the service for the latest task.
	Look Kind = "look"
	// Start asks the service to start one.
	Start Kind = "start"
	// Tell emits an event.
	Tell Kind = "event"
	// Sleep waits.
	Sleep Kind = "sleep"
)

// Op is one thing that a process is about to do.
type Op struct {
	Kind Kind
	// Pass is what it belongs to.
	Pass *Pass
	// Target is where a call of the service goes; a gate may lead it astray.
	Target *modelarts.Target
	// Duration is how long a Sleep is to be.
	Duration time.Duration
}

// Gate is asked about each Op. It lets it happen by calling do, at once, later
// or never, and returns how it went as far as the process gets to know. It ends
// the process by a panic with a Crash.
type Gate func(op *Op, do func() error) error

// Crash is the end of a process in the middle of what it does.
type Crash struct{}

// Open is a gate that lets everything happen.
func Open(_ *Op, do func() error) error { return do() }
