package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// child is a program that runs in the background, in a process group of its own.
type child struct {
	name string
	// stop tells the group to end, by SIGTERM, and after ten seconds by SIGKILL.
	// It returns when the program is gone, and never an error.
	stop func() error
	// ended is closed when the program is gone.
	ended chan struct{}
	// err says how it ended. It is to be read after ended is closed.
	err error
}

// startChild starts a program that writes to NAME.log. stop alone ends it, not the
// end of ctx: the children are stopped in order.
func startChild(ctx context.Context, name, path string, args ...string) (*child, error) {
	log, err := os.Create(filepath.Join(stateDir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfigFile)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}

	c := &child{name: name, ended: make(chan struct{})}
	c.stop = func() error {
		cancel()
		<-c.ended
		return nil
	}
	go func() {
		_ = cmd.Wait() // What it would say is in ProcessState.
		c.err = fmt.Errorf("%s ended by itself: %s", name, cmd.ProcessState)
		close(c.ended)
	}()
	return c, nil
}
