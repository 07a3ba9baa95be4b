package explore

import (
	"fmt"
	"time"

	"datasetsync.dev/operator/controllers"
)

// world is what is explored, and within which bounds.
type world struct {
	name string
	// objects for the one data set: each worker has one of its own, or they share
	// it.
	objects int
	// workers is 1 where the second one never does anything.
	workers    int
	retryLimit int32
	settleTime time.Duration
	// expires: a start that was not taken within the settle time never is.
	expires bool
	tells   tells
	// truthful: a task older than a request never serves it.
	truthful bool
	bounds
	// mutate makes a mutant.
	mutate func(*controllers.Dependencies)
}

// bounds are what the adversary may do, and how often.
type bounds struct {
	// edits of each trigger, tasks started from outside, crashes of a worker,
	// tasks that fail; and faults: calls and writes that fail in other ways.
	edits, outside, crashes, failures, faults uint8
	// lag: the latest task may be shown late, but not after the settle time.
	// slow: a worker may be stuck for an hour in the middle of a pass.
	// between: a worker may be served any version since the one it read last, and
	// not only that or the newest.
	lag, slow, between bool
}

func (b bounds) String() string {
	text := fmt.Sprintf("%d/%d/%d/%d/%d", b.edits, b.outside, b.crashes, b.failures, b.faults)
	for _, one := range []struct {
		on   bool
		name string
	}{{b.lag, "lag"}, {b.slow, "slow"}, {b.between, "between"}} {
		if one.on {
			text += " " + one.name
		}
	}
	return text
}

func (w world) settings() controllers.Settings {
	return controllers.Settings{
		Endpoint: "https://modelarts.test", DefaultRegion: "cn-north-4",
		RequestTimeout: 30 * time.Second, SettleTime: w.settleTime,
		PollMin: time.Millisecond, PollMax: time.Millisecond, RetryMin: time.Millisecond, RetryMax: time.Millisecond,
	}
}

const (
	// defaultSettle is the default of --settle-time, strictSettle what the strict
	// promise asks for.
	defaultSettle = time.Minute
	strictSettle  = 17 * time.Minute
)

// The worlds that are explored; each test adds bounds.
var (
	byDefault = world{name: "default", objects: 1, workers: 2, retryLimit: 1, settleTime: defaultSettle, truthful: true}
	// inTime is the default where no start is held up on the way: it arrives soon,
	// or never.
	inTime = world{name: "default, starts in time", objects: 1, workers: 2, retryLimit: 1, settleTime: defaultSettle, expires: true, truthful: true}
	strict = world{name: "strict", objects: 1, workers: 2, retryLimit: 1, settleTime: strictSettle, expires: true, truthful: true}
	hold   = world{name: "hold", objects: 1, workers: 2, settleTime: defaultSettle, truthful: true}
)

// within returns a world within bounds.
func (w world) within(b bounds) world {
	w.bounds = b
	return w
}

// shared returns a world where two objects share the data set.
func (w world) shared() world {
	w.name += ", two objects"
	w.objects = 2
	return w
}

// telling returns a world where the service tells less.
func (w world) telling(t tells, name string) world {
	w.name += ", " + name
	w.tells = t
	w.truthful = w.truthful && t != sparse
	return w
}

// alone returns a world with one worker.
func (w world) alone() world {
	w.name += ", one worker"
	w.workers = 1
	return w
}

// retrying returns a world with another spec.retryLimit.
func (w world) retrying(limit int32) world {
	w.retryLimit = limit
	return w
}
