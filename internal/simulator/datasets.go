package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The states of a data set, as numbered in the ModelArts API reference,
// "querying details about a dataset".
const (
	stateNormal        = 1
	stateDeleting      = 2
	stateDeleted       = 3
	stateSynchronizing = 5
	statePublishing    = 6
	stateSwitching     = 7
	stateImporting     = 8
)

// typeTable is the type of a table data set. It and the text types cannot be
// synchronized.
const typeTable = 400

// Dataset is a data set as the service knows it.
type Dataset struct {
	// Project is where it is. Empty: the id exists in every project.
	Project string `json:"project,omitempty"`

	// ID is 1 to 64 letters, digits, dashes and underscores.
	ID string `json:"id"`

	// Type is the dataset_type of the API reference: 0 is image
	// classification, 100 to 102 are text.
	Type int `json:"type"`

	// State is the status of the API reference, 1 to 8. Zero means 1, normal.
	// A running task makes a normal data set a synchronizing one (5) by itself.
	State int `json:"state"`
}

// ParseDataset reads ID[:type[:state]].
func ParseDataset(text string) (Dataset, error) {
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return Dataset{}, fmt.Errorf("data set %q: want ID[:type[:state]]", text)
	}
	d := Dataset{ID: parts[0]}
	for i, field := range []*int{&d.Type, &d.State} {
		if len(parts) <= i+1 {
			break
		}
		n, err := strconv.Atoi(parts[i+1])
		if err != nil {
			return Dataset{}, fmt.Errorf("data set %q: want ID[:type[:state]]: %w", text, err)
		}
		*field = n
	}
	return d, d.validate()
}

func (d Dataset) validate() error {
	switch {
	case !wellFormedDataset(d.ID):
		return fmt.Errorf("data set %q: an id is 1 to 64 letters, digits, dashes and underscores", d.ID)
	case d.Project != "" && !wellFormedProject(d.Project):
		return fmt.Errorf("project %q: an id is 32 lower-case letters and digits", d.Project)
	case !slices.Contains([]int{0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900}, d.Type):
		return fmt.Errorf("data set %s: no such type: %d", d.ID, d.Type)
	case d.State < 0 || d.State > stateImporting:
		return fmt.Errorf("data set %s: no such state: %d", d.ID, d.State)
	}
	return nil
}

// canSync reports whether data sets of this type can be synchronized at all.
func (d Dataset) canSync() bool {
	return d.Type != typeTable && (d.Type < 100 || d.Type > 102)
}

// target names a data set in a project.
type target struct{ project, dataset string }

// wellFormed reports whether both ids could exist.
func (t target) wellFormed() bool {
	return wellFormedProject(t.project) && wellFormedDataset(t.dataset)
}

// declaration is what is known of a data set, or that it is gone.
type declaration struct {
	Dataset
	gone bool
}

// SetDataset creates d, or changes its type and state. It panics if d cannot
// exist.
func (s *Simulator) SetDataset(d Dataset) {
	if err := d.validate(); err != nil {
		panic("simulator: " + err.Error())
	}
	if d.State == 0 {
		d.State = stateNormal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared[target{d.Project, d.ID}] = declaration{Dataset: d}
}

// DeleteDataset deletes a data set: in project, or in every project that has
// no data set of its own under that id if project is empty. A task that is
// under way fails, and a data set that is created later under the same id
// knows nothing of it.
func (s *Simulator) DeleteDataset(project, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared[target{project, id}] = declaration{gone: true}
	now := s.cfg.Now()
	for t, h := range s.histories {
		if t.dataset == id && (project == "" || project == t.project) {
			s.forget(t, h, now)
		}
	}
}

// forget ends the task of a deleted data set and hides its history.
func (s *Simulator) forget(t target, h *history, now time.Time) {
	if h.active(now) != nil {
		s.endTask(t, ending{state: taskFailed, code: "ModelArts.4393", message: "Task stopped"}, now)
	}
	h.first = len(h.tasks)
}

// dataset returns what the service knows of t.
func (s *Simulator) dataset(t target) (Dataset, bool) {
	d, known := s.declared[t]
	if !known {
		d, known = s.declared[target{dataset: t.dataset}]
	}
	if known {
		return d.Dataset, !d.gone && d.State != stateDeleted
	}
	return Dataset{Project: t.project, ID: t.dataset, State: stateNormal}, s.open
}

// wellFormedProject accepts ^[a-z0-9]{32}$.
func wellFormedProject(id string) bool {
	return len(id) == 32 && every(id, isLowerOrDigit)
}

// wellFormedDataset accepts ^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$.
func wellFormedDataset(id string) bool {
	return len(id) > 0 && len(id) <= 64 && id[0] != '-' && id[0] != '_' && every(id, isNameByte)
}

func every(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func isLowerOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

func isNameByte(c byte) bool {
	return isLowerOrDigit(c) || 'A' <= c && c <= 'Z' || c == '-' || c == '_'
}
