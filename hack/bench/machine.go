package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is how many units of CPU time Linux counts in a second.
const ticks = 100

// moment is what the machine has done so far.
type moment struct {
	at time.Time
	// busy is the CPU time of the whole machine, of that bench's own.
	busy float64
	// by is that of bench and of the programs that it started, by name.
	by map[string]float64
}

// look reads the clock and the CPU times, in seconds.
func look() moment {
	m := moment{at: time.Now(), by: map[string]float64{}}
	m.busy = machineSeconds()
	self := os.Getpid()
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		name, parent, seconds := processSeconds(path)
		switch {
		case path == fmt.Sprintf("/proc/%d/stat", self):
			m.by["bench"] += seconds
		case parent == self:
			m.by[name] += seconds
		}
	}
	return m
}

// machineSeconds is the time that the processors were not idle.
func machineSeconds() float64 {
	text, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	busy := 0.0
	for i, field := range fields {
		if n, err := strconv.ParseFloat(field, 64); err == nil && i != 4 && i != 5 && i <= 8 { // But for idle and iowait.
			busy += n / ticks
		}
	}
	return busy
}

// processSeconds reads the CPU time of a process. One that is gone has none.
func processSeconds(path string) (name string, parent int, seconds float64) {
	text, _ := os.ReadFile(path)
	before, after, found := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if !found || len(fields) < 13 {
		return "", 0, 0
	}
	_, name, _ = strings.Cut(before, "(")
	parent, _ = strconv.Atoi(fields[1])
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return name, parent, (user + system) / ticks
}

// cost is the CPU time, in seconds, that bench and its programs used between two
// moments. Unlike a rate it says the same on a machine that others use too.
func cost(from, to moment) float64 {
	all := 0.0
	for name := range to.by {
		all += to.by[name] - from.by[name]
	}
	return all
}

// cpu tells who used the processors between two moments, and how much was used
// by programs that are not part of the measurement: noise.
func cpu(from, to moment) string {
	var parts []string
	for _, name := range []string{"manager", "kube-apiserver", "etcd", "modelarts-simul", "bench"} {
		parts = append(parts, fmt.Sprintf("%s %.1f", name, to.by[name]-from.by[name]))
	}
	return fmt.Sprintf("%s s; others %.1f s in %.1f s", strings.Join(parts, ", "),
		max(0, to.busy-from.busy-cost(from, to)), to.at.Sub(from.at).Seconds())
}

// seconds is the CPU time of the process so far.
func (p *process) seconds() float64 {
	_, _, seconds := processSeconds(fmt.Sprintf("/proc/%d/stat", p.pid()))
	return seconds
}

// memory is what the process has resident, now and at most, in MiB.
func (p *process) memory() (now, peak float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f", &kib); n == 1 {
			now = kib / 1024
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %f", &kib); n == 1 {
			peak = kib / 1024
		}
	}
	return now, peak
}
