package hostile

import (
	"context"
	"strconv"
	"sync"
	"time"

	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/modelarts"
)

// recordingAPI is a service without HTTP: it remembers who was called, and keeps
// one task for each data set, which takes a minute.
type recordingAPI struct {
	world *world

	mu     sync.Mutex
	calls  []modelarts.Target
	starts []string
	tasks  map[modelarts.Target]modelarts.Task
	// before is the task that a data set has before any other.
	before modelarts.Task
	// began is when it was first shown.
	began time.Time
}

// LatestSync implements controllers.SyncAPI.
func (a *recordingAPI) LatestSync(_ context.Context, t modelarts.Target, _ modelarts.Credentials) (modelarts.Task, error) {
	if t.Endpoint == "" { // As the client says where there is nobody to call.
		return modelarts.Task{}, &modelarts.Error{Class: modelarts.ClassPermanent, Fate: modelarts.FateNotSent}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, t)
	now := a.world.clock.Now()
	if a.began.IsZero() {
		a.began = now
	}
	task, ok := a.tasks[t]
	switch {
	case !ok && a.before.State == "":
		task.State = modelarts.StateNotExist
	case !ok:
		task = a.before
		if task.State.Active() && now.Sub(a.began) >= taskTime {
			task.State = modelarts.StateCompleted
		}
	case now.Sub(task.CreateTime) >= taskTime:
		task.State = modelarts.StateCompleted
	default:
		task.State = modelarts.StateRunning
	}
	task.Date = now.Truncate(time.Second)
	return task, nil
}

// StartSync implements controllers.SyncAPI.
func (a *recordingAPI) StartSync(_ context.Context, t modelarts.Target, _ modelarts.Credentials, _ time.Time) (modelarts.Started, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, t)
	a.starts = append(a.starts, t.ProjectID+"/"+t.DatasetID)
	if a.tasks == nil {
		a.tasks = map[modelarts.Target]modelarts.Task{}
	}
	id := "task-" + strconv.Itoa(len(a.starts))
	a.tasks[t] = modelarts.Task{ID: id, CreateTime: a.world.clock.Now()}
	return modelarts.Started{TaskID: id}, nil
}

// useAPI replaces the service by another.
func (w *world) useAPI(api controllers.SyncAPI) {
	w.reconciler = controllers.NewReconciler(controllers.Dependencies{
		Client: w.store, Live: w.store, API: api, Recorder: w.recorder, Clock: w.clock,
	}, w.settings)
}
