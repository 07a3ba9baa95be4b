package enumerate

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/internal/proof/cluster/process"
)

func TestPlanIsItsLine(t *testing.T) {
	const line = "policy=strict answer=empty service=reset-after@start#1 service=lag-15s@look#2 kube=conflict@patch#2 crash=after-effect@patch#1"
	p, err := parsePlan(line)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(line, p.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPlanRefusesATypingError(t *testing.T) {
	for _, line := range []string{
		"", "policy=whim answer=empty", "policy=hold answer=loud", "policy=hold answer=empty service=whim@start#1",
		"policy=hold answer=empty kube=whim@patch#1", "policy=hold answer=empty crash=late@look#1",
		"policy=hold answer=empty crash=before@look", "policy=hold answer=empty crash=before@look#0", "plan=hold",
	} {
		if p, err := parsePlan(line); err == nil {
			t.Errorf("%q is read as %q", line, p)
		}
	}
}

func TestEveryFaultOfTheServiceIsThere(t *testing.T) {
	seen := map[int]bool{}
	for name, f := range serviceFaults() {
		seen[f.number] = true
		if f.notAt(process.Look) != "" && f.notAt(process.Start) != "" {
			t.Errorf("%s is a fault of no call", name)
		}
	}
	var want []int
	for n := range faultNumbers {
		want = append(want, n+1)
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("numbers of faults, want (-), got (+):\n%s", diff)
	}
}
