package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

var errRunning = errors.New("one is running already: stop it with make demo-stop")

// lockedPIDFile names the background process for as long as it lives: the lock on
// it goes with the process, so a file that was left behind misleads nobody.
type lockedPIDFile struct{ file *os.File }

// claimPIDFile writes this process's id. It fails if another process holds it.
func claimPIDFile() (*lockedPIDFile, error) {
	f, err := os.OpenFile(pidFile, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", pidFile, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, errRunning
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("claim %s: %w", pidFile, err)
	}
	return &lockedPIDFile{f}, nil
}

// release lets the next one claim the file.
func (p *lockedPIDFile) release() error {
	return errors.Join(os.Remove(pidFile), p.file.Close())
}

// running tells whether there is a background process.
func running() bool {
	f, err := os.Open(pidFile)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// stopStack stops the background process, if there is one, and waits until it is
// gone, and everything that it started with it.
func stopStack() error {
	if !running() {
		fmt.Println("demo: nothing is running")
		return nil
	}
	f, err := os.Open(pidFile)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return fmt.Errorf("stop: read %s: %w", pidFile, err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		return fmt.Errorf("wait for process %d: %w", pid, err)
	}
	fmt.Println("demo: stopped")
	return nil
}
