package simulate

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/invariants"
)

var seedFlag = flag.Uint64("seed", 0, "the seed that TestSeed runs")

const (
	// ordinary is how long the ordinary test goes on with new seeds.
	ordinary = 20 * time.Second
	// enough seeds visit every row.
	enough = 1500
	// mostShown is how many failing seeds are told.
	mostShown = 10
	// told is after how many seeds it is told how far a long test has come.
	told = 10_000
)

// once are the seeds that have found something, or that visit a row which few do:
// they are run always, first.
func once() []uint64 {
	return []uint64{
		3695,                      // Unknown, doubtful and idle.
		6934, 12869, 14022, 15143, // A stored wait was dropped by a clock that was behind: a write at rest.
		4590, 11900, 16393, // The judge forbade a start whose pass had looked before a pause was asked for.
		24586, 30928, // A machine that slept had its clock go backwards.
		3152, 27133, 27334, 31238, // The judge let a start that was not taken stand between a failure and what it paid for.
		12704, 15136, 33808, // Somebody else's tasks that fail have events of their own.
		14031,       // The judge did not see that a held schedule was taken in.
		651, 199657, // A scheduled time is due by the clock of whoever takes it in.
		50016, // An answer that does not tell what became of a start has an event.
	}
}

// prover runs seeds and keeps count.
type prover struct {
	t      *testing.T
	schema *cluster.Schema
	began  time.Time

	mu                    sync.Mutex
	seeds, failed, passes int
	rows                  map[string]int
}

func newProver(t *testing.T) *prover {
	t.Helper()
	schema, err := cluster.LoadSchema(filepath.Join("..", "..", "..", "config", "crd", "bases", "modelarts.datasetsync.dev_datasetsyncs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &prover{t: t, schema: schema, began: time.Now(), rows: map[string]int{}}
}

// runAll runs seeds from first on, until there are that many or the time is up.
func (p *prover) runAll(first, count uint64, limit time.Duration) {
	var taken atomic.Uint64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for limit == 0 || time.Since(p.began) < limit {
				n := taken.Add(1) - 1
				if n >= count {
					return
				}
				p.count(run(first+n, p.schema, false))
			}
		})
	}
	workers.Wait()
}

// count takes an outcome in.
func (p *prover) count(o outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seeds++; p.seeds%told == 0 {
		p.t.Logf("%d seeds so far, %d failed, %v", p.seeds, p.failed, time.Since(p.began).Round(time.Second))
	}
	p.passes += o.passes
	for row, n := range o.rows {
		p.rows[row] += n
	}
	if o.err == nil {
		return
	}
	if p.failed++; p.failed <= mostShown {
		p.t.Errorf("seed %d:\n\t%s\nagain: go test ./internal/proof/simulate -run TestSeed -v -seed %d",
			o.seed, strings.ReplaceAll(o.err.Error(), "\n", "\n\t"), o.seed)
	}
}

// report tells the figures.
func (p *prover) report() {
	known, visited := rows(), 0
	var missing []string
	for _, row := range known {
		if p.rows[row] > 0 {
			visited++
			continue
		}
		missing = append(missing, row)
	}
	p.t.Logf("%d seeds, %d failed, %d passes, %v; %d of %d rows visited", p.seeds, p.failed, p.passes, time.Since(p.began).Round(time.Second), visited, len(known))
	for row := range p.rows {
		if !slices.Contains(known, row) {
			p.t.Errorf("a row that is not in the list: %q", row)
		}
	}
	switch {
	case len(missing) > 0 && p.seeds >= enough:
		p.t.Errorf("rows that were not visited: %q", missing)
	case len(missing) > 0:
		p.t.Logf("rows that were not visited, by too few seeds to tell: %q", missing)
	}
}

// TestSeed runs the seed of the flag and tells all of it.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("no -seed")
	}
	o := run(*seedFlag, newProver(t).schema, true)
	t.Logf("%s", strings.Join(o.story, "\n"))
	if o.err != nil {
		t.Error(o.err)
	}
}

// TestSeeds runs the seeds that once found something, and then as many others as
// fit into a time, or a number of them: SIMULATE tells which, such as 1m or
// 200000.
func TestSeeds(t *testing.T) {
	count, limit := size(t, os.Getenv("SIMULATE"))
	before := invariants.Measure()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // Worlds are small and many.
	p := newProver(t)
	for _, seed := range once() {
		p.count(run(seed, p.schema, false))
	}
	p.runAll(1, count, limit)
	p.report()
	if err := before.Leaked(time.Minute); err != nil {
		t.Error(err)
	}
}

// size returns how many seeds to run and for how long, zero for no limit.
func size(t *testing.T, text string) (count uint64, limit time.Duration) {
	t.Helper()
	if text == "" {
		return math.MaxUint64, ordinary
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, 0
	}
	limit, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SIMULATE is a number of seeds or a time, such as 200000 or 1m; it is %q", text)
	}
	return math.MaxUint64, limit
}
