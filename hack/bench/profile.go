package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// profiledSource is laid over the manager's sources: the program that ships has
// no such endpoint.
const profiledSource = `package main

import (
	"net/http"
	_ "net/http/pprof"
	"os"
)

func init() { go http.ListenAndServe(os.Getenv("BENCH_PPROF"), nil) }
`

// profiledFor is how long the CPU profile takes.
const profiledFor = 5 * time.Second

// buildProfiled builds a manager that serves its profiles, and has it measured.
func (b *bench) buildProfiled(ctx context.Context) error {
	dir, err := filepath.Abs(b.dir)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	source, overlay := filepath.Join(dir, "pprof.go.txt"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "pprof.go"): source}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(source, []byte(profiledSource), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return err
	}
	b.manager = filepath.Join(dir, "profiled", "manager")
	build := exec.CommandContext(ctx, "go", "build", "-overlay="+overlay, "-o", b.manager, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the manager with pprof: %w", err)
	}
	return nil
}

// profileCPU begins to write CPU profiles of the manager and the API server, if
// profiles are wanted.
func (s *stack) profileCPU(ctx context.Context, m *manager, name string) {
	if !s.profile {
		return
	}
	save := func(c *http.Client, host, suffix string) {
		url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", host, profiledFor.Seconds())
		if err := s.saveProfile(ctx, c, url, name+suffix); err != nil {
			fmt.Println("  no CPU profile:", err)
		}
	}
	go save(http.DefaultClient, m.pprof, ".cpu.pb.gz")
	go save(s.api, s.config.Host, ".apiserver.pb.gz")
}

// profileHeap writes what was allocated so far and what is in use, if profiles
// are wanted.
func (s *stack) profileHeap(ctx context.Context, m *manager, name string) error {
	if !s.profile {
		return nil
	}
	return s.saveProfile(ctx, http.DefaultClient, m.pprof+"/debug/pprof/heap?gc=1", name+".heap.pb.gz")
}

func (s *stack) saveProfile(ctx context.Context, c *http.Client, url, name string) error {
	profile, err := get(ctx, c, url)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, name), profile, 0o600)
}
