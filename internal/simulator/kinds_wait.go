package simulator

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// waitKinds are the faults that keep the client waiting.
func waitKinds() []kind {
	takes := []string{"applied", "delay"}
	return []kind{
		{
			name: "hold", help: "the request waits until it is released or dropped, released after delay (10m)",
			takes: takes, stall: (*exchange).hold,
		},
		{
			name: "delay", help: "delay passes before it is done, even if the client is gone by then; if applied, after",
			takes: takes, needs: []string{"delay"}, stall: (*exchange).delay,
		},
		{
			name: "silence", help: "no answer until the client gives up, or delay (10m) has passed",
			takes: takes, effect: effectAsked, mute: true, send: (*exchange).stayMute,
		},
	}
}

// delay lets time pass, and lets the request go on whatever happens meanwhile.
func (x *exchange) delay() bool {
	pause(context.WithoutCancel(x.r.Context()), x.fault.Delay, x.letGo)
	return true
}

// stayMute waits for the client to give up. A client that outlasts it sees
// the connection reset.
func (x *exchange) stayMute() {
	pause(x.r.Context(), cmp.Or(x.fault.Delay, bound), x.letGo)
	x.reset()
}

// Held is a request that a fault of kind "hold" keeps.
type Held struct {
	// ID is the request's id: what Release and Drop want, and the ledger
	// shows.
	ID string `json:"id"`

	Operation string    `json:"operation"`
	Project   string    `json:"project"`
	Dataset   string    `json:"dataset"`
	Applied   bool      `json:"applied"` // a start has taken effect already
	Since     time.Time `json:"since"`
}

// heldRequest is a held request and the channel that tells it to go on (true)
// or to give up.
type heldRequest struct {
	Held
	verdict chan bool
}

// hold keeps the request until somebody decides. The client may be gone by
// then: the request is not, like one that is still on its way.
func (x *exchange) hold() bool {
	h := x.sim.keep(x)
	timer, stop := context.WithTimeout(context.WithoutCancel(x.r.Context()), cmp.Or(x.fault.Delay, bound))
	defer stop()
	select {
	case goOn := <-h.verdict:
		return goOn
	case <-x.letGo:
	case <-timer.Done():
	}
	return x.sim.unkeep(h)
}

func (s *Simulator) keep(x *exchange) *heldRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &heldRequest{
		Held: Held{
			ID: x.requestID, Operation: x.operation, Project: x.project, Dataset: x.dataset,
			Applied: x.fault.Applied, Since: s.cfg.Now(),
		},
		verdict: make(chan bool, 1),
	}
	s.held[h.ID] = h
	return h
}

// unkeep ends the hold of a request that nobody decided about. Who decided at
// the last moment is still heard.
func (s *Simulator) unkeep(h *heldRequest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, h.ID)
	select {
	case goOn := <-h.verdict:
		return goOn
	default:
		return true
	}
}

// Held returns the requests that are being held, oldest first.
func (s *Simulator) Held() []Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Held, 0, len(s.held))
	for _, h := range s.held {
		all = append(all, h.Held)
	}
	slices.SortFunc(all, func(a, b Held) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Release lets a held request go on, and reports whether it was held.
func (s *Simulator) Release(id string) bool {
	return s.decide(id, true)
}

// Drop cuts a held request off: what has not taken effect never will. It
// reports whether the request was held.
func (s *Simulator) Drop(id string) bool {
	return s.decide(id, false)
}

func (s *Simulator) decide(id string, goOn bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[id]
	if h == nil {
		return false
	}
	delete(s.held, id)
	h.verdict <- goOn
	return true
}
