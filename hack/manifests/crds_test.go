package manifests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil" // Keeps the module that has the CRDs in go.mod.
)

// monitoringCRDs returns the paths of the CRDs of the Prometheus operator that the
// manifests use.
func monitoringCRDs(t *testing.T) []string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus-operator/prometheus-operator").Output()
	if err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join(strings.TrimSpace(string(dir)), "example", "prometheus-operator-crd", "monitoring.coreos.com_")
	return []string{crds + "servicemonitors.yaml", crds + "prometheusrules.yaml"}
}
