package process

import (
	"strings"
	"time"

	"datasetsync.dev/operator/internal/proof/invariants"
)

// Journal is what the processes of a world were seen to do.
type Journal struct {
	// Now is the true time.
	Now func() time.Time
	// Ledger returns how many lines the ledger of the service has.
	Ledger func() int
	// Calls and Events are in order.
	Calls  []*invariants.Call
	Events []invariants.Event
	// Texts is what was logged and told.
	Texts strings.Builder
}

// logLine takes a line of a log in.
func (j *Journal) logLine(prefix, args string) {
	j.Texts.WriteString(prefix)
	j.Texts.WriteString(" ")
	j.Texts.WriteString(args)
	j.Texts.WriteString("\n")
}
