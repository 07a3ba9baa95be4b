package process

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// Pass is one call of Reconcile, and what was seen of it.
type Pass struct {
	// Process is the name of the process.
	Process string
	// Key is the object.
	Key types.NamespacedName
	// Decided is when it read the clock that its decision counts from, by the clock
	// of the process.
	Decided time.Time
	// Read is the object as it was read, nil if it was not there.
	Read *v1alpha1.DatasetSync
	// SecretRead is true if a Secret was asked for, SecretErr how that went.
	SecretRead bool
	SecretErr  error
	// Look is what the service told, nil if it was not asked.
	Look *Seen
	// Written are the statuses that were written, in order.
	Written []*v1alpha1.DatasetSync
	// WriteErr is how the last write went.
	WriteErr error
	// Start is what the service said to a start, nil if none was sent.
	Start *Answer
	// Events are the reasons of the events.
	Events []string
	// Result and Err are what Reconcile returned.
	Result ctrl.Result
	Err    error
	// Crashed is true if the process died in it.
	Crashed bool
}

// Seen is the answer to the question for the latest task.
type Seen struct {
	Task modelarts.Task
	Err  error
	// At is what time the service told it of, by the true time.
	At time.Time
}

// Answer is the answer to a start.
type Answer struct {
	Started modelarts.Started
	Err     error
}

// Decision returns the status that was decided on before anything was started.
func (p *Pass) Decision() *v1alpha1.DatasetSyncStatus {
	if len(p.Written) > 0 {
		return &p.Written[0].Status
	}
	return &p.Read.Status
}

// Status returns the status that the pass left behind, as far as it knows.
func (p *Pass) Status() *v1alpha1.DatasetSyncStatus {
	if n := len(p.Written); n > 0 {
		return &p.Written[n-1].Status
	}
	return &p.Read.Status
}

type passKey struct{}

func withPass(ctx context.Context, p *Pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

func passOf(ctx context.Context) *Pass { return ctx.Value(passKey{}).(*Pass) }
