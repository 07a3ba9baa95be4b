package explore

import (
	"cmp"
	"math/bits"
	"slices"
)

// The sizes of a state. A world whose bounds need more fails.
const (
	maxRequests = 3
	maxTasks    = 12
	maxWire     = 6
)

// state is a state of the world. It is a value: equal states are one.
type state struct {
	objects [2]object
	workers [2]worker
	wire    [maxWire]message
	tasks   [maxTasks + 1]task
	// last is the number of the latest task; fresh: it began a short time ago, and
	// the status may not show it yet, where it lags.
	last  uint8
	fresh bool
	spent spent
	flaw  flaw
}

// object is an object as the API server has it.
type object struct {
	content int32
	nonce   uint8
	// visible is the newest request that a worker was served.
	visible uint8
	starts  [maxRequests + 1]starts
}

// starts counts the starts made for a request: those paid for and not given
// back, those that the service took, and of these, where starts expire, those of
// one try; own is the task of the last of them.
type starts struct{ paid, taken, try, own uint8 }

// worker is a replica, or what works on one object.
type worker struct {
	memory int32
	// cache is the version that it is served unless it catches up.
	cache int32
	// pass is the pass that it is in, 0 for none.
	pass int32
	// The nonces that it remembers, its cache has, its pass read and made up.
	remembered, cacheNonce, readNonce, ownNonce uint8
	// newest has a bit for each version that the pass has seen.
	newest      uint16
	cacheNewest bool
}

// message is a start on the wire.
type message struct {
	// request is what it was made for, 0 where there is no message.
	request uint8
	// worker waits for the answer: its number + 1, 0 for nobody.
	worker        uint8
	object, nonce uint8
}

func (m message) present() bool { return m.request != 0 }

// task is a task of the data set.
type task struct {
	word word
	// born is the newest request of each object that a worker had been served.
	born [2]uint8
}

// spent is what the adversary has used up.
type spent struct{ outside, crashes, failures, faults uint8 }

// canonical makes of a state the one that stands for all that differ only in
// what can make no difference any more, and in the names of nonces, workers and
// objects. It tells whether it changed the names of the latter two.
func (x *explorer) canonical(s *state) (swapped bool) {
	slices.SortFunc(s.wire[:], compareMessages)
	for k := range x.world.objects {
		x.rankNonces(s, k)
		x.dropStarts(s, k)
	}
	x.dropTasks(s)
	if x.world.workers == 1 {
		return false
	}
	order := compareWorkers(&s.workers[0], &s.workers[1])
	if x.world.objects == 2 {
		order = cmp.Or(order, cmp.Compare(s.objects[0].content, s.objects[1].content))
	}
	if order > 0 {
		x.swap(s)
	}
	slices.SortFunc(s.wire[:], compareMessages)
	return order > 0
}

// swap puts the workers the other way round, and the objects with them where
// each has one of its own.
func (x *explorer) swap(s *state) {
	s.workers[0], s.workers[1] = s.workers[1], s.workers[0]
	for i := range s.wire {
		if w := s.wire[i].worker; w != 0 {
			s.wire[i].worker = 3 - w
		}
	}
	if x.world.objects < 2 {
		return
	}
	s.objects[0], s.objects[1] = s.objects[1], s.objects[0]
	for i := range s.tasks {
		s.tasks[i].born[0], s.tasks[i].born[1] = s.tasks[i].born[1], s.tasks[i].born[0]
	}
	for i := range s.wire {
		if s.wire[i].present() {
			s.wire[i].object = 1 - s.wire[i].object
		}
	}
}

// rankNonces renames the nonces of an object: only their order counts. One that
// is remembered counts only as long as it can be met again.
func (x *explorer) rankNonces(s *state, k int) {
	var buffer [1 + 2*4 + maxWire]*uint8
	all := append(buffer[:0], &s.objects[k].nonce)
	for w := range s.workers {
		if x.objectOf(w) == k {
			one := &s.workers[w]
			x.forget(one, s.objects[k].nonce)
			all = append(all, &one.remembered, &one.cacheNonce, &one.readNonce, &one.ownNonce)
		}
	}
	for i := range s.wire {
		switch m := &s.wire[i]; {
		case !m.present() || int(m.object) != k:
		case x.world.expires:
			all = append(all, &m.nonce)
		default:
			m.nonce = 0
		}
	}
	var used uint32
	for _, n := range all {
		used |= 1 << *n
	}
	for _, n := range all {
		if *n != 0 {
			*n = uint8(bits.OnesCount32(used&(1<<*n-1)&^1)) + 1
		}
	}
}

// forget has a worker forget a nonce that it will not meet again.
func (x *explorer) forget(one *worker, stored uint8) {
	switch one.remembered {
	case 0, stored, one.cacheNonce, one.readNonce, one.ownNonce:
	default:
		one.remembered = 0
	}
	if one.remembered == 0 && one.pass == 0 {
		one.memory = x.passes.memories.forget(one.memory)
	}
}

// newNonce returns a nonce later than all of an object.
func (x *explorer) newNonce(s *state, k int) uint8 {
	newest := s.objects[k].nonce
	for w := range s.workers {
		if one := &s.workers[w]; x.objectOf(w) == k {
			newest = max(newest, one.remembered, one.cacheNonce, one.readNonce, one.ownNonce)
		}
	}
	for _, m := range s.wire {
		if int(m.object) == k {
			newest = max(newest, m.nonce)
		}
	}
	return newest + 1
}

// dropStarts drops the counts of requests whose run is closed and of which no
// start is on the wire: there can be none any more.
func (x *explorer) dropStarts(s *state, k int) {
	content := x.shelf.all[s.objects[k].content]
	for r := range s.objects[k].starts {
		if (r != int(content.handled) || content.stage == none) && s.onWire(k, r) == 0 {
			s.objects[k].starts[r] = starts{}
		}
	}
}

// dropTasks drops what is known of tasks that cannot be reported any more, and
// by how much one is too old for a request.
func (x *explorer) dropTasks(s *state) {
	used := uint16(1) << s.last
	if x.world.lag && s.last > 0 {
		used |= 1 << (s.last - 1)
	}
	for k := range x.world.objects {
		used |= x.shelf.all[s.objects[k].content].tasks
	}
	for w := range s.workers {
		used |= x.shelf.all[s.workers[w].cache].tasks | x.passes.all[s.workers[w].pass].tasks
	}
	for i := range s.tasks {
		if used&(1<<i) == 0 {
			s.tasks[i] = task{}
		}
		for k := range x.world.objects {
			if s.tasks[i].born[k] < x.shelf.all[s.objects[k].content].handled {
				s.tasks[i].born[k] = 0
			}
		}
	}
}

func compareWorkers(a, b *worker) int {
	return cmp.Or(
		cmp.Compare(a.pass, b.pass), cmp.Compare(a.memory, b.memory), cmp.Compare(a.cache, b.cache),
		cmp.Compare(a.remembered, b.remembered), cmp.Compare(a.cacheNonce, b.cacheNonce),
		cmp.Compare(a.readNonce, b.readNonce), cmp.Compare(a.ownNonce, b.ownNonce), cmp.Compare(a.newest, b.newest),
	)
}

// compareMessages puts those that are there first.
func compareMessages(a, b message) int {
	return cmp.Or(
		cmp.Compare(b.request, a.request), cmp.Compare(a.worker, b.worker),
		cmp.Compare(a.object, b.object), cmp.Compare(a.nonce, b.nonce),
	)
}
