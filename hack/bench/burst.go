package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What one successful run may cost (docs/performance.md).
const (
	maxPatches = 4
	maxEvents  = 2
)

// snapshot is what was counted at a moment.
type snapshot struct {
	moment
	writes, calls counts
}

func (s *stack) snapshot(ctx context.Context) (snapshot, error) {
	w, err := s.writes(ctx)
	if err != nil {
		return snapshot{}, err
	}
	c, err := s.calls(ctx)
	return snapshot{look(), w, c}, err
}

// burst measures a manager that starts with all objects waiting. The ceiling
// is measured before and after it: a machine that changes meanwhile shows.
func (b *bench) burst(ctx context.Context) error {
	s, err := b.newStack(ctx, b.task)
	if err != nil {
		return err
	}
	defer s.close()
	c, err := s.newCeiling()
	if err != nil {
		return err
	}
	if _, err := c.run(ctx, "warm-up", b.objects/2); err != nil { // Warms up what is measured against.
		return err
	}
	before, err := c.run(ctx, "before", b.objects)
	if err != nil {
		return err
	}
	found, err := s.drive(ctx)
	if err != nil {
		return err
	}
	after, err := c.run(ctx, "after", b.objects)
	if err != nil {
		return err
	}
	c.bodies = whole()
	whole, err := c.run(ctx, "whole", b.objects)
	if err != nil {
		return err
	}
	ceiling := result{(before.rate + after.rate) / 2, (before.cost + after.cost) / 2}
	verdict(found.rate >= 0.7*ceiling.rate, "%.0f objects/s to task id are ≥ 0.7 × the ceiling of %.0f: %.2f", found.rate, ceiling.rate, found.rate/ceiling.rate)
	fmt.Printf("  the same by CPU time: %.2f; against a ceiling whose patches say what the manager's say: %.2f, by CPU time %.2f\n",
		ceiling.cost/found.cost, found.rate/whole.rate, whole.cost/found.cost)
	return nil
}

// drive has a manager serve objects that wait, and tells what it cost. It fails
// if the counts are not what they must be.
func (s *stack) drive(ctx context.Context) (result, error) {
	n := s.objects
	if err := s.addWaiting(ctx, "burst", n); err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o, err := s.observe(ctx)
	if err != nil {
		return result{}, err
	}
	start, err := s.snapshot(ctx)
	if err != nil {
		return result{}, err
	}
	m, err := s.startManager(ctx, "--api-qps=0")
	if err != nil {
		return result{}, err
	}
	defer m.stop()
	s.profileCPU(ctx, m, "burst")
	last, err := o.awaitTasks(ctx, n)
	if err != nil {
		return result{}, err
	}
	mid := look()
	used := m.seconds()
	found := result{float64(n) / last.Sub(m.started).Seconds(), cost(start.moment, mid) * 1000 / float64(n)}
	fmt.Printf("  manager: %d objects, %.0f objects/s to task id from the start of the process; %.2f s until the cache is filled; %.0f objects/s from then on\n",
		n, found.rate, m.ready.Seconds(), float64(n)/(last.Sub(m.started)-m.ready).Seconds())
	fmt.Printf("  %.1f ms of CPU for each, of it the manager's %.1f ms; CPU: %s\n", found.cost, used*1000/float64(n), cpu(start.moment, mid))

	ready, err := o.awaitReady(ctx, n)
	if err != nil {
		return result{}, err
	}
	fmt.Printf("  all Ready after %.1f s: %.1f objects/s; tasks take %s\n", ready.Sub(m.started).Seconds(), float64(n)/ready.Sub(m.started).Seconds(), s.task)
	time.Sleep(3 * time.Second) // For the events that follow the last write.
	now, peak := m.memory()
	fmt.Printf("  manager CPU %.1f s until then; resident %.0f MiB, at most %.0f MiB\n", m.seconds(), now, peak)
	end, err := s.snapshot(ctx)
	if err != nil {
		return result{}, err
	}
	return found, errors.Join(s.profileHeap(ctx, m, "burst"), s.audit(ctx, start, end))
}

// audit fails unless each run cost no more than it may, and one start.
func (s *stack) audit(ctx context.Context, start, end snapshot) error {
	n := s.objects
	writes, calls := end.writes.since(start.writes), end.calls.since(start.calls)
	fmt.Printf("  writes for each object: %s\n  calls for each object: %s\n", writes.per(n), calls.per(n))
	starts, err := s.starts(ctx)
	if err != nil {
		return err
	}
	single := 0
	for dataset, accepted := range starts {
		if strings.HasPrefix(dataset, "burst-") && accepted == 1 {
			single++
		}
	}
	verdict(single == n && calls["start"] == n, "exactly one accepted start of each object, and no other: %d of %d", single, n)
	patches, made := writes["PATCH datasetsyncs/status"], writes["POST events"]
	within := patches <= maxPatches*n && made <= maxEvents*n && writes.sum() == patches+made
	verdict(within, "≤ %d status patches and ≤ %d events for a run, nothing else", maxPatches, maxEvents)
	if single != n || calls["start"] != n || !within {
		return errors.New("the counts are not what they must be")
	}
	return nil
}
