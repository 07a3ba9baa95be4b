package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ask is one way to ask for the i-th sync; it returns the object.
type ask func(ctx context.Context, i int) (string, error)

// creating asks with new objects, of a kind, of so many accounts in turn.
func (s *stack) creating(kind string, accounts int) ask {
	return func(ctx context.Context, i int) (string, error) {
		obj := object(account(i%accounts), kind, i)
		return keyOf(obj), s.client.Create(ctx, obj)
	}
}

// triggering asks with the triggers of finished objects, evenly spread over all
// of them.
func (s *stack) triggering(objects, requests int) ask {
	return func(ctx context.Context, i int) (string, error) {
		at := i * (objects / requests)
		obj := object(account(at/perAccount), "rest", at)
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"trigger":"load"}}`))
		return keyOf(obj), s.client.Patch(ctx, obj, patch)
	}
}

// ask asks at a steady rate for as long as a load takes, and returns when each
// request was sent.
func (s *stack) ask(ctx context.Context, how ask) (map[string]time.Time, error) {
	n := s.requests()
	period := time.Duration(float64(time.Second) / s.rate)
	var mu sync.Mutex
	asked, began := map[string]time.Time{}, time.Now()
	return asked, each(ctx, n, func(ctx context.Context, i int) error {
		time.Sleep(time.Until(began.Add(time.Duration(i) * period)))
		sent := time.Now()
		key, err := how(ctx, i)
		mu.Lock()
		asked[key] = sent
		mu.Unlock()
		return err
	})
}

func (b *bench) requests() int { return int(b.load.Seconds() * b.rate) }

// steady measures how soon a new object has its task id while others come in.
func (b *bench) steady(ctx context.Context) error {
	s, err := b.newStack(ctx, b.task)
	if err != nil {
		return err
	}
	defer s.close()
	c, err := s.newCeiling()
	if err != nil {
		return err
	}
	if err := s.addAccounts(ctx, 50); err != nil {
		return err
	}
	patch, err := c.idlePatch(ctx)
	if err != nil {
		return err
	}
	m, err := s.startManager(ctx, "--api-qps=0")
	if err != nil {
		return err
	}
	defer m.stop()
	from := look()
	took, err := s.measureLoad(ctx, s.creating("steady", 50))
	if err != nil {
		return err
	}
	base := patch + serviceLatency.Seconds()*1000
	p50, p99 := quantile(took, 0.5), quantile(took, 0.99)
	fmt.Printf("  one status patch of the idle control plane: %.1f ms; with the service's latency %.1f ms\n", patch, base)
	fmt.Printf("  %d new objects, %.0f a second: from sending the object to its task id p50 %.1f ms, p99 %.1f ms\n", len(took), b.rate, p50, p99)
	fmt.Printf("  CPU: %s\n", cpu(from, look()))
	verdict(p50 <= 5*base, "p50 ≤ 5 × that: %.1f", p50/base)
	verdict(p99 <= 15*base, "p99 ≤ 15 × that: %.1f", p99/base)
	return nil
}

// measureLoad asks at a steady rate and returns how long each took to its task
// id, in milliseconds.
func (s *stack) measureLoad(ctx context.Context, how ask) ([]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := s.ask(ctx, how)
	if err != nil {
		return nil, err
	}
	if _, err := o.awaitTasks(ctx, len(asked)); err != nil {
		return nil, err
	}
	return o.latencies(asked), nil
}
