package manifests

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// kustomizations returns every directory under config/ that has one.
func kustomizations(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(filepath.Join(root, "config"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Base(path) == "kustomization.yaml" {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil || len(dirs) < 8 {
		t.Fatalf("found only %q: %v", dirs, err)
	}
	return dirs
}

// TestTheAPIServerTakesEverything applies all that can be applied, without a
// warning, to a server that does not keep it.
func TestTheAPIServerTakesEverything(t *testing.T) {
	t.Parallel()
	// The parts of config/default name a namespace that is renamed there.
	c := newCluster(t, systemNamespace, "system", "vision")
	c.kubectl(t, nil, "label", "namespace", systemNamespace, "pod-security.kubernetes.io/enforce=restricted")
	c.install(t, kustomize(t, filepath.Join(root, "config", "crd")))
	for _, dir := range kustomizations(t) {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			t.Log(c.kubectl(t, nil, "apply", "--dry-run=server", "-k", dir))
		})
	}
	for name, values := range chartVariants {
		t.Run("the chart, "+name, func(t *testing.T) {
			t.Parallel()
			t.Log(c.kubectl(t, render(t, values), "apply", "--dry-run=server", "-f", "-"))
		})
	}
}

// TestTheNamespacedRoleHasTheRulesOfTheClusterRole keeps the copy that is made by
// hand in step with what is generated.
func TestTheNamespacedRoleHasTheRulesOfTheClusterRole(t *testing.T) {
	t.Parallel()
	var generated rbacv1.ClusterRole
	var copied rbacv1.Role
	for path, role := range map[string]any{"rbac/role.yaml": &generated, "namespaced/watched/role.yaml": &copied} {
		if err := yaml.UnmarshalStrict(read(t, filepath.Join(root, "config", path)), role); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(generated.Rules, copied.Rules); diff != "" || len(copied.Rules) == 0 {
		t.Error(diff)
	}
}

// TestNoRoleIsGenerous refuses what no role of ours may say.
func TestNoRoleIsGenerous(t *testing.T) {
	t.Parallel()
	for name, manifests := range map[string][]byte{
		"config/default":    kustomize(t, filepath.Join(root, "config", "default")),
		"config/namespaced": kustomize(t, filepath.Join(root, "config", "namespaced")),
		"the chart":         render(t, chartVariants["everything"]),
	} {
		for _, g := range grants(t, manifests) {
			if slices.Contains([]string{g.verb, g.group, g.resource}, "*") {
				t.Errorf("%s: a wildcard: %s", name, g)
			}
			if g.resource == "secrets" && g.verb != "get" {
				t.Errorf("%s: more than reading Secrets by name: %s", name, g)
			}
			if g.resource == "datasetsyncs/status" && (g.role != managerRole || g.verb != "patch") {
				t.Errorf("%s: status is the manager's alone: %s", name, g)
			}
		}
	}
}
