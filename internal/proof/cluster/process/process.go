package process

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/controllers"
	"datasetsync.dev/operator/internal/proof/cluster"
)

// Config is what a process lives in.
type Config struct {
	// Name tells the process from all others, those before it included.
	Name string
	// Client writes, and reads without a cache.
	Client client.Client
	// View is what the process's cache knows.
	View *cluster.View
	// Clock is the clock of its machine.
	Clock *cluster.Clock
	// API is the service.
	API controllers.SyncAPI
	// Settings are its flags.
	Settings controllers.Settings
	// NewNonce names a start. No name must come twice in a world.
	NewNonce func() string
	// Gate is asked about everything.
	Gate Gate
	// Journal is kept of everything.
	Journal *Journal
}

// Process is a manager from its start to its end.
type Process struct {
	Config
	// Queue is what is to be worked on.
	Queue Queue

	reconciler *controllers.Reconciler
	log        logr.Logger
	// current is the pass that runs now.
	current *Pass
}

// New starts a process: it remembers nothing, and lists what its view has.
func New(c Config) *Process {
	p := &Process{Config: c, Queue: newQueue(c.Journal.Now)}
	p.log = funcr.New(c.Journal.logLine, funcr.Options{Verbosity: 10})
	p.Clock.OnSleep = p.sleep
	gated := gatedClient{Client: c.Client, process: p}
	p.reconciler = controllers.NewReconciler(controllers.Dependencies{
		Client: gated, Live: gatedReader{gated}, API: gatedAPI{p},
		Recorder: recorder{p}, Clock: p.Clock, Nonce: p.nonce,
	}, c.Settings)
	for _, key := range c.View.Keys() {
		p.Queue.Add(key)
	}
	return p
}

// Deliver lets the process's cache take in up to n writes, and queues the
// objects that they were of.
func (p *Process) Deliver(n int) {
	for _, key := range p.View.Advance(n) {
		p.Queue.Add(key)
	}
}

// Reconcile makes one pass over an object, and queues it again as the pass asks
// for.
func (p *Process) Reconcile(ctx context.Context, key types.NamespacedName) *Pass {
	pass := &Pass{Process: p.Name, Key: key}
	p.Resume(pass)
	p.Queue.begin(key)
	func() {
		defer func() {
			if reason := recover(); reason != nil {
				if _, crash := reason.(Crash); !crash {
					panic(reason)
				}
				pass.Crashed = true
			}
		}()
		ctx = logr.NewContext(withPass(ctx, pass), p.log)
		pass.Result, pass.Err = p.reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key})
	}()
	p.Queue.end(key, pass.Result.RequeueAfter, pass.Err)
	return pass
}

// nonce names a start. The operator asks for it when it reads the clock.
func (p *Process) nonce() string {
	p.current.Decided = p.Clock.Now()
	return p.NewNonce()
}

// Resume makes a pass the one that runs now. Who lets a pass wait at its gate
// and another run meanwhile has to call it.
func (p *Process) Resume(pass *Pass) { p.current = pass }

// sleep is what the clock's Sleep does.
func (p *Process) sleep(d time.Duration) {
	// Nothing can go wrong with waiting.
	_ = p.Gate(&Op{Kind: Sleep, Pass: p.current, Duration: d}, func() error {
		p.Clock.Wait(d)
		return nil
	})
}
