package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// background is the background process, seen from the demonstration.
type background struct {
	cmd *exec.Cmd
	// ready gives the address of the simulator's control port, once.
	ready chan string
	// gone is closed when the process and all that it started are gone.
	gone chan struct{}
}

// startBackground starts it, and hands every line of progress to say. The context
// that it returns ends, with the cause, when something in the background fails.
// Unless it is to be kept, the process stops if this one is gone, because its
// standard input ends then.
func startBackground(ctx context.Context, keep bool, say func(string)) (*background, context.Context, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("start the background process: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, "--stack", fmt.Sprintf("--keep=%t", keep))
	// Not in this terminal's session: Ctrl-C is for the demonstration, which
	// then stops the rest in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !keep {
		if _, err := cmd.StdinPipe(); err != nil {
			return nil, nil, fmt.Errorf("start the background process: %w", err)
		}
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start the background process: %w", err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the background process: %w", err)
	}

	b := &background{cmd: cmd, ready: make(chan string, 1), gone: make(chan struct{})}
	alive, cancel := context.WithCancelCause(ctx)
	go func() {
		defer close(b.gone)
		b.read(output, say, cancel)
		_ = cmd.Wait() // What it would say, the process has said.
		cancel(errors.New("what runs in the background has ended"))
	}()
	return b, alive, nil
}

// read takes in what the process says, until it says no more.
func (b *background) read(output io.Reader, say func(string), fail context.CancelCauseFunc) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		if control, ready := strings.CutPrefix(line, readyWord); ready {
			b.ready <- control
		} else if reason, failed := strings.CutPrefix(line, failedWord); failed {
			fail(errors.New(reason))
		} else {
			say(line)
		}
	}
}

// stop stops the process and all that it started, and returns when they are gone.
func (b *background) stop() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM) // It may be gone already.
	<-b.gone
}
