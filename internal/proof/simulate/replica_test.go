package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/cluster/process"
)

// replica is a machine that runs a manager, and another one when that has died.
type replica struct {
	world *world
	name  string
	lives int
	clock *cluster.Clock
	*process.Process
	// stopped is until when the process gets no processor.
	stopped time.Time
	// asleep is until when its machine sleeps, and the monotonic clock stands still.
	asleep time.Time
	// frozen is until when its watch delivers nothing.
	frozen time.Time
}

// flight is a pass that runs in a goroutine of its own, so that it can wait in
// its middle. Only one goroutine of a world runs at a time: whoever has the
// baton.
type flight struct {
	replica *replica
	process *process.Process
	pass    *process.Pass
	done    bool
	// wakes is when it goes on, if it waits.
	wakes time.Time
	wake  chan bool
}

// start starts a manager that remembers nothing, with a view that may be old.
func (r *replica) start(lag int) {
	r.lives++
	w := r.world
	r.Process = process.New(process.Config{
		Name: fmt.Sprintf("%s-%d", r.name, r.lives), Client: w.server.Client(), View: cluster.NewView(w.server.Log, lag),
		Clock: r.clock, API: w, Settings: w.settings, NewNonce: w.nonce, Gate: w.gate, Journal: w.journal,
	})
}

// die ends the process, and starts another. What it had in the middle of a pass
// ends with it, but for what is on its way.
func (r *replica) die() {
	w, old := r.world, r.Process
	r.awake()
	r.start(w.random.IntN(6))
	w.endPasses(old)
}

// endPasses ends what a process that is no more had in the middle of a pass.
func (w *world) endPasses(p *process.Process) {
	for _, f := range slices.Clone(w.waiting) {
		if f.process == p {
			w.goOn(f, false)
		}
	}
}

// stop takes the processor away for a while: for a short one if something is on
// its way that must not come late.
func (r *replica) stop(d time.Duration, sleeps bool) {
	w := r.world
	sending := slices.ContainsFunc(w.waiting, func(f *flight) bool { return f.process == r.Process })
	if sending && w.weather.latest < time.Minute {
		d = min(d, shortStop)
	}
	from, until := later(r.stopped, w.true.Now()), w.true.Now().Add(d)
	if !until.After(from) {
		return
	}
	r.stopped = until
	if sleeps {
		r.asleep = until
		r.clock.Asleep += until.Sub(from) // Nobody reads it meanwhile.
	}
}

// awake ends that the process gets no processor.
func (r *replica) awake() {
	if left := r.asleep.Sub(r.world.true.Now()); left > 0 {
		r.clock.Asleep -= left
	}
	r.stopped, r.asleep = time.Time{}, time.Time{}
}

// sleeping reports whether the machine sleeps.
func (r *replica) sleeping() bool { return r.world.true.Now().Before(r.asleep) }

// running reports whether the process gets a processor.
func (r *replica) running() bool { return !r.world.true.Now().Before(r.stopped) }

// fly begins a pass and lets it run until it ends or waits.
func (w *world) fly(r *replica, key types.NamespacedName) {
	f := &flight{replica: r, process: r.Process, wake: make(chan bool)}
	w.flying = f
	go func() {
		f.pass = f.process.Reconcile(context.Background(), key)
		f.done = true
		w.baton <- f
	}()
	w.land(<-w.baton)
}

// park lets the pass that runs wait until a time, and returns false if its
// process has died meanwhile. It is called in the goroutine of the pass.
func (w *world) park(pass *process.Pass, until time.Time) bool {
	f := w.flying
	f.pass, f.wakes = pass, until
	w.baton <- f
	return <-f.wake
}

// goOn lets a pass that waits go on, or ends it.
func (w *world) goOn(f *flight, alive bool) {
	w.waiting = slices.DeleteFunc(w.waiting, func(other *flight) bool { return other == f })
	w.flying = f
	f.process.Resume(f.pass)
	f.wake <- alive
	w.land(<-w.baton)
}

// land takes in what came of a flight.
func (w *world) land(f *flight) {
	if !f.done {
		w.waiting = append(w.waiting, f)
		return
	}
	for _, row := range visited(f.pass, w.settings.DefaultRegion) {
		w.rows[row]++
	}
	if f.pass.Crashed && f.process == f.replica.Process {
		f.replica.die()
	}
}
