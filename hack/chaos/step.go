package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// step is what a request is in the life of a run: the ten boundaries at which a
// manager can be killed.
type step string

const (
	readObjects   step = "read objects"
	readSecret    step = "read Secret"
	firstLook     step = "first look"
	writeIntent   step = "write intent"
	start         step = "start"
	writeOutcome  step = "write outcome"
	poll          step = "poll"
	writeProgress step = "write progress"
	lastPoll      step = "last poll"
	writeEnd      step = "write end"
	// other is any other request.
	other step = ""
)

// steps are all of them, in the order of a run.
func steps() []step {
	return []step{readObjects, readSecret, firstLook, writeIntent, start, writeOutcome, poll, writeProgress, lastPoll, writeEnd}
}

var (
	statusPath  = regexp.MustCompile(`/datasetsyncs/[^/]+/status$`)
	secretPath  = regexp.MustCompile(`/secrets/[^/]+$`)
	objectsPath = regexp.MustCompile(`/datasetsyncs$`)
	servicePath = regexp.MustCompile(`/datasets/([^/]+)/sync-data(/status)?$`)
)

// stepAtServer tells what a request to the API server is.
func stepAtServer(r *http.Request, body []byte) step {
	switch {
	case r.Method == http.MethodPatch && statusPath.MatchString(r.URL.Path):
		return stepOfPatch(body)
	case r.Method == http.MethodGet && secretPath.MatchString(r.URL.Path):
		return readSecret
	case r.Method == http.MethodGet && objectsPath.MatchString(r.URL.Path):
		return readObjects
	default:
		return other
	}
}

// stepOfPatch tells the status patches apart: what they change of the run says
// which one it is.
func stepOfPatch(body []byte) step {
	var patch struct {
		Status struct {
			Run *map[string]json.RawMessage `json:"run"`
		} `json:"status"`
	}
	if json.Unmarshal(body, &patch) != nil {
		return other
	}
	set := func(member string) bool {
		run := patch.Status.Run
		return run != nil && len((*run)[member]) > 0 && string((*run)[member]) != "null"
	}
	switch {
	case strings.Contains(string(body), `"run":null`):
		return writeEnd
	case set("nonce"):
		return writeIntent
	case set("accepted"):
		return writeOutcome
	default:
		return writeProgress
	}
}

// starts knows which data sets a start went out for since somebody asked, and
// when: that tells a first look from a poll.
type starts struct {
	mu   sync.Mutex
	sent map[string]time.Time
}

func newStarts() *starts { return &starts{sent: map[string]time.Time{}} }

// forget begins a new request.
func (s *starts) forget(dataset string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sent, dataset)
}

// stepAtService tells what a request to the service is, and takes it in.
func (s *starts) stepAtService(r *http.Request, _ []byte) step {
	path := servicePath.FindStringSubmatch(r.URL.Path)
	if path == nil {
		return other
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dataset := path[1]
	sent, known := s.sent[dataset]
	switch {
	case r.Method == http.MethodPost:
		s.sent[dataset] = time.Now()
		return start
	case !known:
		return firstLook
	case time.Since(sent) < taskTime:
		return poll
	default:
		return lastPoll
	}
}
