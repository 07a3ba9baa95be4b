package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// treeDir is where the copy is.
const treeDir = "bin/seeded-bugs"

// tree is a copy of the repository that bugs are put into, one at a time.
type tree struct {
	root, dir string
	// changed are the files that differ from the original.
	changed []string
}

// copyTree copies the working tree, without what is built.
func copyTree(ctx context.Context) (*tree, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, dir: filepath.Join(root, treeDir)}
	if err := os.RemoveAll(t.dir); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case name == "bin", name == ".git":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(t.dir, name), 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		return copyFile(path, filepath.Join(t.dir, name))
	})
	if err != nil {
		return nil, fmt.Errorf("copy the tree: %w", err)
	}
	return t, ctx.Err()
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// apply puts a bug in.
func (t *tree) apply(ctx context.Context, patch string) error {
	data, err := os.ReadFile(patch)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
			t.changed = append(t.changed, strings.TrimSpace(name))
		}
	}
	cmd := exec.CommandContext(ctx, "git", "apply", "-C1", "-")
	cmd.Dir, cmd.Stdin = t.dir, bytes.NewReader(data)
	// The copy is no part of the repository around it.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(t.dir))
	if output, err := cmd.CombinedOutput(); err != nil {
		t.restore()
		return fmt.Errorf("the patch does not fit: %s", bytes.TrimSpace(output))
	}
	return nil
}

// restore takes the bug out again.
func (t *tree) restore() {
	for _, name := range t.changed {
		if err := copyFile(filepath.Join(t.root, name), filepath.Join(t.dir, name)); err != nil {
			fmt.Fprintln(os.Stderr, "seeded-bugs:", err) // The next bug will not apply, and says so.
		}
	}
	t.changed = nil
}

// compile fails if the tree with the bug does not compile: then a failing suite
// would prove nothing.
func (t *tree) compile(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "vet", ".", "./controllers", "./internal/...")
	cmd.Dir = t.dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("it does not compile: %s", bytes.TrimSpace(output))
	}
	return nil
}
