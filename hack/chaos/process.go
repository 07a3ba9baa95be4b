package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a program that runs. The harness kills, stops and continues it.
type process struct {
	name string
	cmd  *exec.Cmd
	// gone is closed when it has ended, however.
	gone chan struct{}
}

// starter starts programs so that they die with the harness. The kernel ties a
// child to the thread that started it: this one never ends.
type starter struct{ requests chan func() }

func newStarter() *starter {
	s := &starter{requests: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for start := range s.requests {
			start()
		}
	}()
	return s
}

// start starts a program that writes to a log in dir, after what is there.
func (s *starter) start(dir, name, path string, env []string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(path, args...) //nolint:noctx // It ends when the harness says so.
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	s.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, gone: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // How it ended is in ProcessState.
		close(p.gone)
	}()
	return p, nil
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// signal sends a signal. A process that has ended gets none.
func (p *process) signal(s syscall.Signal) {
	if p.running() {
		_ = p.cmd.Process.Signal(s) // It may end at this moment.
	}
}

// kill ends the process at once, even if it is stopped, and waits until it is
// gone.
func (p *process) kill() {
	if p == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.gone
}

// terminate asks the process to end, and kills it if it does not within a
// time.
func (p *process) terminate(within time.Duration) {
	p.signal(syscall.SIGTERM)
	if !p.endsWithin(within) {
		p.kill()
	}
}

// endsWithin waits for the process to end by itself.
func (p *process) endsWithin(d time.Duration) bool {
	if p == nil {
		return true
	}
	select {
	case <-p.gone:
		return true
	case <-time.After(d):
		return false
	}
}

// graveyard is all that was started, to be killed at the end.
type graveyard struct {
	mu  sync.Mutex
	all []*process
}

func (g *graveyard) add(p *process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, p)
}

func (g *graveyard) bury() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.all {
		p.kill()
	}
}
