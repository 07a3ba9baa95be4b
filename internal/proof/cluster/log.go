package cluster

import (
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/proof/invariants"
)

// Log is everything that was ever written of DatasetSyncs, in order, as etcd
// keeps it.
type Log struct {
	now     func() time.Time
	entries []entry
	byKey   map[types.NamespacedName][]int
}

// entry is a write: the object as it was from then on, or its end.
type entry struct {
	key     types.NamespacedName
	object  *v1alpha1.DatasetSync
	deleted bool
	at      time.Time
}

// NewLog returns an empty log. Its times are those of now.
func NewLog(now func() time.Time) *Log {
	return &Log{now: now, byKey: map[types.NamespacedName][]int{}}
}

// Written adds a version of an object. The log keeps it: it must not change any
// more.
func (l *Log) Written(object *v1alpha1.DatasetSync) { l.add(object, false) }

// Deleted adds the end of an object.
func (l *Log) Deleted(object *v1alpha1.DatasetSync) { l.add(object, true) }

func (l *Log) add(object *v1alpha1.DatasetSync, deleted bool) {
	key := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	l.byKey[key] = append(l.byKey[key], len(l.entries))
	l.entries = append(l.entries, entry{key, object, deleted, l.now()})
}

// Len returns how many writes there were.
func (l *Log) Len() int { return len(l.entries) }

// at returns the object of a key after the first n writes, nil if there was
// none.
func (l *Log) at(key types.NamespacedName, n int) *v1alpha1.DatasetSync {
	writes := l.byKey[key]
	i := sort.SearchInts(writes, n) - 1
	if i < 0 || l.entries[writes[i]].deleted {
		return nil
	}
	return l.entries[writes[i]].object
}

// Latest returns the object of a key, nil if there is none. It must not be
// changed.
func (l *Log) Latest(key types.NamespacedName) *v1alpha1.DatasetSync {
	return l.at(key, len(l.entries))
}

// Objects returns the life of every object there ever was. Two objects of one
// name have two lives.
func (l *Log) Objects() []invariants.Object {
	var objects []invariants.Object
	index := map[types.UID]int{}
	for _, e := range l.entries {
		i, known := index[e.object.UID]
		if !known {
			i = len(objects)
			index[e.object.UID] = i
			objects = append(objects, invariants.Object{})
		}
		if e.deleted {
			objects[i].Deleted = true
			continue
		}
		objects[i].Versions = append(objects[i].Versions, invariants.Version{DatasetSync: e.object, Time: e.at})
	}
	return objects
}

// View is what one reader has seen: the first writes of a log, as a watch
// delivers them.
type View struct {
	log  *Log
	seen int
	// Frozen keeps the view as it is.
	Frozen bool
}

// NewView returns a view that lacks the latest writes: as many as lag says.
func NewView(l *Log, lag int) *View { return &View{log: l, seen: max(0, len(l.entries)-lag)} }

// Get returns what the reader knows of an object, nil if nothing. It must not
// be changed.
func (v *View) Get(key types.NamespacedName) *v1alpha1.DatasetSync { return v.log.at(key, v.seen) }

// Rewind takes the latest n writes out of sight, and returns what brings them
// back.
func (v *View) Rewind(n int) (restore func()) {
	seen := v.seen
	v.seen = max(0, seen-n)
	return func() { v.seen = seen }
}

// Behind returns how many writes the reader has not seen.
func (v *View) Behind() int { return len(v.log.entries) - v.seen }

// Advance delivers up to n writes and returns the objects that they were of.
func (v *View) Advance(n int) []types.NamespacedName {
	if v.Frozen {
		return nil
	}
	from := v.seen
	v.seen = min(len(v.log.entries), from+n)
	var keys []types.NamespacedName
	for _, e := range v.log.entries[from:v.seen] {
		keys = append(keys, e.key)
	}
	return keys
}

// Keys returns all objects that the reader knows, as a list does.
func (v *View) Keys() []types.NamespacedName {
	var keys []types.NamespacedName
	known := map[types.NamespacedName]bool{}
	for _, e := range v.log.entries[:v.seen] {
		if !known[e.key] && v.Get(e.key) != nil {
			keys = append(keys, e.key)
		}
		known[e.key] = true
	}
	return keys
}
