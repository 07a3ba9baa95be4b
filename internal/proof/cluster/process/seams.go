package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
	"datasetsync.dev/operator/internal/proof/cluster"
	"datasetsync.dev/operator/internal/proof/invariants"
	"datasetsync.dev/operator/internal/simulator"
)

// gatedClient reads the cached view and writes.
type gatedClient struct {
	client.Client
	process *Process
}

// Get reads a DatasetSync from the view.
func (c gatedClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	pass := passOf(ctx)
	err := c.process.Gate(&Op{Kind: Get, Pass: pass}, func() error {
		pass.Read = c.process.View.Get(key)
		return cluster.Cached(c.Client, c.process.View).Get(ctx, key, obj, opts...) //nolint:wrapcheck // It stands for that client.
	})
	return err
}

// Status returns a writer of status.
func (c gatedClient) Status() client.SubResourceWriter {
	return gatedWriter{c.Client.Status(), c.process}
}

type gatedWriter struct {
	client.SubResourceWriter
	process *Process
}

// Patch writes the status of a DatasetSync.
func (w gatedWriter) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	pass := passOf(ctx)
	err := w.process.Gate(&Op{Kind: Patch, Pass: pass}, func() error {
		return w.SubResourceWriter.Patch(ctx, obj, patch, opts...)
	})
	pass.WriteErr = err
	if object, isSync := obj.(*v1alpha1.DatasetSync); isSync && err == nil {
		pass.Written = append(pass.Written, object.DeepCopy())
	}
	return err
}

// gatedReader reads without a cache.
type gatedReader struct{ gated gatedClient }

// Get reads a DatasetSync or a Secret.
func (r gatedReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	pass, kind := passOf(ctx), Live
	if _, isSecret := obj.(*corev1.Secret); isSecret {
		kind = Secret
	}
	err := r.gated.process.Gate(&Op{Kind: kind, Pass: pass}, func() error { return r.gated.Client.Get(ctx, key, obj, opts...) })
	if kind == Secret {
		pass.SecretRead, pass.SecretErr = true, err
	}
	return err
}

// List is nothing that the operator does.
func (r gatedReader) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("the operator lists nothing without a cache")
}

// gatedAPI is the service.
type gatedAPI struct{ process *Process }

// LatestSync asks for the latest task.
func (a gatedAPI) LatestSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials) (task modelarts.Task, err error) {
	p, pass := a.process, passOf(ctx)
	call := p.newCall(pass, simulator.OperationLatest, t, c)
	record, asked := p.recorded(call), p.Journal.Now()
	err = p.Gate(&Op{Kind: Look, Pass: pass, Target: &t}, func() error {
		record()
		asked = p.Journal.Now()
		var err error
		task, err = p.API.LatestSync(ctx, t, c)
		return err
	})
	record()
	p.answered(call, err)
	pass.Decided = p.Clock.Now() // What is decided on a look counts from its answer.
	pass.Look = &Seen{Task: task, Err: err, At: asked}
	return task, err
}

// StartSync asks for a start.
func (a gatedAPI) StartSync(ctx context.Context, t modelarts.Target, c modelarts.Credentials, at time.Time) (started modelarts.Started, err error) {
	p, pass := a.process, passOf(ctx)
	call := p.newCall(pass, simulator.OperationStart, t, c)
	if pass.Look != nil {
		call.Looked = pass.Look.At
	}
	if run := pass.Status().Run; run != nil {
		call.Nonce = run.Nonce
	}
	record := p.recorded(call)
	err = p.Gate(&Op{Kind: Start, Pass: pass, Target: &t}, func() error {
		record()
		first := p.Journal.Ledger()
		var err error
		started, err = p.API.StartSync(ctx, t, c, at)
		for i := first; i < p.Journal.Ledger(); i++ {
			call.Entries = append(call.Entries, i)
		}
		return err
	})
	record()
	p.answered(call, err)
	pass.Start = &Answer{Started: started, Err: err}
	return started, err
}

func (p *Process) newCall(pass *Pass, operation string, t modelarts.Target, c modelarts.Credentials) *invariants.Call {
	return &invariants.Call{
		Operation: operation, Process: p.Name, Object: pass.Key, UID: pass.Read.UID, Target: t, KeyID: c.Fingerprint(),
		Decided: pass.Decided, Made: p.Clock.Now(), At: p.Journal.Now(),
	}
}

// recorded returns what puts a call into the journal, once: when it is made, or
// has failed without.
func (p *Process) recorded(call *invariants.Call) func() {
	done := false
	return func() {
		if !done {
			p.Journal.Calls, done = append(p.Journal.Calls, call), true
		}
	}
}

// answered notes what a process got to know.
func (p *Process) answered(call *invariants.Call, err error) {
	call.Answered = p.Journal.Now()
	var failure *modelarts.Error
	if errors.As(err, &failure) {
		call.Failure = failure
	}
}

// recorder takes the events.
type recorder struct{ process *Process }

// Eventf emits an event.
func (r recorder) Eventf(regarding, _ runtime.Object, kind, reason, action, note string, args ...any) {
	p := r.process
	object, isSync := regarding.(*v1alpha1.DatasetSync)
	if !isSync {
		return
	}
	// The operator does not hear whether an event got anywhere.
	_ = p.Gate(&Op{Kind: Tell, Pass: p.current}, func() error {
		p.Journal.Events = append(p.Journal.Events, invariants.Event{UID: object.UID, Reason: reason, At: p.Journal.Now()})
		p.current.Events = append(p.current.Events, reason)
		p.Journal.logLine("event", kind+" "+reason+" "+action+" "+fmt.Sprintf(note, args...))
		return nil
	})
}
