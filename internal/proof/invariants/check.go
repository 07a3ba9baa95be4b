package invariants

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/internal/simulator"
)

// Violation is an invariant that does not hold.
type Violation struct { //nolint:errname // It is what it is called everywhere.
	// Invariant is "V1" to "V14".
	Invariant string
	// Subject is the object, data set or key that it does not hold for.
	Subject string
	// Why is what was seen.
	Why string
}

// Error says all of it in one line.
func (v *Violation) Error() string { return v.Invariant + ": " + v.Subject + ": " + v.Why }

// Check returns everything that the evidence shows to be wrong, nil for
// nothing. Each error in it is a *Violation.
func Check(e *Evidence) error {
	c := &checker{Evidence: e}
	c.index()
	for _, l := range c.lives {
		c.checkStarts(l)
		c.checkRequests(l)
		c.checkTruth(l)
		c.checkCost(l)
		c.checkShape(l)
	}
	c.checkLedger()
	c.checkTries()
	c.checkRest()
	c.checkCalls()
	c.checkSecrets()
	return errors.Join(c.found...)
}

// checker is the evidence, put in order.
type checker struct {
	*Evidence
	lives   []*life
	tasks   map[place]map[string]*Task
	intents map[string]*intent
	calls   []*Call // in order of time
	found   []error
}

// place is a data set of a project.
type place struct{ project, dataset string }

func (c *checker) fail(invariant, subject, format string, args ...any) {
	c.found = append(c.found, &Violation{Invariant: invariant, Subject: subject, Why: fmt.Sprintf(format, args...)})
}

// index finds tasks by id, and what was done for which requests.
func (c *checker) index() {
	c.tasks = map[place]map[string]*Task{}
	for i := range c.Tasks {
		t := &c.Tasks[i]
		p := place{t.Project, t.Dataset}
		if c.tasks[p] == nil {
			c.tasks[p] = map[string]*Task{}
		}
		c.tasks[p][t.ID] = t
	}
	c.intents = map[string]*intent{}
	for i := range c.Objects {
		if len(c.Objects[i].Versions) > 0 {
			c.lives = append(c.lives, readLife(&c.Objects[i]))
		}
	}
	looks := c.looksByObject()
	for _, l := range c.lives {
		c.register(l)
		l.looks = looks[l.Versions[0].UID]
	}
	c.calls = slices.Clone(c.Calls)
	slices.SortStableFunc(c.calls, func(a, b *Call) int { return a.At.Compare(b.At) })
	for _, call := range c.calls {
		if one := c.intents[call.Nonce]; one != nil {
			one.calls = append(one.calls, call)
		}
	}
}

// looksByObject gives the looks of each object, in the order of Calls.
func (c *checker) looksByObject() map[types.UID][]*Call {
	looks := map[types.UID][]*Call{}
	for _, call := range c.Calls {
		if call.Operation == simulator.OperationLatest {
			looks[call.UID] = append(looks[call.UID], call)
		}
	}
	return looks
}

// register makes the intents of a life known by their nonce.
func (c *checker) register(l *life) {
	for _, s := range l.spans {
		for _, one := range s.intents {
			if c.intents[one.nonce] != nil {
				c.fail("V1", l.name(), "the nonce %s pays for two starts", one.nonce)
			}
			c.intents[one.nonce] = one
		}
	}
}
