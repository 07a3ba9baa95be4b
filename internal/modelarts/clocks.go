package modelarts

import (
	"sync"
	"time"
)

const (
	// maxSkew is how far a signature's time may be off before we blame the clock
	// rather than the key for a 401. The gateway allows 15 minutes (API request
	// signing guide).
	maxSkew = 5 * time.Minute
	// maxClocks bounds the memory. Regions come from people, so the number of
	// endpoints is not ours to limit.
	maxClocks = 256
)

// clocks remember how far the clock of each endpoint is ahead of ours. The zero
// value is usable.
type clocks struct {
	mu    sync.Mutex
	ahead map[string]time.Duration
}

// serviceTime tells what the clock of an endpoint shows when ours shows now, as far
// as known.
func (c *clocks) serviceTime(endpoint string, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Add(c.ahead[endpoint])
}

// learn takes in that the clock of an endpoint showed date when ours showed now. A
// zero date tells nothing.
func (c *clocks) learn(endpoint string, date, now time.Time) {
	if date.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil || len(c.ahead) >= maxClocks {
		c.ahead = make(map[string]time.Duration) // forgotten ones are learnt again from one answer
	}
	c.ahead[endpoint] = date.Sub(now)
}
