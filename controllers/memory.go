package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"datasetsync.dev/operator/api/v1alpha1"
)

// Memory is what this process remembers of the objects between passes. Nothing
// in it is needed: without it the service is asked sooner and believed later.
type Memory struct {
	mu      sync.Mutex
	objects map[types.NamespacedName]remembered
}

// remembered is what is known of one object.
type remembered struct {
	uid       types.UID
	nonce     string
	nonceSeen time.Time
	nextLook  time.Time
	// slot is when the token comes that was reserved for the object.
	slot time.Time
	lost lost
}

// NewMemory returns the memory of a process that has just started.
func NewMemory() *Memory {
	return &Memory{objects: map[types.NamespacedName]remembered{}}
}

// recall returns what is known of an object at now. A nonce that was not known
// counts as seen now.
func (m *Memory) recall(obj *v1alpha1.DatasetSync, now time.Time) remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}
	r := m.objects[key]
	if r.uid != obj.UID {
		r = remembered{uid: obj.UID}
	}
	switch run := obj.Status.Run; {
	case run == nil:
		r = remembered{uid: r.uid, slot: r.slot}
	case run.Nonce != r.nonce:
		r.nonce, r.nonceSeen = run.Nonce, now
	}
	m.keep(key, r)
	return r
}

// update changes what is known of an object.
func (m *Memory) update(obj *v1alpha1.DatasetSync, change func(*remembered)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}
	r := m.objects[key]
	if r.uid != obj.UID {
		r = remembered{uid: obj.UID}
	}
	change(&r)
	m.keep(key, r)
}

// keep takes in what is known of an object. Of most, which are at rest, that is
// nothing.
func (m *Memory) keep(key types.NamespacedName, r remembered) {
	if r == (remembered{uid: r.uid}) {
		delete(m.objects, key)
		return
	}
	m.objects[key] = r
}

// forget drops an object that is gone.
func (m *Memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
}

// Clone returns a copy that goes its own way.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{objects: maps.Clone(m.objects)}
}
