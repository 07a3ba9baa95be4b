package main

import (
	"context"
	"time"
)

// maxCalls is how many calls a task of longTask may cost.
const (
	longTask = 10 * time.Minute
	maxCalls = 25
)

// long counts the calls of a few tasks that take ten minutes.
func (b *bench) long(ctx context.Context) error {
	const n = 10
	s, err := b.newStack(ctx, longTask)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.addWaiting(ctx, "long", n); err != nil {
		return err
	}
	o, err := s.observe(ctx)
	if err != nil {
		return err
	}
	m, err := s.startManager(ctx)
	if err != nil {
		return err
	}
	defer m.stop()
	if _, err := o.awaitReady(ctx, n); err != nil {
		return err
	}
	made, err := s.calls(ctx)
	if err != nil {
		return err
	}
	calls := float64(made.sum()) / n
	verdict(calls <= maxCalls, "≤ %d calls for a task of %s: %.1f", maxCalls, longTask, calls)
	return nil
}
