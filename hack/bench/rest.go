package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// idleFor is how long a manager with nothing to do is watched.
const idleFor = time.Minute

// idle is what a manager cost that had nothing to do for a minute, since its
// start and once it had settled.
type idle struct {
	// ready is how long it took until the cache was filled.
	ready time.Duration
	// settled is how long it took until it had looked at every object.
	settled time.Duration
	// startCPU is what that took, cpu what the minute after it took, in seconds.
	startCPU, cpu float64
	// now and peak are what was resident, in MiB.
	now, peak     float64
	writes, calls int
}

// rest measures a manager whose objects are all finished.
func (b *bench) rest(ctx context.Context) error {
	s, err := b.newStack(ctx, b.task)
	if err != nil {
		return err
	}
	defer s.close()
	n := 5 * b.objects
	if err := s.addFinished(ctx, n); err != nil {
		return err
	}
	found, err := s.idle(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  %d objects, from the start of the manager to a minute after it had settled: %d writes, %d calls\n", n, found.writes, found.calls)
	fmt.Printf("  cache filled after %.1f s, settled after %.1f s with %.1f s of CPU; then %.2f s of CPU in a minute; resident %.0f MiB, at most %.0f MiB\n",
		found.ready.Seconds(), found.settled.Seconds(), found.startCPU, found.cpu, found.now, found.peak)
	verdict(found.writes+found.calls == 0, "no writes and no calls at rest and after a restart")
	verdict(found.cpu <= 0.01*idleFor.Seconds(), "≤ 1 %% of a core at rest: %.2f %%", 100*found.cpu/idleFor.Seconds())
	took, err := s.restart(ctx)
	if err != nil {
		return err
	}
	verdict(took <= 15*time.Second, "a request that waited is served within 15 s of the start: %.1f s", took.Seconds())
	return nil
}

// idle starts a manager, waits until it has settled, and watches it.
func (s *stack) idle(ctx context.Context) (idle, error) {
	start, err := s.snapshot(ctx)
	if err != nil {
		return idle{}, err
	}
	m, err := s.startManager(ctx)
	if err != nil {
		return idle{}, err
	}
	defer m.stop()
	found := idle{ready: m.ready}
	if found.settled, found.startCPU, err = m.settle(ctx); err != nil {
		return idle{}, err
	}
	before := m.seconds()
	if err := sleep(ctx, idleFor); err != nil {
		return idle{}, err
	}
	found.cpu = m.seconds() - before
	found.now, found.peak = m.memory()
	end, err := s.snapshot(ctx)
	if err != nil {
		return idle{}, err
	}
	found.writes, found.calls = end.writes.since(start.writes).sum(), end.calls.since(start.calls).sum()
	return found, s.profileHeap(ctx, m, "idle")
}

// settle waits until the manager has used no more than 2 % of a core for three
// seconds, and returns when that began and what it had used by then.
func (m *manager) settle(ctx context.Context) (time.Duration, float64, error) {
	used, at := m.seconds(), time.Now()
	for time.Since(at) < 3*time.Second {
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return 0, 0, err
		}
		if now := m.seconds(); now-used > 0.02*max(1, time.Since(at).Seconds()) {
			used, at = now, time.Now()
		}
	}
	return at.Sub(m.started), used, nil
}

// restart returns how long after its start a manager has served an object that
// was created before it.
func (s *stack) restart(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o, err := s.observe(ctx)
	if err != nil {
		return 0, err
	}
	obj := object(account(0), "zz-probe", 0)
	if err := s.client.Create(ctx, obj); err != nil {
		return 0, err
	}
	m, err := s.startManager(ctx)
	if err != nil {
		return 0, err
	}
	defer m.stop()
	at, err := o.awaitTasks(ctx, 1)
	if err != nil {
		return 0, err
	}
	if err := s.finish(ctx, obj); err != nil {
		return 0, err
	}
	if _, err := o.awaitReady(ctx, 1); err != nil {
		return 0, err
	}
	return at.Sub(m.started), s.client.Delete(ctx, obj, client.GracePeriodSeconds(0))
}

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
