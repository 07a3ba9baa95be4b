package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// samplesNamespace is where config/samples puts its objects.
const samplesNamespace = "default"

// demo is the demonstration that a person looks at.
type demo struct {
	start time.Time
	// kubectl is the path of the program.
	kubectl string
}

// runDemo runs it from beginning to end. Whatever happens, nothing is left
// running afterwards, unless it went well and everything is to be kept.
func runDemo(ctx context.Context, keep bool) error {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run it with make demo")
	}
	if running() {
		return errRunning
	}
	if err := os.MkdirAll(stateDir, 0o755); err != nil {
		return err
	}
	_ = os.Remove(managerLog) // Of an earlier time; most often there is none.
	d := &demo{start: time.Now(), kubectl: filepath.Join(assets, "kubectl")}

	b, alive, err := startBackground(ctx, keep, d.say)
	if err != nil {
		return err
	}
	ready, err := d.show(alive, b)
	if err != nil {
		if ctx.Err() == nil { // Nobody interrupted it.
			printTail(managerLog, 15)
		}
		d.say("stopping everything")
		b.stop()
		return err
	}
	took := time.Since(d.start)
	if keep {
		d.explain()
	} else {
		d.say("stopping everything")
		b.stop()
	}
	fmt.Printf("demo: %d of %d samples are Ready in %.0f s\n", ready, ready, took.Seconds())
	return nil
}

// show is the story itself. It returns how many samples are Ready; that is all of
// them, or there is an error.
func (d *demo) show(ctx context.Context, b *background) (int, error) {
	var control string
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case control = <-b.ready:
	}

	if err := d.run(ctx, "apply", "-k", "config/samples"); err != nil {
		return 0, err
	}
	samples, err := d.follow(ctx)
	if err != nil {
		return 0, err
	}
	if err := d.run(ctx, "get", "dsync", "-o", "wide"); err != nil {
		return 0, err
	}
	if err := d.run(ctx, "describe", "dsync", samples[0].Name); err != nil {
		return 0, err
	}
	return len(samples), d.audit(ctx, control+"/ledger", samples)
}

// explain says how to look around in what is left running.
func (d *demo) explain() {
	kubeconfig, err := filepath.Abs(kubeconfigFile)
	if err != nil {
		kubeconfig = kubeconfigFile
	}
	fmt.Printf("\nAll of it is still running. To look around:\n"+
		"  export KUBECONFIG=%s\n"+
		"  %s get dsync -o wide\n"+
		"To stop it:\n"+
		"  make demo-stop\n\n", kubeconfig, d.kubectl)
}

// run runs kubectl in the namespace of the samples, and shows the command and
// what it prints.
func (d *demo) run(ctx context.Context, args ...string) error {
	command := "kubectl " + strings.Join(args, " ")
	fmt.Printf("\n$ %s\n", command)
	cmd := exec.CommandContext(ctx, d.kubectl, append([]string{"--namespace", samplesNamespace}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfigFile)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

// say prints a line of progress with the seconds since the start.
func (d *demo) say(line string) {
	fmt.Printf("%4.0f s  %s\n", time.Since(d.start).Seconds(), line)
}

// printTail shows the last n lines of a log, if there is one.
func printTail(path string, n int) {
	content, err := os.ReadFile(path)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-n):]
	fmt.Printf("\nThe end of %s:\n  %s\n\n", path, strings.Join(lines, "\n  "))
}
