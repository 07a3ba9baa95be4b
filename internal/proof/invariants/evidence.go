package invariants

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/simulator"
)

// Evidence is what a test has seen. Objects, Ledger and Tasks are needed; what
// else is missing is not judged.
type Evidence struct {
	// Objects are the lives of all objects that there were.
	Objects []Object
	// Ledger is every start that the service was asked for.
	Ledger []simulator.Entry
	// Tasks are all tasks there ever were.
	Tasks []Task
	// Calls are the calls of the service, in order.
	Calls []*Call
	// Events are the events that were emitted, in order.
	Events []Event
	// Texts is what people and programs get to read, by where it stands: logs,
	// events, metrics.
	Texts map[string]string
	// Canaries are the secrets that must not be in any of them.
	Canaries []string
	// Keys are the fingerprints of the credentials that each namespace may use.
	// Empty: not judged.
	Keys map[string][]string
	// Foreign is how many requests came to hosts that are not the service.
	Foreign int
	// Terms are what is promised under the conditions of the test.
	Terms Terms
}

// Terms are what is promised under the conditions of a test. The zero value
// promises what always holds.
type Terms struct {
	// OneEach is true where at most one start is taken for a try.
	OneEach bool
	// Settled is true if the test has waited until nothing was left to do.
	Settled bool
	// Rest is when everything had come to rest; the zero time: never.
	Rest time.Time
	// SettleTime is the manager's --settle-time; 0: not judged.
	SettleTime time.Duration
	// SendBudget is how long after its decision a start may be sent; 0: not
	// judged.
	SendBudget time.Duration
	// Grace is by how much a task may be older than the request that it serves:
	// nothing where the status is current and the clocks agree, and a minute
	// otherwise.
	Grace time.Duration
	// Blind is true where the service's status may not tell one task from
	// another: it tells neither ids nor times, or tells lies.
	Blind bool
	// Lag is by how much the service's status may be behind.
	Lag time.Duration
	// ServiceAhead is by how much the clock of the service is ahead of the API
	// server's.
	ServiceAhead time.Duration
	// QPS and Burst limit the calls of one process for one key; Burst 0: not
	// judged. Slack is how many more may come at once because calls that were
	// allowed were held up.
	QPS          float64
	Burst, Slack int
	// Rivals is until when several processes act at once, each of which believes to
	// lead: so long they may take each other's words back.
	Rivals time.Time
	// Flawless is true where nothing went wrong; Empty, where starts were
	// answered without a task id as well.
	Flawless, Empty bool
	// Endpoints are the manager's. Empty: not judged.
	Endpoints []string
	// DefaultRegion is the manager's.
	DefaultRegion string
}

// Object is the life of one object.
type Object struct {
	// Versions are all versions of it, oldest first.
	Versions []Version
	// Deleted is true if it is gone.
	Deleted bool
}

// Version is an object as it was from Time on, by the API server's clock.
type Version struct {
	*v1alpha1.DatasetSync
	Time time.Time
}

// Task is a task as it stands at the end.
type Task struct {
	Project, Dataset string
	simulator.Task
}

// Call is one call of the service by one process.
type Call struct {
	// Operation is simulator.OperationLatest or simulator.OperationStart.
	Operation string
	// Process is a process between its start and its end.
	Process string
	// Object is what the call was made for.
	Object types.NamespacedName
	UID    types.UID
	// Target is where the call went.
	Target modelarts.Target
	// KeyID is the fingerprint of the credentials.
	KeyID string
	// Nonce names the intent that paid for a start; empty: there was none.
	Nonce string
	// Decided is the time that the decision counts from, and Made when the call was
	// made, both by the clock of the process.
	Decided, Made time.Time
	// Looked is when the status that led to a start was told; At is when the call
	// was made. Both by the true time.
	Looked, At time.Time
	// Entries are the lines of the ledger that the call led to, by index.
	Entries []int
	// Failure is what the process got to know, nil for success.
	Failure *modelarts.Error
	// Answered is when it got to know, by the true time.
	Answered time.Time
}

// Event is an event of an object.
type Event struct {
	UID    types.UID
	Reason string
	At     time.Time
}
