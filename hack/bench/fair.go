package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// neighbours is how many data sets, or accounts, share the service with the one
// that fails.
const neighbours = 50

// fair measures whether what fails slows its neighbours: new objects come in at
// a steady rate, every fiftieth of which fails, first all of one account, then
// with accounts of their own.
func (b *bench) fair(ctx context.Context) error {
	cases := []struct {
		what string
		// accounts is how many there are.
		accounts int
		// fault is what befalls every fiftieth object.
		fault map[string]any
		flags []string
	}{
		{"one failing data set of an account", 1, map[string]any{"kind": "answer", "status": 500}, []string{"--api-qps=0"}},
		{"one throttled account", neighbours, map[string]any{"kind": "throttled"}, nil},
	}
	for _, c := range cases {
		var p99 [2]float64
		for round, fault := range []map[string]any{nil, c.fault} {
			took, err := b.fairRun(ctx, c.accounts, fault, c.flags)
			if err != nil {
				return err
			}
			p99[round] = quantile(took, 0.99)
			fmt.Printf("  %s, failing: %t; the others, %d of them: p50 %.1f ms, p99 %.1f ms\n",
				c.what, fault != nil, len(took), quantile(took, 0.5), p99[round])
		}
		verdict(p99[1] <= 1.5*p99[0], "p99 of the others within 1.5 × of a run without it: %.2f", p99[1]/p99[0])
	}
	return nil
}

// fairRun returns how long the objects took that do not fail.
func (b *bench) fairRun(ctx context.Context, accounts int, fault map[string]any, flags []string) ([]float64, error) {
	s, err := b.newStack(ctx, b.task)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.addAccounts(ctx, accounts); err != nil {
		return nil, err
	}
	m, err := s.startManager(ctx, flags...)
	if err != nil {
		return nil, err
	}
	defer m.stop()
	for i := 0; fault != nil && i < b.requests(); i += neighbours {
		fault["dataset"] = object("", "fair", i).Name
		if err := post(ctx, http.DefaultClient, s.control+"/faults", fault); err != nil {
			return nil, err
		}
	}
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	o, err := s.observe(watched)
	if err != nil {
		return nil, err
	}
	asked, err := s.ask(ctx, s.creating("fair", accounts))
	if err != nil {
		return nil, err
	}
	for i := 0; i < b.requests(); i += neighbours {
		failing := "/" + object("", "fair", i).Name
		maps.DeleteFunc(asked, func(key string, _ time.Time) bool { return strings.HasSuffix(key, failing) })
	}
	if _, err := o.awaitTasks(ctx, len(asked)); err != nil {
		return nil, err
	}
	return o.latencies(asked), nil
}
