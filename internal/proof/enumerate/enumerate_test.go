package enumerate

import (
	"flag"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/invariants"
)

var planFlag = flag.String("plan", "", "the plan that TestPlan runs")

const (
	// mostShown is how many violations are told in full.
	mostShown = 20
	// longestTrace is up to where a run is ended at every point: what follows in
	// a longer one is one look after another.
	longestTrace = 60
	// told is after how many plans it is told how far a long test has come.
	told = 20_000
)

// prover runs plans and keeps count.
type prover struct {
	t       *testing.T
	servers *servers
	schema  *cluster.Schema
	began   time.Time

	mu                        sync.Mutex
	plans, violations, missed int
	// none counts the cells that are no plans, by the reason; cut the crash points
	// beyond longestTrace.
	none map[string]int
	cut  int
}

func newProver(t *testing.T) *prover {
	t.Helper()
	schema, err := cluster.LoadSchema(filepath.Join("..", "..", "..", "config", "crd", "bases", "modelarts.datasetsync.dev_datasetsyncs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &prover{t: t, servers: newServers(t), schema: schema, began: time.Now(), none: map[string]int{}}
}

func (p *prover) run(one plan) result {
	return run(p.t.Context(), one, p.servers, func(t *cluster.Time) backend { return standIn(p.schema, t) })
}

// runAll runs plans on all processors and returns the traces of those that went
// as planned.
func (p *prover) runAll(plans iter.Seq[plan]) []traced {
	work := make(chan plan)
	var mu sync.Mutex
	var all []traced
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for one := range work {
				r := p.run(one)
				p.count(&r)
				mu.Lock()
				all = append(all, traced{one, r.trace})
				mu.Unlock()
			}
		})
	}
	for one := range plans {
		work <- one
	}
	close(work)
	workers.Wait()
	return all
}

// traced is a plan and what was done in it.
type traced struct {
	plan
	trace []point
}

// count takes a result in.
func (p *prover) count(r *result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plans++; p.plans%told == 0 {
		p.t.Logf("%d plans so far, %d violations, %v", p.plans, p.violations, time.Since(p.began).Round(time.Second))
	}
	if !r.reached {
		p.missed++
	}
	if r.err == nil {
		return
	}
	if p.violations++; p.violations <= mostShown {
		p.t.Errorf("%s\n%v\nagain: go test ./internal/proof/enumerate -run TestPlan -v -plan '%s'", r.plan, indented(r.err), r.plan)
	}
}

func indented(err error) string { return "\t" + strings.ReplaceAll(err.Error(), "\n", "\n\t") }

// report tells the figures.
func (p *prover) report() {
	p.t.Logf("%d plans, %d violations, %v; in %d plans not everything came to happen", p.plans, p.violations, time.Since(p.began).Round(time.Second), p.missed)
	for _, why := range slices.Sorted(maps.Keys(p.none)) {
		p.t.Logf("%d cells do not apply: %s", p.none[why], why)
	}
	if p.cut > 0 {
		p.t.Logf("%d runs were ended at their first %d points only, the rest of them being looks at a task", p.cut, longestTrace)
	}
	if p.violations > 0 {
		p.t.Errorf("%d violations", p.violations)
	}
}

// clean runs the plans in which nothing goes wrong.
func (p *prover) clean() []traced {
	all := p.runAll(slices.Values(clean()))
	if p.violations > 0 {
		p.t.Fatal("a run in which nothing goes wrong is wrong")
	}
	return all
}

// isolate counts the cells that are no plans.
func (p *prover) isolate(cells []isolated) {
	for _, cell := range cells {
		p.none[cell.why]++
	}
}

// TestPlan runs the plan of the flag and tells all of it.
func TestPlan(t *testing.T) {
	if *planFlag == "" {
		t.Skip("no -plan")
	}
	one, err := parsePlan(*planFlag)
	if err != nil {
		t.Fatal(err)
	}
	r := newProver(t).run(one)
	t.Logf("%s\n%s\n%s", r.plan, strings.Join(r.history, "\n"), r.log)
	if !r.reached {
		t.Log("not everything came to happen")
	}
	if r.err != nil {
		t.Errorf("%v", indented(r.err))
	}
}

// TestSingles goes through everything that can go wrong once, and every end of
// a process in a run in which nothing else does.
func TestSingles(t *testing.T) {
	p := newProver(t)
	before := invariants.Measure()
	for _, run := range p.clean() {
		plans, none := singles(run.plan, run.trace)
		p.isolate(none)
		p.runAll(slices.Values(slices.Concat(plans, crashPoints(run.plan, run.trace))))
	}
	p.report()
	p.servers.closeConnections()
	if err := before.Leaked(time.Minute); err != nil {
		t.Error(err)
	}
}

// TestAll goes through everything that can go wrong twice: every end of a
// process in every run with a fault or with another end, and all pairs of
// faults.
func TestAll(t *testing.T) {
	if os.Getenv("ENUMERATE") != "all" {
		t.Skip("takes long: ENUMERATE=all")
	}
	p := newProver(t)
	for _, run := range p.clean() {
		plans, none := singles(run.plan, run.trace)
		p.isolate(none)
		t.Logf("%s: %d single faults", run.plan, len(plans))
		faulty := p.runAll(slices.Values(plans))
		ended := p.runAll(slices.Values(crashPoints(run.plan, run.trace)))
		p.runAll(p.endedRuns(slices.Concat(faulty, ended)))
		p.runAll(p.pairs(plans))
	}
	p.report()
}

// endedRuns are the plans that end the process at every point of a run.
func (p *prover) endedRuns(runs []traced) iter.Seq[plan] {
	return func(yield func(plan) bool) {
		for _, run := range runs {
			trace := run.trace
			if len(trace) > longestTrace {
				trace = trace[:longestTrace]
				p.cut++
			}
			for _, one := range crashPoints(run.plan, trace) {
				if !yield(one) {
					return
				}
			}
		}
	}
}

// pairs are the plans with two faults each.
func (p *prover) pairs(single []plan) iter.Seq[plan] {
	return func(yield func(plan) bool) {
		for i, one := range single {
			for _, other := range single[i+1:] {
				if one.injections()[0].point == other.injections()[0].point {
					p.none["one thing meets one fault"]++
					continue
				}
				if !yield(one.with(other.service, other.kube, nil)) {
					return
				}
			}
		}
	}
}
