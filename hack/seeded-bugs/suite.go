package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// suite is one `go test`.
type suite struct {
	name string
	args []string
}

// catch is what a suite made of a bug.
type catch struct {
	suite string
	found bool
	// by is the first test that failed.
	by string
	// took is until the suite failed, its compilation included.
	took time.Duration
}

// suites are all of them, the quickest first.
func suites() []suite {
	return []suite{
		{"tables", []string{"./controllers", "-run=^(Test[^C]|Fuzz)"}},
		{"wire", []string{"./internal/modelarts"}},
		{"explore", []string{"./internal/proof/explore"}},
		{"simulate", []string{"./internal/proof/simulate"}},
		{"enumerate", []string{"./internal/proof/enumerate"}},
		{"hostile", []string{"./internal/proof/hostile"}},
		{"effects", []string{"./controllers", "-run=^TestController$", "-ginkgo.skip=objects exactly once", "-ginkgo.fail-fast"}},
		{"cluster", []string{"./internal/proof/cluster"}},
	}
}

var (
	// failedTest and failedSpec name what failed, as go test and Ginkgo print it.
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	failedSpec = regexp.MustCompile(`(?m)^\s*\[FAIL\] (.*?)(?: \[It\])? *(?:\S+_test\.go:\d+)?$`)
	panicked   = regexp.MustCompile(`(?m)^panic: .*$`)
	colours    = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// run runs the suite in a tree. Its error is that the suite did not run, such as
// for want of memory: then nothing was found, and nothing was not.
func (s suite) run(ctx context.Context, dir string) (catch, error) {
	began := time.Now()
	args := append([]string{"test", "-count=1", "-failfast", "-timeout=15m"}, s.args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, os.Environ()
	output, err := cmd.CombinedOutput()
	output = colours.ReplaceAll(output, nil)
	c := catch{suite: s.name, found: err != nil, by: firstFailure(output), took: time.Since(began)}
	if c.found && c.by == "" {
		return c, fmt.Errorf("%s does not run: %w: %.300s", s.name, err, bytes.TrimSpace(output))
	}
	return c, nil
}

// firstFailure names the innermost of the first tests that failed, or the panic
// that ended them; nothing where no test did.
func firstFailure(output []byte) string {
	if spec := failedSpec.FindSubmatch(output); spec != nil {
		return strings.TrimSpace(string(spec[1]))
	}
	name := ""
	for _, match := range failedTest.FindAllSubmatch(output, -1) {
		inner := string(match[1])
		if name != "" && !strings.HasPrefix(inner, name+"/") {
			break
		}
		name = inner
	}
	if name == "" {
		name = string(panicked.Find(output))
	}
	return strings.ReplaceAll(name, "_", " ")
}
