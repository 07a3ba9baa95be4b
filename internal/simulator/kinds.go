package simulator

import (
	"time"
)

// effect is whether a start that meets a fault is carried out.
type effect int

const (
	effectAlways effect = iota
	effectAsked         // Fault.Applied says
	effectNever
)

// kind is one way to go wrong. Each function may be nil: then that part of
// the request's life is as it should be.
type kind struct {
	name string
	help string

	// operation is the only one that the kind is about. Empty: both.
	operation string

	// takes names the parameters that mean something, needs those that must
	// be set.
	takes, needs []string

	effect effect

	// mute is set if no answer is sent at all.
	mute bool

	// supersedes lets somebody else's task follow the latest one.
	supersedes bool

	// stall keeps the request waiting, and reports whether it may go on.
	stall func(x *exchange) bool

	// plan changes the task that a start begins.
	plan func(x *exchange, t *task)

	// pick chooses the task that is shown, and as of when.
	pick func(x *exchange, h *history, now time.Time) (*task, time.Time)

	// view changes what is shown of the task.
	view func(x *exchange, b *statusBody)

	// answer replaces the answer.
	answer func(x *exchange, truth answer) answer

	// send puts the answer on the wire.
	send func(x *exchange)
}

// kindTable returns all kinds by name.
func kindTable() map[string]kind {
	table := map[string]kind{}
	for _, kinds := range [][]kind{answerKinds(), bodyKinds(), wireKinds(), waitKinds(), taskKinds()} {
		for _, k := range kinds {
			table[k.name] = k
		}
	}
	return table
}
