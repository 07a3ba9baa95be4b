package hostile

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"datasetsync.dev/operator/internal/simulator"
)

const (
	// childEndpoint is the variable that makes TestChildUnderAMemoryLimit the
	// process whose memory is measured.
	childEndpoint = "HOSTILE_ENDPOINT"
	// memoryLimit is the child's GOMEMLIMIT, and heapLimit what it must not have
	// asked of the system for its heap when all is over: with the limit of 1 MiB
	// for a body, 16 workers need less than half of it.
	memoryLimit = "GOMEMLIMIT=32MiB"
	heapLimit   = 64 << 20

	workers   = 16
	perWorker = 4
)

// A service that sends all it can, to many objects at once, does not fill the
// memory: each answer would, several times over.
func TestMemoryIsBoundedWhateverTheServiceSends(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]simulator.Fault{
		"1 GiB of a body":              {Kind: "endless-body"},
		"1 GiB of a refusal":           {Kind: "endless-body", Status: 400},
		"a compressed body of 256 MiB": {Kind: "gzip-bomb"},
		"a header of 8 MiB":            {Kind: "huge-headers", Size: 8 << 20},
		"an error of 8 MiB":            {Kind: "huge-body", Size: 8 << 20},
		"100,000 interim answers":      {Kind: "informational", Size: 100_000},
		"400,000 levels":               {Kind: "deep-nesting", Size: 400_000},
	} {
		for _, operation := range []string{simulator.OperationLatest, simulator.OperationStart} {
			t.Run(name+" of "+operation, func(t *testing.T) {
				w := newWorld(t) // One after the other: each child wants the machine.
				f.Operation, f.Skip = operation, 1
				w.fault(f)
				child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildUnderAMemoryLimit$", "-test.v")
				child.Env = append(os.Environ(), memoryLimit, childEndpoint+"="+w.server.URL)
				output, err := child.CombinedOutput()
				if err != nil {
					t.Errorf("the child fails: %v\n%s", err, output)
				}
				t.Logf("%s", output)
				if n := w.service.Calls()[operation]; n <= workers*perWorker {
					t.Errorf("%d calls\n%s", n, output)
				}
			})
		}
	}
}

// TestChildUnderAMemoryLimit is the process that TestMemoryIsBoundedWhateverTheServiceSends
// measures: one pass for each of many objects, by several workers.
func TestChildUnderAMemoryLimit(t *testing.T) { //nolint:paralleltest // It measures its process.
	endpoint := os.Getenv(childEndpoint)
	if endpoint == "" {
		t.Skip("it is started by TestMemoryIsBoundedWhateverTheServiceSends")
	}
	w := newWorld(t)
	w.settings.Endpoint, w.settings.QPS = endpoint, 0
	w.restart()
	w.create("first") // Once the service has taken a key, all may call at once.
	w.pass("first")
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := range perWorker {
				name := "cats-" + strconv.Itoa(worker) + "-" + strconv.Itoa(i)
				w.create(name)
				w.pass(name)
			}
		})
	}
	running.Wait()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d MiB of heap at the most, %d MiB allocated in all", m.HeapSys>>20, m.TotalAlloc>>20)
	if m.HeapSys > heapLimit {
		t.Errorf("%d MiB of heap", m.HeapSys>>20)
	}
}
