package explore

import (
	"strconv"
	"time"

	"datasetsync.dev/operator/internal/modelarts"
)

// word is where a task is.
type word uint8

const (
	notExist word = iota
	running
	completed
	failed
)

func (w word) state() modelarts.State {
	return [...]modelarts.State{modelarts.StateNotExist, modelarts.StateRunning, modelarts.StateCompleted, modelarts.StateFailed}[w]
}

// view is the answer to the question for the latest task.
type view struct {
	task uint8
	word word
	// created is how many tasks there were when it was given.
	created uint8
}

// serviceEpoch is when the service's clock stood at the beginning: years away
// from ours, so that a comparison of the two would be noticed.
var serviceEpoch = time.Date(2031, 7, 1, 0, 0, 0, 0, time.UTC)

// tick is longer than the clocks of the service may differ.
const tick = 100 * time.Second

// date is the service's clock when the answer was given.
func (v view) date() time.Time { return serviceEpoch.Add(time.Duration(2*v.created+1) * tick) }

// tells is what the service tells of a task besides its state.
type tells uint8

const (
	// full: its id and its time of creation.
	full tells = iota
	// ids: its id.
	ids
	// sparse: neither.
	sparse
)

// task returns an answer as the client gives it.
func (t tells) task(v view) modelarts.Task {
	task := modelarts.Task{State: v.word.state(), Date: v.date()}
	if v.word == notExist {
		return task
	}
	if t != sparse {
		task.ID = taskPrefix + strconv.Itoa(int(v.task))
	}
	if t == full {
		task.CreateTime = serviceEpoch.Add(time.Duration(2*v.task) * tick)
	}
	return task
}
