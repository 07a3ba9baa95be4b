package explore

import (
	"fmt"
	"hash/maphash"
)

// report is what a search found.
type report struct {
	world               world
	states, transitions int
	// most are the greatest counts of one request in any state.
	most starts
	// broken is the promise that was broken, and path the shortest way there.
	broken string
	path   []string
	// cut is true if the search met its limit.
	cut bool
}

// graph is the states that were found, in the order in which they were, and the
// moves between them.
type graph struct {
	states []state
	// parents is from where each was found first.
	parents []int32
	// edges are the moves, those from state i before ends[i].
	edges []edge
	ends  []int
	// slots find a state by its hash.
	slots []int32
	seed  maphash.Seed
}

// edge is a move to a state.
type edge uint32

// faultEdge marks a move that need not happen.
const faultEdge edge = 1 << 31

func newGraph() *graph { return &graph{slots: make([]int32, 1<<10), seed: maphash.MakeSeed()} }

// add returns the number of a state.
func (g *graph) add(s *state, from int32) int32 {
	slot := g.slot(s)
	if id := g.slots[slot]; id != 0 {
		return id - 1
	}
	g.states = append(g.states, *s)
	g.parents = append(g.parents, from)
	g.slots[slot] = int32(len(g.states))
	if 2*len(g.states) > len(g.slots) {
		g.slots = make([]int32, 2*len(g.slots))
		for i := range g.states {
			g.slots[g.slot(&g.states[i])] = int32(i + 1)
		}
	}
	return int32(len(g.states) - 1)
}

// slot returns where a state is, or would be.
func (g *graph) slot(s *state) uint64 {
	mask := uint64(len(g.slots) - 1)
	i := maphash.Comparable(g.seed, *s) & mask
	for g.slots[i] != 0 && g.states[g.slots[i]-1] != *s {
		i = (i + 1) & mask
	}
	return i
}

// search visits every state that can be reached, unless there are more than
// limit, or one breaks a promise.
func (x *explorer) search(limit int) (r report) {
	g := newGraph()
	r.world = x.world
	first := x.initial()
	x.canonical(&first)
	g.add(&first, -1)
	i := 0
	x.visit = func(s state, m move) {
		if text := x.violation(&s); text != "" && r.broken == "" {
			r.broken = text
		}
		x.canonical(&s)
		e := edge(g.add(&s, int32(i)))
		if m.fault {
			e |= faultEdge
		}
		g.edges = append(g.edges, e)
	}
	for ; i < len(g.states) && r.broken == "" && len(g.states) <= limit; i++ {
		s := g.states[i]
		r.count(&s)
		x.moves(&s)
		g.ends = append(g.ends, len(g.edges))
	}
	r.states, r.transitions = len(g.states), len(g.edges)
	r.cut = i < len(g.states)
	switch {
	case r.broken != "":
		r.path = x.path(g, i-1, true)
	case !r.cut:
		if stuck := x.stuck(g); stuck >= 0 {
			r.broken = "no request gets on any more"
			r.path = x.path(g, stuck, false)
		}
	}
	return r
}

func (r *report) count(s *state) {
	for _, o := range s.objects {
		for _, n := range o.starts {
			r.most.paid = max(r.most.paid, n.paid)
			r.most.taken = max(r.most.taken, n.taken)
			r.most.try = max(r.most.try, n.try)
		}
	}
}

// stuck returns the first state from which none can be reached, without another
// fault, where all requests are served or shown as failed; -1 if there is none.
func (x *explorer) stuck(g *graph) int {
	begins, sources := g.reversed()
	good := make([]bool, len(g.states))
	var queue []int32
	for i := range g.states {
		if x.served(&g.states[i]) {
			good[i] = true
			queue = append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, source := range sources[begins[i]:begins[i+1]] {
			if !good[source] {
				good[source] = true
				queue = append(queue, source)
			}
		}
	}
	for i := range good {
		if !good[i] {
			return i
		}
	}
	return -1
}

// reversed returns from where each state is reached without a fault: state i from
// sources[begins[i]:begins[i+1]].
func (g *graph) reversed() (begins, sources []int32) {
	begins = make([]int32, len(g.states)+1)
	for _, e := range g.edges {
		if e&faultEdge == 0 {
			begins[e+1]++
		}
	}
	for i := range g.states {
		begins[i+1] += begins[i]
	}
	sources = make([]int32, begins[len(g.states)])
	next := append([]int32(nil), begins...)
	from := 0
	for i, end := range g.ends {
		for _, e := range g.edges[from:end] {
			if e&faultEdge == 0 {
				sources[next[e]] = int32(i)
				next[e]++
			}
		}
		from = end
	}
	return begins, sources
}

// path tells the moves that led to a state, and then, if broken is true, the one
// that breaks a promise.
func (x *explorer) path(g *graph, to int, broken bool) (lines []string) {
	var way []int
	for i := to; i >= 0; i = int(g.parents[i]) {
		way = append([]int{i}, way...)
	}
	x.told, x.renamed = true, false
	tell := func(from int, wanted func(before, after *state) bool) {
		found := false
		x.visit = func(s state, m move) {
			after := s
			swapped := x.canonical(&after)
			if found || !wanted(&s, &after) {
				return
			}
			found = true
			lines = append(lines, fmt.Sprintf("%2d. %s", len(lines)+1, m.text))
			x.renamed = x.renamed != swapped
		}
		s := g.states[from]
		x.moves(&s)
	}
	for i := 1; i < len(way); i++ {
		tell(way[i-1], func(_, after *state) bool { return *after == g.states[way[i]] })
	}
	if broken {
		tell(to, func(before, _ *state) bool { return x.violation(before) != "" })
	}
	x.told = false
	return lines
}
