package enumerate

import (
	"context"
	"strings"
	"time"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/proof/cluster/process"
	"datasetsync.dev/operator/internal/simulator"
)

// gate is what everything that the manager does goes through: here the plan is
// carried out.
func (w *world) gate(op *process.Op, do func() error) error {
	if w.dying {
		panic(process.Crash{})
	}
	w.done[op.Kind]++
	here := point{op.Kind, w.done[op.Kind]}
	w.trace = append(w.trace, here)
	act := func() error {
		w.takeTime(op.Kind)
		err := do()
		w.follow(op.Kind)
		return err
	}
	act = w.withServiceFault(here, op, act)
	act = w.withKubeFault(here, act)
	if i, found := w.find(w.crash, here); found {
		return w.die(i, act)
	}
	return act()
}

// takeTime lets pass what a thing takes.
func (w *world) takeTime(kind process.Kind) {
	switch kind {
	case process.Look, process.Start:
		w.true.Advance(callTakes)
	case process.Patch:
		w.true.Advance(writeTakes)
	case process.Secret, process.Live:
		w.true.Advance(readTakes)
	case process.Get, process.Tell, process.Sleep:
	}
}

// follow lets happen what was waiting for a thing of this kind.
func (w *world) follow(kind process.Kind) {
	var late []func()
	switch kind {
	case process.Look:
		late, w.onLook = w.onLook, nil
	case process.Get:
		late, w.onGet = w.onGet, nil
	case process.Secret, process.Live, process.Patch, process.Start, process.Tell, process.Sleep:
	}
	for _, do := range late {
		do()
	}
}

// find returns what goes wrong at a point, once.
func (w *world) find(all []injection, here point) (injection, bool) {
	for _, i := range all {
		if i.point == here && !w.fired[i] && !w.resting {
			w.fired[i] = true
			return i, true
		}
	}
	return injection{}, false
}

// die ends the process before a thing, after its effect, after its answer, or
// while it is on its way.
func (w *world) die(i injection, act func() error) error {
	arrives := func() {
		// Nobody is left to hear of it.
		_ = act()
	}
	switch i.name {
	case "after-effect":
		arrives()
	case "after":
		w.dying = true
		return act()
	case "late":
		if i.kind == process.Start {
			w.onLook = append(w.onLook, arrives)
		} else {
			w.onGet = append(w.onGet, arrives)
		}
	case "late-50s":
		w.after(50*time.Second, arrives)
	case "late-5m":
		w.after(5*time.Minute, arrives)
	case "late-16m":
		w.after(16*time.Minute, arrives)
	}
	panic(process.Crash{})
}

// withServiceFault has a call meet the fault that the plan has for it.
func (w *world) withServiceFault(here point, op *process.Op, act func() error) func() error {
	if here.kind != process.Look && here.kind != process.Start {
		return act
	}
	i, found := w.find(w.service, here)
	if !found {
		return act
	}
	f := serviceFaults()[i.name]
	return func() error {
		w.arm(f, here.kind)
		if f.leads != nil {
			op.Target.Endpoint = f.leads(w.servers)
		}
		if f.console {
			if _, err := w.sim.StartTask(w.project, dataset); err != nil {
				w.problem("nobody can start a task at the console: %v", err)
			}
		}
		if f.delayed > 0 {
			return w.lose(f, act)
		}
		if !f.waits {
			return act()
		}
		w.hurry = true
		err := act()
		w.hurry = false
		w.true.Advance(requestTimeout - callTakes)
		return err
	}
}

// lose has the client give up, and the call arrive later.
func (w *world) lose(f serviceFault, act func() error) error {
	w.after(requestTimeout+f.delayed, func() {
		// The client has given up by now.
		_ = act()
	})
	w.true.Advance(requestTimeout)
	return context.DeadlineExceeded
}

// arm tells the simulator.
func (w *world) arm(f serviceFault, kind process.Kind) {
	if f.arms.Kind == "" {
		return
	}
	fault := f.arms
	fault.Location = w.place(fault.Location)
	fault.Operation = simulator.OperationLatest
	if kind == process.Start {
		fault.Operation = simulator.OperationStart
	}
	if f.lasts == 0 {
		fault.Count = 1
	} else {
		w.after(f.lasts, func() {
			w.sim.ClearFaults()
			w.sim.FinishTask(w.project, dataset, "COMPLETED")
		})
	}
	w.sim.AddFault(fault)
}

// withKubeFault has a read or write meet the fault that the plan has for it.
func (w *world) withKubeFault(here point, act func() error) func() error {
	i, found := w.find(w.kube, here)
	if !found {
		return act
	}
	ctx := context.Background()
	return func() error {
		switch i.name {
		case "conflict":
			w.edit(ctx, func(obj *v1alpha1.DatasetSync) {
				obj.Labels = map[string]string{"edited": strings.ReplaceAll(here.String(), "#", ".")}
			})
			return act()
		case "recreated":
			w.recreate(ctx)
			return act()
		case "stale":
			return w.stale(act)
		case "frozen":
			w.freeze()
			return act()
		case "timeout-applied":
			// Nobody hears of it.
			_ = act()
			w.true.Advance(requestTimeout)
		case "timeout":
			w.true.Advance(requestTimeout)
		}
		return controlPlaneError(i.name)
	}
}

// stale has a read of the cache tell what was before the latest write.
func (w *world) stale(act func() error) error {
	defer w.current.View.Rewind(1)()
	return act()
}

// freeze stops the watch for a while.
func (w *world) freeze() {
	view := w.current.View
	view.Frozen = true
	w.after(frozenFor, func() {
		view.Frozen = false
		w.current.Deliver(w.log.Len())
	})
}
