package explore

import "fmt"

// move is a step from one state to another.
type move struct {
	// fault is true for what need not happen: without it a request gets on too.
	fault bool
	// text tells it, if somebody reads it.
	text string
}

// explorer knows the moves of a world.
type explorer struct {
	world   world
	passes  *passes
	shelf   *shelf
	created int32
	// visit is told of every move.
	visit func(state, move)
	// wrongEffect is what the flaw of that name was, last.
	wrongEffect string
	// told is true when the texts of moves are wanted; renamed, if the two
	// workers have changed names.
	told, renamed bool
}

// objectOf returns the object that a worker works on.
func (x *explorer) objectOf(w int) int {
	if x.world.objects == 2 {
		return w
	}
	return 0
}

func (x *explorer) initial() state {
	var s state
	for k := range x.world.objects {
		s.objects[k].content = x.created
	}
	for w := range s.workers {
		s.workers[w].cache, s.workers[w].cacheNewest = x.created, true
	}
	return s
}

// moves visits every state that one move leads to.
func (x *explorer) moves(s *state) {
	for k := range x.world.objects {
		x.edit(*s, k)
	}
	x.outside(s)
	for i, m := range s.wire {
		if m.present() && (i == 0 || m != s.wire[i-1]) {
			x.arrive(s, i)
			x.lose(*s, i)
		}
	}
	for w := range x.world.workers {
		x.work(s, w)
		x.crash(s, w)
	}
}

func (x *explorer) to(s state, fault bool, format string, args ...any) {
	m := move{fault: fault}
	if x.told {
		m.text = fmt.Sprintf(format, args...)
	}
	x.visit(s, m)
}

// edit changes the trigger.
func (x *explorer) edit(s state, k int) {
	if x.shelf.all[s.objects[k].content].requested > x.world.edits {
		return
	}
	x.store(s, k, nobody, x.shelf.edit(s.objects[k].content), s.objects[k].nonce, func(s state) {
		x.to(s, true, "the trigger%s is edited: request %d", x.ofObject(k), x.shelf.all[s.objects[k].content].requested)
	})
}

// nobody stands for a writer that is not a worker.
const nobody = -1

// store replaces an object. Where intermediate versions are served, a worker
// that has not caught up may still be served the one before from now on.
func (x *explorer) store(s state, k, writer int, content int32, nonce uint8, then func(state)) {
	before := s.objects[k]
	s.objects[k].content, s.objects[k].nonce = content, nonce
	branches := []state{s}
	for w := range s.workers {
		for _, b := range branches {
			one := &b.workers[w]
			if x.world.between && x.objectOf(w) == k && !one.cacheNewest && (one.cache != before.content || one.cacheNonce != before.nonce) {
				one.cache, one.cacheNonce = before.content, before.nonce
				branches = append(branches, b)
			}
		}
	}
	for _, b := range branches {
		for w := range b.workers {
			if x.objectOf(w) != k {
				continue
			}
			b.workers[w].cacheNewest, b.workers[w].newest = false, 0
			if w != writer {
				x.refuse(&b, w)
			}
		}
		then(b)
	}
}

// outside is what other people do with the data set.
func (x *explorer) outside(s *state) {
	next := *s
	if s.tasks[s.last].word != running {
		if s.spent.outside < x.world.outside {
			next.spent.outside++
			x.startTask(&next)
			x.to(next, true, "somebody else starts task %d", next.last)
		}
		return
	}
	task := &next.tasks[s.last]
	task.word = completed
	x.to(next, false, "task %d ends COMPLETED", s.last)
	if s.spent.failures < x.world.failures {
		task.word = failed
		next.spent.failures++
		x.to(next, true, "task %d ends FAILED", s.last)
	}
}

func (x *explorer) startTask(s *state) {
	if s.last == maxTasks {
		panic("maxTasks is too small for the bounds of this world")
	}
	s.last++
	s.fresh = x.world.lag
	s.tasks[s.last] = task{word: running, born: [2]uint8{s.objects[0].visible, s.objects[1].visible}}
}

// arrive has a start reach the service.
func (x *explorer) arrive(s *state, i int) {
	m := s.wire[i]
	next := *s
	next.wire[i] = message{}
	what := fmt.Sprintf("a start for request %d%s", m.request, x.ofObject(int(m.object)))
	if s.tasks[s.last].word == running {
		x.answer(next, m, answer{kind: busy}, "the service refuses %s: busy", what)
		return
	}
	if s.spent.faults < x.world.faults && m.worker != 0 {
		failed := next
		failed.spent.faults++
		for _, kind := range []answerKind{throttled, refusedInside, refusedForGood, unsent} {
			x.deliver(failed, m, answer{kind: kind}, true, "%s fails: %s", what, kind)
		}
	}
	counts := &next.objects[m.object].starts[m.request]
	x.startTask(&next)
	counts.taken++
	if x.world.expires {
		counts.try++
		counts.own = next.last
	}
	x.answer(next, m, answer{kind: takenWithID, task: next.last}, "the service takes %s: task %d", what, next.last)
	if m.worker != 0 {
		x.deliver(next, m, answer{kind: taken}, false, "the service takes %s, and tells no id: task %d", what, next.last)
	}
}

// answer ends a start: its answer comes, or is lost.
func (x *explorer) answer(s state, m message, a answer, format string, args ...any) {
	if m.worker == 0 {
		x.to(s, true, format, args...)
		return
	}
	x.deliver(s, m, a, false, format, args...)
	x.deliver(s, m, answer{kind: noAnswer}, true, format+"; the answer is lost", args...)
}

// deliver gives a worker the answer to its start.
func (x *explorer) deliver(s state, m message, a answer, fault bool, format string, args ...any) {
	w := int(m.worker) - 1
	s.workers[w].pass = x.passes.answer(s.workers[w].pass, a)
	x.settle(&s, w)
	x.to(s, fault, format, args...)
}

// lose loses a start that nobody waits for any more.
func (x *explorer) lose(s state, i int) {
	if m := s.wire[i]; m.worker == 0 {
		s.wire[i] = message{}
		x.to(s, true, "a start for request %d%s is lost", m.request, x.ofObject(int(m.object)))
	}
}

// crash ends a process. The next one remembers nothing, and may be served the
// very first version of the object.
func (x *explorer) crash(s *state, w int) {
	one := s.workers[w]
	if s.spent.crashes == x.world.crashes || one.pass == 0 && one.memory == 0 {
		return
	}
	next := *s
	next.spent.crashes++
	next.orphan(w)
	next.workers[w] = worker{cache: one.cache, cacheNonce: one.cacheNonce, cacheNewest: one.cacheNewest}
	x.to(next, true, "%s crashes", x.name(w))
	if one.cache != x.created {
		next.workers[w] = worker{cache: x.created}
		x.to(next, true, "%s crashes; its cache begins with the first version", x.name(w))
	}
}

// orphan leaves the start of a worker on the wire with nobody to answer.
func (s *state) orphan(w int) {
	for i := range s.wire {
		if int(s.wire[i].worker) == w+1 {
			s.wire[i].worker = 0
		}
	}
}
