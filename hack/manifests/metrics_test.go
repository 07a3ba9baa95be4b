package manifests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// metric is a row of the tables in docs/metrics.md.
type metric struct {
	kind   string
	labels []string
}

// documented reads these tables. That they are complete is tested where the
// metrics are.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|")
	metrics := map[string]metric{}
	for _, cells := range row.FindAllStringSubmatch(string(read(t, filepath.Join(root, "docs", "metrics.md"))), -1) {
		labels := strings.FieldsFunc(cells[3], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		metrics[cells[1]] = metric{cells[2], labels}
	}
	if len(metrics) < 10 {
		t.Fatalf("docs/metrics.md has only %d metrics", len(metrics))
	}
	return metrics
}

// testExposition compares what a manager tells with what is documented.
func testExposition(t *testing.T, text []byte) {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	docs := documented(t)
	for name, family := range families {
		doc, ok := docs[name]
		if !ok {
			if strings.HasPrefix(name, "datasetsync_") {
				t.Errorf("%s is not documented", name)
			}
			continue
		}
		if kind := strings.ToLower(family.GetType().String()); kind != doc.kind {
			t.Errorf("%s is a %s, documented as %s", name, kind, doc.kind)
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
			if slices.Sort(labels); !slices.Equal(labels, doc.labels) {
				t.Errorf("%s has the labels %q, documented are %q", name, labels, doc.labels)
			}
		}
	}
	for name := range docs {
		if families[name] == nil {
			t.Errorf("%s is documented and not told", name)
		}
	}
	t.Run("promtool finds nothing to mend", func(t *testing.T) { promtool(t, text, "check", "metrics") })
}

// promtool runs it, if there is one.
func promtool(t *testing.T, input []byte, args ...string) string {
	t.Helper()
	path := os.Getenv("PROMTOOL")
	if path == "" {
		t.Skip("PROMTOOL is not set: PROMTOOL=$(hack/manifests/promtool) sets it")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(output, []byte("error")) {
		t.Errorf("promtool %q: %v\n%s", args, err, output)
	}
	return string(output)
}

// targetLabels are those that Prometheus adds to every series, and le, which is
// a histogram's.
var targetLabels = []string{"instance", "job", "le", "pod"}

// checkQuery parses a query, and refuses metrics and labels that are not
// documented.
func checkQuery(t *testing.T, query string, docs map[string]metric) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return
	}
	known := slices.Clone(targetLabels)
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		doc, ok := find(docs, selector.Name)
		if !ok {
			t.Errorf("%s: %s is not documented", query, selector.Name)
		}
		known = append(known, doc.labels...)
		for _, m := range selector.LabelMatchers {
			if m.Name != "__name__" && !slices.Contains(targetLabels, m.Name) && !slices.Contains(doc.labels, m.Name) {
				t.Errorf("%s: %s has no label %s", query, selector.Name, m.Name)
			}
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if a, ok := node.(*parser.AggregateExpr); ok {
			for _, label := range a.Grouping {
				if !slices.Contains(known, label) {
					t.Errorf("%s: no metric has a label %s", query, label)
				}
			}
		}
		return nil
	})
}

// find looks a metric up by the name of one of its series.
func find(docs map[string]metric, name string) (metric, bool) {
	if doc, ok := docs[name]; ok {
		return doc, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(name, suffix); cut && docs[base].kind == "histogram" {
			return docs[base], true
		}
	}
	return metric{}, false
}
