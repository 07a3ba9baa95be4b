package manifests

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// alert is a rule of config/prometheus/alerts.yaml.
type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

// alerts returns the rules, and the file of rules that Prometheus would be given.
func alerts(t *testing.T) (list []alert, file []byte) {
	t.Helper()
	var rule struct {
		Spec struct {
			Groups []struct {
				Name  string
				Rules []alert
			}
		}
	}
	var raw struct{ Spec map[string]any }
	content := read(t, filepath.Join(root, "config", "prometheus", "alerts.yaml"))
	for _, into := range []any{&rule, &raw} {
		if err := yaml.Unmarshal(content, into); err != nil {
			t.Fatal(err)
		}
	}
	for _, group := range rule.Spec.Groups {
		list = append(list, group.Rules...)
	}
	file, err := yaml.Marshal(raw.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return list, file
}

func TestEachAlertAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	docs := documented(t)
	list, _ := alerts(t)
	for _, a := range list {
		checkQuery(t, a.Expr, docs)
		if !slices.Contains([]string{"info", "warning", "critical"}, a.Labels["severity"]) {
			t.Errorf("%s has the severity %q", a.Alert, a.Labels["severity"])
		}
	}
}

func TestEachAlertHasASectionInTheRunbook(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/datasetsync/operator/blob/main/docs/runbook.md#"
	list, _ := alerts(t)
	var names []string
	for _, a := range list {
		names = append(names, a.Alert)
		if want := page + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s has the runbook %q, want %q", a.Alert, a.Annotations["runbook_url"], want)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s lacks a summary or a description", a.Alert)
		}
	}
	var sections []string
	for _, heading := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(string(read(t, filepath.Join(root, "docs", "runbook.md"))), -1) {
		sections = append(sections, heading[1])
	}
	slices.Sort(names)
	slices.Sort(sections)
	if diff := cmp.Diff(names, sections); diff != "" {
		t.Errorf("alerts (-) and sections (+) differ:\n%s", diff)
	}
}

// TestTheAlertsFire has promtool play series and look when each alert fires, as
// testdata/alerts.yaml says.
func TestTheAlertsFire(t *testing.T) {
	t.Parallel()
	_, file := alerts(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yaml"), file)
	write(t, filepath.Join(dir, "tests.yaml"), read(t, "testdata/alerts.yaml"))
	t.Log(promtool(t, nil, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, "rules.yaml")))
	t.Log(promtool(t, nil, "test", "rules", filepath.Join(dir, "tests.yaml")))
}

// TestEachAlertIsSeenToFireAndNotTo reads the tests: an alert that is never
// expected could not fail one.
func TestEachAlertIsSeenToFireAndNotTo(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Cases []struct {
				Name   string `json:"alertname"`
				Alerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(read(t, "testdata/alerts.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Alerts) > 0 {
				fires[c.Name] = true
			} else {
				rests[c.Name] = true
			}
		}
	}
	list, _ := alerts(t)
	for _, a := range list {
		if !fires[a.Alert] || !rests[a.Alert] {
			t.Errorf("%s is seen to fire: %t, and not to: %t", a.Alert, fires[a.Alert], rests[a.Alert])
		}
	}
}
