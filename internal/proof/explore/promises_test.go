package explore

import "fmt"

// judgeWrite counts what a write pays for, and judges what it reports.
func (x *explorer) judgeWrite(s *state, k int, before int32) {
	was, is := x.shelf.all[before], x.shelf.all[s.objects[k].content]
	starts := &s.objects[k].starts[is.handled]
	if is.stage != none {
		starts.paid = is.attempt
	}
	if was.handled == is.handled && was.stage > open && is.failedAnew(was) && is.task >= starts.own {
		starts.try, starts.own = 0, 0
	}
	switch {
	case is.handled < was.handled || is.handled == was.handled && was.stage == none && is.stage != none:
		s.flaw = runTwice
	case is.highest > s.last:
		s.flaw = invented
	case !is.ready || was.ready || is.task == 0:
	case x.world.tells == full && s.tasks[is.task].word != completed:
		s.flaw = unfinished
	case x.world.truthful && s.tasks[is.task].born[k] < is.handled:
		s.flaw = untruthful
	}
}

// failedAnew tells whether a write ended a try, if its task is not older than the
// start: it failed, and another is to be made.
func (c *content) failedAnew(was *content) bool {
	return c.stage == open && c.object.Status.TaskState == string(failed.state()) && (was.stage == following || was.task != c.task)
}

// flaw is something that may not happen, and is noticed as it happens.
type flaw uint8

const (
	noFlaw flaw = iota
	unpaid
	pastBudget
	runTwice
	untruthful
	invented
	unfinished
	// wrongEffect: what the worker does next is wrong in itself.
	wrongEffect
)

func (f flaw) String() string {
	return [...]string{
		"nothing",
		"a start is sent that no write of its own has paid for",
		"a start is sent although the right to do so has expired",
		"a request that was closed is run again",
		"a request is reported served by a task that is older than it",
		"status names a task that the service did not",
		"a request is reported served by a task that did not complete",
		"",
	}[f]
}

// violation says which promise a state breaks, if it does.
func (x *explorer) violation(s *state) string {
	switch {
	case s.flaw == wrongEffect:
		return x.wrongEffect
	case s.flaw != noFlaw:
		return s.flaw.String()
	}
	for k := range x.world.objects {
		if text := x.shelf.all[s.objects[k].content].wrong; text != "" {
			return text
		}
		for request, n := range s.objects[k].starts {
			switch possible := n.taken + s.onWire(k, request); {
			case n.paid > uint8(x.world.retryLimit)+1:
				return fmt.Sprintf("%d starts are paid for", n.paid)
			case possible > n.paid:
				return fmt.Sprintf("%d starts were taken or may be, but %d are paid for", possible, n.paid)
			case n.try > 1:
				return fmt.Sprintf("%d starts of one try were taken", n.try)
			}
		}
	}
	return ""
}

// onWire counts the starts on the wire for a request.
func (s *state) onWire(k, request int) (n uint8) {
	for _, m := range s.wire {
		if m.present() && int(m.object) == k && int(m.request) == request {
			n++
		}
	}
	return n
}

// served tells whether all requests are served, or shown as failed.
func (x *explorer) served(s *state) bool {
	for k := range x.world.objects {
		c := x.shelf.all[s.objects[k].content]
		if !c.settled || c.handled != c.requested {
			return false
		}
	}
	return true
}
