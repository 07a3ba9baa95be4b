package invariants

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

const (
	// maxRefusals of a key within refusalWindow are allowed: the service locks a
	// key pair after five in a row.
	maxRefusals   = 3
	refusalWindow = 6 * time.Minute
)

// user is one process with one key.
type user struct{ process, key string }

// checkCalls: V7, V11 and the burst of V14.
func (c *checker) checkCalls() {
	byUser := map[user][]*Call{}
	for _, call := range c.calls {
		u := user{call.Process, call.KeyID}
		byUser[u] = append(byUser[u], call)
		if allowed, judged := c.Keys[call.Object.Namespace]; judged && !slices.Contains(allowed, call.KeyID) {
			c.fail("V11", call.Object.String(), "a %s with the key %s, which is not of its namespace", call.Operation, call.KeyID)
		}
		if len(c.Terms.Endpoints) > 0 && !slices.Contains(c.Terms.Endpoints, call.Target.Endpoint) {
			c.fail("V11", call.Object.String(), "a %s at %s, which is no endpoint of the manager", call.Operation, call.Target.Endpoint)
		}
	}
	if c.Foreign > 0 {
		c.fail("V11", "other hosts", "saw %d requests", c.Foreign)
	}
	for u, calls := range byUser {
		c.checkRate(u, calls)
		c.checkRefusals(u, calls)
		c.checkPauses(u, calls)
	}
}

// checkRate: in no window more calls than the bucket gives.
func (c *checker) checkRate(u user, calls []*Call) {
	if c.Terms.Burst == 0 {
		return
	}
	for i, first := range calls {
		for j := i; j < len(calls); j++ {
			window := calls[j].At.Sub(first.At)
			if allowed := float64(c.Terms.Burst+c.Terms.Slack) + c.Terms.QPS*window.Seconds() + 1; float64(j-i+1) > allowed {
				c.fail("V7", u.process, "%d calls with the key %s in %v", j-i+1, u.key, window)
				return
			}
		}
	}
}

// checkRefusals: the service locks a key after five refusals in a row.
func (c *checker) checkRefusals(u user, calls []*Call) {
	var row []time.Time
	for _, call := range calls {
		switch {
		case call.Failure == nil:
			row = nil
		case call.Failure.HTTPStatus != 0 && call.Failure.Class == modelarts.ClassAuthentication:
			row = append(row, call.Answered)
		}
		if most := maxRefusals + c.Terms.Slack; len(row) > most && row[len(row)-1].Sub(row[len(row)-1-most]) < refusalWindow {
			c.fail("V7", u.process, "the key %s was refused %d times in %v", u.key, most+1, row[len(row)-1].Sub(row[len(row)-1-most]))
			return
		}
	}
}

// checkPauses: nobody calls while the service has asked not to. A start may still
// be sent if its pass had looked before it asked.
func (c *checker) checkPauses(u user, calls []*Call) {
	var from, until time.Time
	looked := map[types.NamespacedName]time.Time{}
	for _, call := range calls {
		under := call.Operation == simulator.OperationStart && !looked[call.Object].After(from)
		if call.Operation == simulator.OperationLatest {
			looked[call.Object] = call.At
		}
		if call.At.After(from) && call.At.Before(until) && !under {
			c.fail("V7", u.process, "a call with the key %s at %s, and the service had asked for a pause until %s", u.key, call.At, until)
			return
		}
		if f := call.Failure; f != nil && f.Class == modelarts.ClassThrottled && f.RetryAfter > 0 {
			if end := call.Answered.Add(f.RetryAfter); end.After(until) {
				from, until = call.Answered, end
			}
		}
	}
}
