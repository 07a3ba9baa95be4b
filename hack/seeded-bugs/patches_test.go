package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPatchesFit fails when the code has moved on from under a patch: whoever
// changes it mends the patch with it.
func TestPatchesFit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	patches, err := filepath.Glob("*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("found %d patches: %v", len(patches), err)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range patches {
		file, err := filepath.Abs(patch)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "git", "apply", "-C1", "--check", file)
		cmd.Dir = root
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", patch, output)
		}
	}
}
