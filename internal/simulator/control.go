package simulator

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// manual is the page that GET / shows, without the list of faults.
//
//go:embed control.txt
var manual string

// ControlHandler returns the side that tests and people use: GET / describes
// it. It asks nobody who they are, so it belongs on a loopback address.
func (s *Simulator) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showManual)
	mux.HandleFunc("GET /ledger", s.showLedger)
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Calls()) })
	mux.HandleFunc("GET /datasets", s.showDatasets)
	mux.HandleFunc("POST /datasets", s.changeDataset)
	mux.HandleFunc("DELETE /datasets/{id}", s.deleteDataset)
	mux.HandleFunc("GET /tasks", s.showTasks)
	mux.HandleFunc("POST /tasks", s.changeTask)
	mux.HandleFunc("GET /faults", s.showFaults)
	mux.HandleFunc("POST /faults", s.addFault)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /held", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Held()) })
	mux.HandleFunc("POST /held/{id}/{verdict}", s.decideHeld)
	mux.HandleFunc("POST /credentials", s.changeCredentials)
	return mux
}

func (s *Simulator) showManual(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString(manual)
	for _, name := range kindNames(s.kinds) {
		k := s.kinds[name]
		fmt.Fprintf(&b, "\n  %s%s\n      %s\n", k.name, aboutOnly(k), k.help)
		if len(k.takes) > 0 {
			fmt.Fprintf(&b, "      takes %s\n", strings.Join(k.takes, ", "))
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, b.String()) // the reader may be gone
}

func aboutOnly(k kind) string {
	if k.operation == "" {
		return ""
	}
	return " (" + k.operation + " only)"
}

func (s *Simulator) showLedger(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	for _, e := range s.Ledger() {
		if _, err := w.Write(e.line()); err != nil {
			return // the reader is gone
		}
	}
}

// shownDataset is a data set in GET /datasets.
type shownDataset struct {
	Dataset
	Tasks  int   `json:"tasks"`
	Latest *Task `json:"latest,omitempty"`
}

func (s *Simulator) showDatasets(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.shownDatasets())
}

// shownDatasets returns the data sets that were declared or have tasks, by
// project and id.
func (s *Simulator) shownDatasets() []shownDataset {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	all := []shownDataset{}
	for tg, d := range s.declared {
		if !d.gone && s.histories[tg] == nil {
			all = append(all, shownDataset{Dataset: d.Dataset})
		}
	}
	for tg, h := range s.histories {
		d, exists := s.dataset(tg)
		if !exists {
			continue
		}
		shown := shownDataset{Dataset: d, Tasks: len(h.tasks) - h.first}
		shown.Project = tg.project
		if t := h.latest(); t != nil {
			latest := t.at(now)
			shown.Latest = &latest
		}
		if h.active(now) != nil {
			shown.State = stateSynchronizing
		}
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b shownDataset) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.ID, b.ID))
	})
	return all
}

func (s *Simulator) changeDataset(w http.ResponseWriter, r *http.Request) {
	var d Dataset
	if err := read(r, &d); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	if err := d.validate(); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	s.SetDataset(d)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) deleteDataset(w http.ResponseWriter, r *http.Request) {
	d := Dataset{Project: r.URL.Query().Get("project"), ID: r.PathValue("id")}
	if err := d.validate(); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	s.DeleteDataset(d.Project, d.ID)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) showTasks(w http.ResponseWriter, r *http.Request) {
	tasks := s.Tasks(r.URL.Query().Get("project"), r.URL.Query().Get("dataset"))
	reply(w, http.StatusOK, append([]Task{}, tasks...))
}

// taskChange is the body of POST /tasks.
type taskChange struct {
	Project string `json:"project"`
	Dataset string `json:"dataset"`
	Finish  string `json:"finish"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (s *Simulator) changeTask(w http.ResponseWriter, r *http.Request) {
	var c taskChange
	if err := read(r, &c); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	if c.Finish != "" {
		s.finishTask(w, c)
		return
	}
	if c.Code != "" || c.Message != "" {
		complain(w, http.StatusBadRequest, errors.New("code and message go with finish; for a task that fails in due time, see the fault task-fails"))
		return
	}
	t, err := s.StartTask(c.Project, c.Dataset)
	if err != nil {
		complain(w, http.StatusConflict, err)
		return
	}
	reply(w, http.StatusCreated, t)
}

func (s *Simulator) finishTask(w http.ResponseWriter, c taskChange) {
	var failure []string
	if c.Finish == taskFailed || c.Code != "" || c.Message != "" {
		failure = []string{c.Code, c.Message}
	}
	end, err := s.endingOf(c.Finish, failure...)
	if err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	if !s.finish(target{c.Project, c.Dataset}, end) {
		complain(w, http.StatusConflict, fmt.Errorf("data set %s of project %s has no task under way", c.Dataset, c.Project))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) showFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	all := make([]armedFault, 0, len(s.faults))
	for _, armed := range s.faults {
		all = append(all, *armed)
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, all)
}

func (s *Simulator) addFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if err := read(r, &f); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	if err := f.Validate(); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	s.AddFault(f)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) decideHeld(w http.ResponseWriter, r *http.Request) {
	decide := map[string]func(string) bool{"release": s.Release, "drop": s.Drop}[r.PathValue("verdict")]
	switch {
	case decide == nil:
		complain(w, http.StatusNotFound, errors.New("a held request is released or dropped: POST /held/{id}/release, POST /held/{id}/drop"))
	case !decide(r.PathValue("id")):
		complain(w, http.StatusNotFound, errors.New("no such request is held"))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// credentials is the body of POST /credentials.
type credentials struct {
	AccessKey     string `json:"access_key"`
	SecretKey     string `json:"secret_key"`
	SecurityToken string `json:"security_token"`
	Token         string `json:"token"`
}

func (s *Simulator) changeCredentials(w http.ResponseWriter, r *http.Request) {
	var c credentials
	if err := read(r, &c); err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	isPair := c.AccessKey != "" && c.SecretKey != "" && c.Token == ""
	isToken := c.Token != "" && c == credentials{Token: c.Token}
	switch {
	case isPair:
		s.AddTemporaryKey(c.AccessKey, c.SecretKey, c.SecurityToken)
	case isToken:
		s.SetToken(c.Token)
	default:
		complain(w, http.StatusBadRequest, errors.New("want access_key and secret_key, perhaps with security_token, or token alone"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// read decodes a body that holds one value, and nothing that v does not have.
func read(r *http.Request, v any) error {
	decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("cannot read the body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("cannot read the body: more than one JSON value")
	}
	return nil
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(v), '\n')) // the reader may be gone
}

func complain(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}
