package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"datasetsync.dev/operator/internal/simulator"
)

// ledger is what the simulator wrote to its file: which starts it accepted. It
// is the judge, and survives everything.
type ledger struct {
	file  *os.File
	lines *bufio.Reader

	mu   sync.Mutex
	part []byte
	all  []simulator.Entry
}

func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &ledger{file: file, lines: bufio.NewReader(file)}, nil
}

// read takes in what was written since the last time.
func (l *ledger) read() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		piece, err := l.lines.ReadBytes('\n')
		l.part = append(l.part, piece...)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var entry simulator.Entry
		if err := json.Unmarshal(l.part, &entry); err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		l.part = nil
		l.all = append(l.all, entry)
	}
}

// accepted returns the starts of a data set that were accepted from a time until
// another, zero for no end.
func (l *ledger) accepted(dataset string, from, until time.Time) []simulator.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []simulator.Entry
	for _, entry := range l.all {
		if entry.Dataset == dataset && entry.Verdict == simulator.VerdictAccepted &&
			!entry.Time.Before(from) && (until.IsZero() || entry.Time.Before(until)) {
			found = append(found, entry)
		}
	}
	return found
}

// foreign returns the first start of a data set that is not one of ours.
func (l *ledger) foreign(ours map[string]bool) *simulator.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.all {
		if !ours[l.all[i].Dataset] {
			return &l.all[i]
		}
	}
	return nil
}
