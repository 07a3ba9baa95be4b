package explore

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"datasetsync.dev/operator/controllers"
)

const (
	// short is the time between two passes, longer than the Reconciler asks to
	// wait where it may be soon.
	short = 5 * time.Millisecond
	// long is longer than every period of the protocol.
	long = time.Hour
)

// epoch is when our clocks stood at the beginning.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// effectKind is what a worker does next that others may see, or that depends on
// what they did.
type effectKind uint8

const (
	// readClock: it reads the clock, for the first time in the pass.
	readClock effectKind = iota
	// look: it asks for the latest task.
	look
	// write: it patches the status.
	write
	// send: it sends a start.
	send
	// readLive: it reads the object past the cache.
	readLive
	// end: the pass is over.
	end
)

// effect is what a worker does next.
type effect struct {
	kind effectKind
	// patch is what is written over a version; locked, if the patch says which.
	patch   []byte
	version int
	locked  bool
	// memory and nonce are what is remembered at the end.
	memory int32
	nonce  label
	// flaw is what was wrong with it, if anything was.
	flaw string
}

// label names a nonce within a pass.
type label uint8

const (
	// noNonce: there is none.
	noNonce label = iota
	// remembered: the one that the worker remembered at the beginning.
	remembered
	// read: the one of the object that was read, if it is another.
	read
	// own: the one that the pass made up.
	own
	// foreign: any other.
	foreign
)

// answerKind says how an effect ended.
type answerKind uint8

const (
	// The clock shows that little time went by since the last pass, or an hour; or
	// that times recorded for the future are still ahead. Or an hour goes by
	// between this reading and the look.
	clockShort answerKind = iota
	clockLong
	clockEarly
	clockStuck
	// A look shows a task, or fails.
	shown
	lookFailed
	// A write is done, or done and an hour has gone by; it is refused, or refused
	// and an hour has gone by; or the worker does not hear what became of it.
	written
	writtenLate
	conflict
	conflictLate
	unclear
	// The object is read past the cache.
	live
	// A start is taken, or not.
	takenWithID
	taken
	busy
	throttled
	refusedInside
	refusedForGood
	unsent
	noAnswer
)

// answer is how an effect ended.
type answer struct {
	kind answerKind
	// content and nonce are those of the object that was returned.
	content int32
	nonce   label
	view    view
	// task is the number of the task that was told.
	task uint8
}

// beginning is all that a pass depends on besides the answers.
type beginning struct {
	memory, content int32
	nonce           label
}

// pass is a pass so far.
type pass struct {
	beginning
	answers []answer
	// tasks has a bit for each task that it may yet report.
	tasks    uint16
	next     *effect
	children map[answer]int32
}

// passes keeps passes, each once.
type passes struct {
	settings controllers.Settings
	tells    tells
	mutate   func(*controllers.Dependencies)
	metrics  *controllers.Metrics
	shelf    *shelf
	memories *memories
	roots    map[beginning]int32
	all      []*pass
	patches  map[patchKey]patched
}

type patchKey struct{ pass, content int32 }

type patched struct {
	content int32
	// kept is true if the nonce stayed, own is true if it is that of the pass.
	kept, own bool
}

func newPasses(s *shelf, settings controllers.Settings, told tells, mutate func(*controllers.Dependencies)) *passes {
	return &passes{
		settings: settings, tells: told, mutate: mutate, metrics: controllers.NewMetrics(), shelf: s, memories: newMemories(),
		roots: map[beginning]int32{}, all: []*pass{{}}, patches: map[patchKey]patched{},
	}
}

// begin returns the number of a pass that begins.
func (p *passes) begin(b beginning) int32 {
	id, ok := p.roots[b]
	if !ok {
		id = p.add(&pass{beginning: b, tasks: p.shelf.all[b.content].tasks})
		p.roots[b] = id
	}
	return id
}

// answer returns the number of a pass whose next effect ended.
func (p *passes) answer(id int32, a answer) int32 {
	before := p.all[id]
	next, ok := before.children[a]
	if !ok {
		next = p.add(&pass{
			beginning: before.beginning,
			answers:   append(before.answers[:len(before.answers):len(before.answers)], a),
			tasks:     before.tasks | p.shelf.all[a.content].tasks | 1<<a.view.task | 1<<a.task,
		})
		before.children[a] = next
	}
	return next
}

func (p *passes) add(one *pass) int32 {
	one.children = map[answer]int32{}
	p.all = append(p.all, one)
	return int32(len(p.all) - 1)
}

// next returns what comes next in a pass.
func (p *passes) next(id int32) *effect {
	one := p.all[id]
	if one.next == nil {
		one.next = p.run(one)
	}
	return one.next
}

// patch applies the patch that comes next in a pass to a content.
func (p *passes) patch(id, content int32) patched {
	key := patchKey{id, content}
	result, ok := p.patches[key]
	if !ok {
		var nonce string
		result.content, nonce = p.shelf.patch(content, p.next(id).patch)
		result.kept = nonce == anyNonce
		result.own = nonce == p.nonces(p.all[id])[own]
		p.patches[key] = result
	}
	return result
}

// nextVersion has the bit of the version that the next answer returns.
func (p *passes) nextVersion(id int32) uint16 { return 1 << (len(p.all[id].answers) + 1) }

// nonces returns the nonce that stands for each label in a pass.
func (p *passes) nonces(one *pass) (names [foreign + 1]string) {
	names[remembered] = p.memories.all[one.memory].nonce()
	i := 0
	for l := read; l <= foreign; l++ {
		for names[l] == "" || names[l] == names[remembered] {
			i++
			names[l] = fmt.Sprintf("nonce-%d", i)
		}
	}
	return names
}

// broken stops a pass at an effect that has no answer yet.
type broken struct{ effect *effect }

// run runs a pass and returns its first effect that has no answer.
func (p *passes) run(one *pass) (next *effect) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			next = r.effect
		default:
			next = &effect{kind: end, flaw: fmt.Sprintf("a pass panics: %v", r)}
		}
	}()
	m := p.memories.all[one.memory]
	r := newReplay(p, one, m.now.Add(2*short))
	d := controllers.Dependencies{
		Client: cached{replay: r}, Live: liveReader{r}, API: service{r}, Recorder: recorder{}, Clock: &r.clock,
		Nonce: func() string { return r.nonces[own] }, Memory: m.controllers.Clone(), Metrics: p.metrics,
	}
	memory := d.Memory
	if p.mutate != nil {
		p.mutate(&d)
	}
	ctx := log.IntoContext(context.Background(), logr.Discard())
	_, _ = controllers.NewReconciler(d, p.settings).Reconcile(ctx, ctrl.Request{
		NamespacedName: types.NamespacedName{Namespace: namespace, Name: name},
	})
	return r.end(memory)
}
