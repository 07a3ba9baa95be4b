package explore

// work visits every state that a worker leads to.
func (x *explorer) work(s *state, w int) {
	one := &s.workers[w]
	if one.pass == 0 {
		x.begin(s, w)
		return
	}
	switch x.passes.next(one.pass).kind {
	case readClock:
		x.readClock(*s, w, false, "%s goes on", x.name(w))
	case look:
		x.look(*s, w, 0, false, "%s goes on", x.name(w))
	case write:
		x.write(s, w)
	case send:
		next := *s
		next.orphan(w)
		next.workers[w].pass = x.passes.answer(one.pass, answer{kind: noAnswer})
		x.settle(&next, w)
		x.to(next, true, "the start of %s times out", x.name(w))
	case readLive:
		x.readLive(*s, w)
	case end:
	}
}

// begin begins a pass of a worker, with the newest version or with an old one.
func (x *explorer) begin(s *state, w int) {
	obj := &s.objects[x.objectOf(w)]
	if !s.workers[w].cacheNewest {
		x.beginWith(*s, w, true, "an old version")
	}
	caughtUp := *s
	one := &caughtUp.workers[w]
	one.cache, one.cacheNonce, one.cacheNewest = obj.content, obj.nonce, true
	x.beginWith(caughtUp, w, false, "the newest version")
}

func (x *explorer) beginWith(s state, w int, fault bool, served string) {
	one := &s.workers[w]
	b := beginning{memory: one.memory, content: one.cache}
	switch one.cacheNonce {
	case 0:
	case one.remembered:
		b.nonce = remembered
	default:
		b.nonce = read
	}
	one.pass = x.passes.begin(b)
	one.readNonce, one.ownNonce, one.newest = one.cacheNonce, 0, 0
	if one.cacheNewest {
		one.newest = 1
	}
	obj := &s.objects[x.objectOf(w)]
	obj.visible = max(obj.visible, x.shelf.all[one.cache].requested)
	x.goOn(s, w, 0, fault, "%s is served %s", x.name(w), served)
}

// goOn takes a worker on for as long as nobody can tell when it does so: up to
// what follows its look. Instead is the same pass with less time gone by.
func (x *explorer) goOn(s state, w int, instead int32, fault bool, format string, args ...any) {
	kind := x.passes.next(s.workers[w].pass).kind
	if kind == readClock {
		x.readClock(s, w, fault, format, args...)
		return
	}
	if kind == look {
		x.look(s, w, instead, fault, format, args...)
		return
	}
	if instead == 0 || !x.same(s.workers[w].pass, instead) {
		x.settle(&s, w)
		x.to(s, fault, format, args...)
	}
}

// readClock lets time pass, or not, before a worker reads its clock.
func (x *explorer) readClock(s state, w int, fault bool, format string, args ...any) {
	before := s.workers[w]
	soon := x.passes.answer(before.pass, answer{kind: clockShort})
	later := s
	s.workers[w].pass = soon
	x.goOn(s, w, 0, fault, format, args...)

	later.fresh = false
	later.workers[w].pass = x.passes.answer(before.pass, answer{kind: clockLong})
	x.expire(&later, w, before.remembered)
	x.goOn(later, w, soon, fault, "an hour later "+format, args...)

	if x.shelf.all[x.passes.all[before.pass].content].held {
		s.workers[w].pass = x.passes.answer(before.pass, answer{kind: clockEarly})
		x.goOn(s, w, soon, true, "before it is time "+format, args...)
	}
	if x.world.slow && before.readNonce != 0 {
		s.fresh = false
		s.workers[w].pass = x.passes.answer(before.pass, answer{kind: clockStuck})
		x.expire(&s, w, max(before.remembered, before.readNonce))
		x.goOn(s, w, soon, true, format+", is stuck for an hour", args...)
	}
}

// expire ends, where starts expire, those of a worker's object up to a nonce:
// they were made more than an hour ago.
func (x *explorer) expire(s *state, w int, nonce uint8) {
	if !x.world.expires {
		return
	}
	for i, m := range s.wire {
		if m.present() && int(m.object) == x.objectOf(w) && m.nonce <= nonce {
			s.wire[i] = message{}
		}
	}
}

// look has a worker ask for the latest task.
func (x *explorer) look(s state, w int, instead int32, fault bool, format string, args ...any) {
	asking := s.workers[w].pass
	if instead != 0 && x.passes.next(instead).kind != look {
		instead = 0
	}
	see := func(a answer, fault bool, text string) {
		next := s
		next.workers[w].pass = x.passes.answer(asking, a)
		if instead == 0 || !x.same(next.workers[w].pass, x.passes.answer(instead, a)) {
			x.settle(&next, w)
			x.to(next, fault, format+" and sees %s", append(args[:len(args):len(args)], text)...)
		}
	}
	latest := view{task: s.last, word: s.tasks[s.last].word, created: s.last}
	see(answer{kind: shown, view: latest}, fault, x.text(latest))
	if s.fresh {
		older := view{task: s.last - 1, word: s.tasks[s.last-1].word, created: s.last}
		see(answer{kind: shown, view: older}, true, x.text(older))
	}
	if s.spent.faults < x.world.faults {
		s.spent.faults++
		see(answer{kind: lookFailed}, true, "an error")
	}
}

// same tells whether two passes that were served the same version do the same
// next. What an hour does to the memory of a pass without an effect makes no
// difference: it can be had later.
func (x *explorer) same(a, b int32) bool {
	one, other := x.passes.next(a), x.passes.next(b)
	if one.kind != write || other.kind != write {
		return one.kind == end && other.kind == end
	}
	content := x.passes.all[a].content
	return one.version == other.version && one.locked == other.locked && x.passes.patch(a, content) == x.passes.patch(b, content)
}

// settle does at once what follows an answer and nobody can tell from it: a
// start goes on the wire, a write over an old version is refused, and a pass
// that is over is over.
func (x *explorer) settle(s *state, w int) {
	one := &s.workers[w]
	e := x.passes.next(one.pass)
	if e.flaw != "" {
		s.flaw, x.wrongEffect = wrongEffect, e.flaw
	}
	switch e.kind {
	case send:
		x.send(s, w)
	case write:
		x.refuse(s, w)
	case end:
		one.memory = e.memory
		one.remembered = [...]uint8{noNonce: 0, remembered: one.remembered, read: one.readNonce, own: one.ownNonce, foreign: 0}[e.nonce]
		one.pass, one.readNonce, one.ownNonce, one.newest = 0, 0, 0, 0
	case readClock, look, readLive:
	}
}

// refuse answers a patch of a version that is not the newest, and so never will
// be again.
func (x *explorer) refuse(s *state, w int) {
	one := &s.workers[w]
	if one.pass == 0 {
		return
	}
	if e := x.passes.next(one.pass); e.kind == write && e.locked && one.newest&(1<<e.version) == 0 {
		one.pass = x.passes.answer(one.pass, answer{kind: conflict})
		x.settle(s, w)
	}
}

// send puts a start on the wire. What the worker did last must be the write that
// pays for it.
func (x *explorer) send(s *state, w int) {
	one := &s.workers[w]
	answers := x.passes.all[one.pass].answers
	last := len(answers) - 1
	for answers[last].kind != written && answers[last].kind != writtenLate {
		last--
		s.flaw = unpaid
	}
	switch {
	case answers[last].nonce != own:
		s.flaw = unpaid
	case answers[last].kind == writtenLate:
		s.flaw = pastBudget
	}
	m := message{
		request: x.shelf.all[answers[last].content].handled,
		worker:  uint8(w) + 1, object: uint8(x.objectOf(w)), nonce: one.ownNonce,
	}
	for i := range s.wire {
		if !s.wire[i].present() {
			s.wire[i] = m
			return
		}
	}
	panic("maxWire is too small for the bounds of this world")
}

// write has a worker's patch reach the API server.
func (x *explorer) write(s *state, w int) {
	one := s.workers[w]
	p := x.passes.patch(one.pass, s.objects[x.objectOf(w)].content)
	x.apply(*s, w, p, answer{kind: written}, false, "")
	if p.own && x.world.slow {
		x.apply(*s, w, p, answer{kind: writtenLate}, true, " and is stuck for an hour")
	}
	if s.spent.faults < x.world.faults {
		next := *s
		next.spent.faults++
		x.apply(next, w, p, answer{kind: unclear}, true, " and does not hear of it")
		next.workers[w].pass = x.passes.answer(one.pass, answer{kind: unclear})
		x.settle(&next, w)
		x.to(next, true, "a write of %s is lost", x.name(w))
	}
}

// apply carries out a worker's patch.
func (x *explorer) apply(s state, w int, p patched, a answer, fault bool, how string) {
	k := x.objectOf(w)
	before := s.objects[k]
	var nonce uint8
	switch {
	case p.own:
		nonce = x.newNonce(&s, k)
		s.workers[w].ownNonce = nonce
	case p.kept:
		nonce = before.nonce
	}
	x.store(s, k, w, p.content, nonce, func(s state) {
		one := &s.workers[w]
		x.judgeWrite(&s, k, before.content)
		if a.kind != unclear {
			a.content, a.nonce = p.content, one.label(nonce)
			one.newest = x.passes.nextVersion(one.pass)
		}
		one.pass = x.passes.answer(one.pass, a)
		x.settle(&s, w)
		x.to(s, fault, "%s writes%s: %s", x.name(w), how, x.shelf.all[p.content])
	})
}

// readLive has a worker read the object past the cache, and write over what it
// read; or run out of time before.
func (x *explorer) readLive(s state, w int) {
	one := &s.workers[w]
	obj := s.objects[x.objectOf(w)]
	one.newest = x.passes.nextVersion(one.pass)
	one.pass = x.passes.answer(one.pass, answer{kind: live, content: obj.content, nonce: one.label(obj.nonce)})
	if x.passes.next(one.pass).kind != write {
		x.settle(&s, w)
		x.to(s, false, "%s reads the object past the cache", x.name(w))
		return
	}
	x.write(&s, w)
	one.pass = x.passes.answer(one.pass, answer{kind: conflictLate})
	x.settle(&s, w)
	x.to(s, true, "%s has no time left to write", x.name(w))
}

// label names a nonce within the pass of a worker.
func (w *worker) label(nonce uint8) label {
	switch nonce {
	case 0:
		return noNonce
	case w.ownNonce:
		return own
	case w.remembered:
		return remembered
	case w.readNonce:
		return read
	default:
		return foreign
	}
}
