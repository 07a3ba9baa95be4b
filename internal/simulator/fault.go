package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault says what goes wrong with which requests. A request meets at most one
// fault, the oldest that fits. Which of the members below Message matter, and
// what they are when unset, depends on Kind; GET / of the control port tells.
type Fault struct {
	// Operation is OperationStart or OperationLatest. Empty: both, or the one
	// that the kind is about.
	Operation string `json:"operation,omitempty"`

	// Dataset is the data set whose requests fail. Empty: any.
	Dataset string `json:"dataset,omitempty"`

	// Skip is how many fitting requests pass before the first is hit.
	Skip int `json:"skip,omitempty"`

	// Count is how many requests are hit. Zero: all until the faults are
	// cleared.
	Count int `json:"count,omitempty"`

	// Kind is what goes wrong.
	Kind string `json:"kind"`

	// Applied lets a start take effect although its answer is spoilt. With a
	// kind that keeps the client waiting, the effect comes before the wait.
	Applied bool `json:"applied,omitempty"`

	// Status is the HTTP status of the answer.
	Status int `json:"status,omitempty"`

	// Code and Message are the error in the answer, or of the task.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`

	// Shape is the form of the error body: "error-message", "keystone",
	// "nested", "camel", "plain" or "is-success"; empty is the current one.
	Shape string `json:"shape,omitempty"`

	// RetryAfter is the Retry-After header, word for word.
	RetryAfter string `json:"retry_after,omitempty"`

	// Headers are further headers of the answer.
	Headers map[string]string `json:"headers,omitempty"`

	// Body is the whole body of the answer, word for word.
	Body string `json:"body,omitempty"`

	// Location is where a redirect leads.
	Location string `json:"location,omitempty"`

	// State is the word shown for the state of the task.
	State string `json:"state,omitempty"`

	// Size is a number of bytes, headers or levels.
	Size int64 `json:"size,omitempty"`

	// Delay is a time; in JSON a Go duration such as "1m30s". Waits pass in
	// real time, whatever Config.Now says.
	Delay time.Duration `json:"delay,omitempty"`
}

// duration is a time.Duration that JSON shows as people write it.
type duration time.Duration

// MarshalText writes "1m30s".
func (d duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads "1m30s".
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// MarshalJSON writes Delay as people write it.
func (f Fault) MarshalJSON() ([]byte, error) {
	type fields Fault
	return json.Marshal(struct {
		fields
		Delay duration `json:"delay,omitempty"`
	}{fields(f), duration(f.Delay)})
}

// UnmarshalJSON refuses members that a Fault does not have: a fault that
// quietly is not what was asked for proves nothing.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type fields Fault
	var read struct {
		fields
		Delay duration `json:"delay"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return err
	}
	*f = Fault(read.fields)
	f.Delay = time.Duration(read.Delay)
	return nil
}

// Validate returns what is wrong with f, or nil.
func (f *Fault) Validate() error {
	kinds := kindTable()
	k, exists := kinds[f.Kind]
	if !exists || f.Kind == "" {
		return fmt.Errorf("no such kind: %q; there are %s", f.Kind, strings.Join(kindNames(kinds), ", "))
	}
	if err := f.validateScope(k); err != nil {
		return err
	}
	for name, isSet := range f.parameters() {
		if isSet && !slices.Contains(k.takes, name) {
			return fmt.Errorf("kind %s: %s means nothing here; it takes %q", f.Kind, name, k.takes)
		}
	}
	return f.validateValues(k)
}

func (f *Fault) validateScope(k kind) error {
	switch {
	case f.Operation != "" && f.Operation != OperationStart && f.Operation != OperationLatest:
		return fmt.Errorf("no such operation: %q; there are %s and %s", f.Operation, OperationStart, OperationLatest)
	case k.operation != "" && f.Operation != "" && f.Operation != k.operation:
		return fmt.Errorf("kind %s is about %s", f.Kind, k.operation)
	case f.Dataset != "" && !wellFormedDataset(f.Dataset):
		return fmt.Errorf("no request can be for the data set %q", f.Dataset)
	case f.Applied && f.Operation == OperationLatest:
		return fmt.Errorf("only a start can be applied, not a %s", OperationLatest)
	case f.Skip < 0 || f.Count < 0 || f.Size < 0 || f.Delay < 0:
		return fmt.Errorf("skip, count, size and delay cannot be negative")
	}
	return nil
}

func (f *Fault) validateValues(k kind) error {
	switch {
	case f.Status != 0 && (f.Status < http.StatusOK || f.Status > 599):
		return fmt.Errorf("no final answer has the status %d", f.Status)
	case !slices.Contains(shapes(), f.Shape):
		return fmt.Errorf("no such shape: %q; there are %q", f.Shape, shapes())
	}
	for _, name := range k.needs {
		if !f.parameters()[name] {
			return fmt.Errorf("kind %s needs %s", f.Kind, name)
		}
	}
	return nil
}

// parameters returns which of the members that depend on the kind are set.
func (f *Fault) parameters() map[string]bool {
	return map[string]bool{
		"applied": f.Applied, "status": f.Status != 0, "code": f.Code != "", "message": f.Message != "",
		"shape": f.Shape != "", "retry_after": f.RetryAfter != "", "headers": len(f.Headers) > 0,
		"body": f.Body != "", "location": f.Location != "", "state": f.State != "",
		"size": f.Size != 0, "delay": f.Delay != 0,
	}
}

// armedFault is a fault that has been added.
type armedFault struct {
	Fault Fault `json:"fault"`
	Seen  int   `json:"seen"` // fitting requests so far, those that passed included
	Hits  int   `json:"hits"`
}

// AddFault arms f. It panics if f is not valid: a mistyped fault would make a
// test that proves nothing.
func (s *Simulator) AddFault(f Fault) {
	if err := f.Validate(); err != nil {
		panic("simulator: " + err.Error())
	}
	if f.Operation == "" {
		f.Operation = s.kinds[f.Kind].operation
	}
	f.Headers = maps.Clone(f.Headers)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armedFault{Fault: f})
}

// ClearFaults disarms all faults and ends their grip on requests under way:
// held and delayed requests go on, silent ones are cut off.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	close(s.letGo)
	s.letGo = make(chan struct{})
}

// nextFault returns the fault that c meets, or the zero Fault.
func (s *Simulator) nextFault(c *call) Fault {
	for _, armed := range s.faults {
		f := &armed.Fault
		if f.Operation != "" && f.Operation != c.operation || f.Dataset != "" && f.Dataset != c.dataset {
			continue
		}
		if f.Count > 0 && armed.Hits == f.Count {
			continue
		}
		armed.Seen++
		if armed.Seen <= f.Skip {
			continue
		}
		armed.Hits++
		s.cfg.Logf("request %s, a %s of data set %s, meets fault %s", c.requestID, c.operation, c.dataset, f.Kind)
		return *f
	}
	return Fault{}
}

func kindNames(kinds map[string]kind) []string {
	names := slices.Sorted(maps.Keys(kinds))
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}
