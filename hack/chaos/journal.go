package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// journal is how far a run has come, so that one that was interrupted goes on.
type journal struct {
	path string
	mu   sync.Mutex

	Seed  uint64               `json:"seed"`
	Size  string               `json:"size"`
	Lanes map[string]*progress `json:"lanes"`
	Took  time.Duration        `json:"took"`
}

// progress is what one lane has done.
type progress struct {
	Trials int   `json:"trials"`
	Missed int   `json:"missed"`
	Tally  tally `json:"tally"`
}

// openJournal begins a run, or goes on with an earlier one.
func openJournal(dir string, seed uint64, size string, resume bool) (*journal, error) {
	j := &journal{path: filepath.Join(dir, "journal.json"), Seed: seed, Size: size, Lanes: map[string]*progress{}}
	if !resume {
		return j, nil
	}
	data, err := os.ReadFile(j.path)
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	if err := json.Unmarshal(data, j); err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	if j.Size != size {
		return nil, errors.New("resume: the earlier run was of another size")
	}
	return j, nil
}

// lane returns what a lane has done.
func (j *journal) lane(name string) progress {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p := j.Lanes[name]; p != nil {
		return *p
	}
	return progress{}
}

// note writes down what a lane has done.
func (j *journal) note(name string, p progress) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Lanes[name] = &p
	return j.write()
}

// lasted writes down how long this part of the run took, besides earlier ones.
func (j *journal) lasted(d time.Duration) (time.Duration, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Took += d
	return j.Took, j.write()
}

func (j *journal) write() error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(j.path, data, 0o600)
}
