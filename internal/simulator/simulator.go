// Package simulator stands in for the two ModelArts calls that synchronize a
// data set: starting a sync and asking about the latest one. It keeps the
// service's promises and quirks (signatures, the lock on a key pair, data set
// states and types, sparse answers, every shape of an error), goes wrong on
// demand, and keeps a ledger of every start it was asked for, which is what
// tests count.
//
// It shares no code with the client, so that the two can disagree. What it
// says comes from the ModelArts API reference, the API gateway's error codes
// and the API request signing guide.
package simulator

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The answers to a start and to a status request that Config can ask for.
const (
	AnswerTaskID = "task-id" // {"task_id": …}, as sibling calls answer
	AnswerEmpty  = "empty"   // no body, as documented
	StatusFull   = "full"    // every documented member
	StatusSparse = "sparse"  // state and data set only, as in the documented example
)

// Config says what the service knows and how it answers. The zero value is a
// service that accepts no credentials.
type Config struct {
	// AccessKey and SecretKey are the key pair that signs requests.
	// SecurityToken makes the pair a temporary one: requests must carry it.
	AccessKey, SecretKey, SecurityToken string

	// Token is the IAM token that is accepted in X-Auth-Token.
	Token string

	// Project is the project that the credentials belong to. Empty: any.
	Project string

	// Datasets are the data sets that exist. Empty: every well-formed id
	// exists as an image data set in the normal state.
	Datasets []Dataset

	// TaskDuration is how long a task takes: queueing for a tenth of it,
	// starting for another, then running. Zero or less: a task runs until
	// FinishTask.
	TaskDuration time.Duration

	// Latency passes, in real time, before a request is looked at. A client
	// that gives up meanwhile does not take its request back.
	Latency time.Duration

	// Answer is the body of an accepted start: AnswerTaskID (the default) or
	// AnswerEmpty.
	Answer string

	// Status is how much a status answer tells: StatusFull (the default) or
	// StatusSparse.
	Status string

	// Now is the service's clock: tasks, locks, signature ages and the Date
	// header follow it. It is called from any goroutine, and must not call the
	// simulator. Default: time.Now.
	Now func() time.Time

	// Ledger receives each entry as one JSON line, in one write, before the
	// answer is sent.
	Ledger io.Writer

	// Logf is told of faults, locks and failing ledger writes. Optional.
	Logf func(format string, args ...any)
}

// Simulator is one service. Its methods may be called from any goroutine.
type Simulator struct {
	cfg   Config
	kinds map[string]kind
	texts catalogue

	mu        sync.Mutex
	open      bool // every well-formed data set exists
	declared  map[target]declaration
	histories map[target]*history
	keys      map[string]*accessKey
	token     string
	oldTokens map[string]bool
	ledger    []Entry
	calls     map[string]int
	faults    []*armedFault
	held      map[string]*heldRequest
	letGo     chan struct{} // closed when the faults are cleared
}

// New returns a service with no tasks. It panics if cfg is not valid.
func New(cfg Config) *Simulator {
	cfg = withDefaults(cfg)
	if err := cfg.Validate(); err != nil {
		panic("simulator: " + err.Error())
	}
	s := &Simulator{
		cfg:       cfg,
		kinds:     kindTable(),
		texts:     documentedErrors(),
		open:      len(cfg.Datasets) == 0,
		declared:  map[target]declaration{},
		histories: map[target]*history{},
		keys:      map[string]*accessKey{},
		token:     cfg.Token,
		oldTokens: map[string]bool{},
		calls:     map[string]int{},
		held:      map[string]*heldRequest{},
		letGo:     make(chan struct{}),
	}
	if cfg.AccessKey != "" {
		s.keys[cfg.AccessKey] = &accessKey{secret: cfg.SecretKey, securityToken: cfg.SecurityToken}
	}
	for _, d := range cfg.Datasets {
		s.SetDataset(d)
	}
	return s
}

func withDefaults(cfg Config) Config {
	if cfg.Answer == "" {
		cfg.Answer = AnswerTaskID
	}
	if cfg.Status == "" {
		cfg.Status = StatusFull
	}
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // What is injected if nothing else is.
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	return cfg
}

// Validate returns what is wrong with cfg, or nil.
func (cfg *Config) Validate() error {
	switch {
	case !slices.Contains([]string{"", AnswerTaskID, AnswerEmpty}, cfg.Answer):
		return fmt.Errorf("no such answer: %q; there are %s and %s", cfg.Answer, AnswerTaskID, AnswerEmpty)
	case !slices.Contains([]string{"", StatusFull, StatusSparse}, cfg.Status):
		return fmt.Errorf("no such status: %q; there are %s and %s", cfg.Status, StatusFull, StatusSparse)
	case cfg.Project != "" && !wellFormedProject(cfg.Project):
		return fmt.Errorf("project %q: an id is 32 lower-case letters and digits", cfg.Project)
	}
	for _, d := range cfg.Datasets {
		if err := d.validate(); err != nil {
			return err
		}
	}
	return nil
}

// Handler returns the service's side.
func (s *Simulator) Handler() http.Handler {
	return http.HandlerFunc(s.serve)
}

// Calls returns how many requests came for each operation, OperationStart and
// OperationLatest, whatever became of them.
func (s *Simulator) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}
