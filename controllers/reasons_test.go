package controllers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exportedReasons returns the values of the Reason constants of the API.
func exportedReasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, value)
		return true
	})
	return reasons
}

func TestEveryReasonIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## Reasons\n")
	if !found {
		t.Fatal("docs/conditions.md has no section Reasons")
	}
	var explained []string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		reason := strings.Trim(cells[0], " `")
		explained = append(explained, reason)
		if len(cells) != 4 || slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) == "" }) {
			t.Errorf("%s: want what it means, what the operator does next and what the user should do", reason)
		}
	}
	exported := exportedReasons(t)
	if len(exported) == 0 {
		t.Fatal("no reasons found")
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(exported)), slices.Sorted(slices.Values(explained))); diff != "" {
		t.Errorf("docs/conditions.md (-exported +explained):\n%s", diff)
	}
}
