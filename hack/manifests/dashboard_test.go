package manifests

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, filepath.Join(root, "config", "grafana", "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	docs := documented(t)
	// What Grafana puts in before it asks.
	grafana := strings.NewReplacer("$__rate_interval", "5m", "$job", ".+")
	var shown strings.Builder
	for _, panel := range dashboard.Panels {
		if (panel.Type == "row") != (len(panel.Targets) == 0) {
			t.Errorf("%s: a %s with %d queries", panel.Title, panel.Type, len(panel.Targets))
		}
		for _, target := range panel.Targets {
			query := grafana.Replace(target.Expr)
			checkQuery(t, query, docs)
			shown.WriteString(query + "\n")
		}
	}
	for name := range docs {
		if !strings.Contains(shown.String(), name) {
			t.Errorf("%s is on no panel", name)
		}
	}
}
