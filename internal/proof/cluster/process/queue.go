package process

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The delays after an error, as a controller has them by default.
const (
	firstErrorDelay = 5 * time.Millisecond
	lastErrorDelay  = 1000 * time.Second
)

// Queue is the work queue of a controller: an object is in it once, at its
// earliest time, and is not worked on twice at once.
type Queue struct {
	now     func() time.Time
	due     map[types.NamespacedName]time.Time
	working map[types.NamespacedName]bool
	errors  map[types.NamespacedName]int
}

func newQueue(now func() time.Time) Queue {
	return Queue{
		now: now, due: map[types.NamespacedName]time.Time{},
		working: map[types.NamespacedName]bool{}, errors: map[types.NamespacedName]int{},
	}
}

// Add queues an object for now.
func (q *Queue) Add(key types.NamespacedName) { q.addAt(key, q.now()) }

func (q *Queue) addAt(key types.NamespacedName, at time.Time) {
	if old, queued := q.due[key]; !queued || at.Before(old) {
		q.due[key] = at
	}
}

// Next returns the object that is due first, and when. Objects that are worked
// on have to wait.
func (q *Queue) Next() (key types.NamespacedName, at time.Time, ok bool) {
	for k, t := range q.due {
		if q.working[k] {
			continue
		}
		if !ok || t.Before(at) || t.Equal(at) && before(k, key) {
			key, at, ok = k, t, true
		}
	}
	return key, at, ok
}

// Ready returns all objects that are due now, in the order of their names.
func (q *Queue) Ready() []types.NamespacedName {
	var keys []types.NamespacedName
	for k, t := range q.due {
		if !q.working[k] && !t.After(q.now()) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// begin takes an object out to work on it.
func (q *Queue) begin(key types.NamespacedName) {
	delete(q.due, key)
	q.working[key] = true
}

// end queues an object again, as its pass has asked for.
func (q *Queue) end(key types.NamespacedName, after time.Duration, err error) {
	delete(q.working, key)
	switch {
	case err != nil:
		delay := min(firstErrorDelay<<min(q.errors[key], 30), lastErrorDelay)
		q.errors[key]++
		q.addAt(key, q.now().Add(delay))
		return
	case after > 0:
		q.addAt(key, q.now().Add(after))
	}
	delete(q.errors, key)
}

func before(a, b types.NamespacedName) bool {
	return a.Namespace < b.Namespace || a.Namespace == b.Namespace && a.Name < b.Name
}
