package explore

import (
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/controllers"
)

// memory is what a worker remembers at the end of a pass.
type memory struct {
	controllers *controllers.Memory
	// now is the worker's clock.
	now time.Time
	// fields are those that a pass can tell apart, as it can tell them apart.
	fields map[string]string
}

// nonce is the one that is remembered; empty also if it can never be met again.
func (m *memory) nonce() string { return m.fields["nonce"] }

// memories keeps memories, those that no pass can tell apart once.
type memories struct {
	known     map[string]int32
	all       []memory
	forgotten map[int32]int32
}

func newMemories() *memories {
	m := &memories{known: map[string]int32{}, forgotten: map[int32]int32{}}
	_, _ = m.keep(controllers.NewMemory(), epoch)
	return m
}

// keep returns the number of a memory, and the nonce that it remembers.
func (m *memories) keep(c *controllers.Memory, now time.Time) (id int32, nonce string) {
	r := &reader{now: now, fields: map[string]string{}}
	cmp.Equal(c, c, cmp.Exporter(func(reflect.Type) bool { return true }), cmp.Reporter(r))
	return m.add(memory{controllers: c, now: now, fields: r.fields}), r.fields["nonce"]
}

// forget returns the number of the memory whose nonce will never be met again.
func (m *memories) forget(id int32) int32 {
	if m.all[id].nonce() == "" {
		return id
	}
	other, ok := m.forgotten[id]
	if !ok {
		one := m.all[id]
		one.fields = maps.Clone(one.fields)
		delete(one.fields, "nonce")
		other = m.add(one)
		m.forgotten[id] = other
	}
	return other
}

func (m *memories) add(one memory) int32 {
	if one.nonce() == "" {
		delete(one.fields, "nonce")
		delete(one.fields, "nonceSeen")
	}
	if one.fields["looks"] == "" {
		delete(one.fields, "since")
	}
	if one.fields["nextLook"] != "ahead" {
		delete(one.fields, "nextLook")
	}
	younger := maps.Clone(one.fields)
	delete(younger, "nextLook")
	if one.nonce() != "" {
		younger["nonceSeen"] = "recent"
	}
	if id, ok := m.known[key(younger)]; ok {
		return id
	}
	id, ok := m.known[key(one.fields)]
	if !ok {
		id = int32(len(m.all))
		m.known[key(one.fields)] = id
		m.all = append(m.all, one)
	}
	return id
}

// key tells fields apart, but not by which nonce is in them.
func key(fields map[string]string) string {
	if fields["nonce"] != "" {
		fields = maps.Clone(fields)
		fields["nonce"] = anyNonce
	}
	return fmt.Sprint(fields)
}

// reader reads every field of a memory: of times only whether they are ahead,
// recent or long ago, of counts only whether there are three.
type reader struct {
	now    time.Time
	path   cmp.Path
	fields map[string]string
}

func (r *reader) PushStep(step cmp.PathStep) { r.path = append(r.path, step) }

func (r *reader) PopStep() { r.path = r.path[:len(r.path)-1] }

func (r *reader) Report(cmp.Result) {
	field, ok := r.path.Last().(cmp.StructField)
	if !ok {
		return
	}
	value, _ := field.Values()
	if value.IsZero() {
		return
	}
	switch v := value.Interface().(type) {
	case time.Time:
		r.fields[field.Name()] = r.age(v)
	case int:
		r.fields[field.Name()] = fmt.Sprint(min(v, 3))
	case string:
		r.fields[field.Name()] = v
	}
}

func (r *reader) age(t time.Time) string {
	switch age := r.now.Sub(t); {
	case age > long/2:
		return "old"
	case age < -short:
		return "ahead"
	default:
		return "recent"
	}
}
