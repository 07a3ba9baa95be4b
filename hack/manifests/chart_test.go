package manifests

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var chartDir = filepath.Join(root, "charts", "datasetsync")

// chartVariants are values that between them use every switch.
var chartVariants = map[string]string{
	"as it is": `{}`,
	"everything": `
replicas: 2
image: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
imagePullSecrets: [{name: registry}]
watchSelector: shard in (a, b)
endpoint: https://modelarts.{region}.example
defaultRegion: cn-east-3
extraArgs: ["--region-endpoint=eu-west-0=https://modelarts.example"]
podLabels: {team: vision}
podAnnotations: {note: "a, b"}
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: dedicated, operator: Exists}]
affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {team: vision}}}}]}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {team: vision}}}]
env: [{name: SSL_CERT_FILE, value: /ca/ca.crt}]
volumes: [{name: ca, configMap: {name: ca}}]
volumeMounts: [{name: ca, mountPath: /ca, readOnly: true}]
serviceAccount: {annotations: {note: ours}}
podDisruptionBudget: {enabled: true}
networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {matchLabels: {team: monitoring}}}]}
metrics: {perObject: true}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
dashboard: {enabled: true}
`,
	"without any right in the cluster": `
watchNamespaces: [vision]
crds: {install: false}
rbac: {aggregate: false}
metrics: {secure: false}
serviceMonitor: {enabled: true}
`,
}

// render renders the chart as Helm does, with values in YAML.
func render(t *testing.T, values string) []byte {
	t.Helper()
	manifests, err := tryRender(t, "datasetsync", values)
	if err != nil {
		t.Fatal(err)
	}
	return manifests
}

func tryRender(t *testing.T, release, values string) ([]byte, error) {
	t.Helper()
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	all, err := util.ToRenderValues(chart, given, common.ReleaseOptions{Name: release, Namespace: systemNamespace, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.RenderWithContext(t.Context(), chart, all)
	if err != nil {
		return nil, err
	}
	var manifests []byte
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") {
			manifests = append(append(manifests, "\n---\n"...), files[name]...)
		}
	}
	return manifests, nil
}

// bare returns objects by kind and name, without what Helm and kustomize say of
// themselves.
func bare(t *testing.T, manifests ...[]byte) map[string]map[string]any {
	t.Helper()
	objects := map[string]map[string]any{}
	for _, m := range manifests {
		for _, obj := range decode(t, m) {
			if obj.GetKind() != "Namespace" { // Helm makes it.
				objects[obj.GetKind()+" "+obj.GetNamespace()+"/"+obj.GetName()] = strip(obj).Object
			}
		}
	}
	return objects
}

func strip(obj *unstructured.Unstructured) *unstructured.Unstructured {
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range []string{
				"app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by",
				"helm.sh/chart", "helm.sh/resource-policy",
			} {
				delete(v, key)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(obj.Object)
	return obj
}

func TestTheChartIsTheKustomization(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values string
		dirs   []string
	}{
		"as it is": {`image: {tag: latest}`, []string{"default"}},
		"with all that goes beside it": {
			`{image: {tag: latest}, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}, networkPolicy: {enabled: true}}`,
			[]string{"default", "prometheus", "grafana", "network-policy"},
		},
		"for one namespace": {`{image: {tag: latest}, watchNamespaces: [vision]}`, []string{"namespaced"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kustomized [][]byte
			for _, dir := range c.dirs {
				kustomized = append(kustomized, kustomize(t, filepath.Join(root, "config", dir)))
			}
			if diff := cmp.Diff(bare(t, kustomized...), bare(t, render(t, c.values))); diff != "" {
				t.Errorf("the kustomization (-) and the chart (+) differ:\n%s", diff)
			}
		})
	}
}

func TestTheChartCarriesTheFilesOfConfig(t *testing.T) {
	t.Parallel()
	for file, original := range map[string]string{
		"modelarts.datasetsync.dev_datasetsyncs.yaml": "crd/bases/modelarts.datasetsync.dev_datasetsyncs.yaml",
		"alerts.yaml":    "prometheus/alerts.yaml",
		"dashboard.json": "grafana/dashboard.json",
	} {
		if string(read(t, filepath.Join(chartDir, "files", file))) != string(read(t, filepath.Join(root, "config", original))) {
			t.Errorf("charts/datasetsync/files/%s is not config/%s: run make manifests", file, original)
		}
	}
}

func TestUninstallingLeavesTheCRD(t *testing.T) {
	t.Parallel()
	for _, obj := range decode(t, render(t, `{}`)) {
		keep := obj.GetAnnotations()["helm.sh/resource-policy"] == "keep"
		if isCRD := obj.GetKind() == "CustomResourceDefinition"; keep != isCRD {
			t.Errorf("%s %s is kept: %t", obj.GetKind(), obj.GetName(), keep)
		}
	}
}

func TestANamespacedReleaseNeedsNothingOfTheCluster(t *testing.T) {
	t.Parallel()
	for _, obj := range decode(t, render(t, chartVariants["without any right in the cluster"])) {
		if obj.GetNamespace() == "" {
			t.Errorf("%s %s is no namespace's", obj.GetKind(), obj.GetName())
		}
	}
}

func TestTwoReleasesShareNoName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, release := range []string{"team-a", "team-b"} {
		manifests, err := tryRender(t, release, `{crds: {install: false}, podDisruptionBudget: {enabled: true}, networkPolicy: {enabled: true}, dashboard: {enabled: true}}`)
		if err != nil {
			t.Fatal(err)
		}
		for _, obj := range decode(t, manifests) {
			id := obj.GetKind() + " " + obj.GetName()
			if seen[id] {
				t.Errorf("%s is in both", id)
			}
			seen[id] = true
		}
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{
		"a value that does not exist":       `replicaCount: 2`,
		"one deeper down":                   `image: {name: x}`,
		"a number as a word":                `replicas: two`,
		"a namespace that can be none":      `watchNamespaces: [Vision]`,
		"a list that is a word":             `watchNamespaces: vision`,
		"an endpoint without a scheme":      `endpoint: modelarts.example`,
		"an argument that is no flag":       `extraArgs: [debug]`,
		"a digest of another kind":          `image: {digest: "md5:0"}`,
		"a disruption budget that blocks":   `podDisruptionBudget: {maxUnavailable: 0}`,
		"a memory limit in Kubernetes' way": `goMemLimit: 460Mi`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := tryRender(t, "datasetsync", values); err == nil || !strings.Contains(err.Error(), "schema") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheChartPassesHelmLint(t *testing.T) {
	t.Parallel()
	for _, message := range lint.RunAll(chartDir, nil, systemNamespace).Messages {
		if !strings.Contains(message.Err.Error(), "icon is recommended") {
			t.Error(message)
		}
	}
}

// TestTheValuesAreDocumented compares the schema, the defaults and the table in
// the chart's README, all of which are written by hand.
func TestTheValuesAreDocumented(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(read(t, filepath.Join(chartDir, "values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(read(t, filepath.Join(chartDir, "values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	leaves(t, schema, values, "", defaults)
	row := regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|([^|]*)\\|")
	documented := map[string]bool{}
	for _, cells := range row.FindAllStringSubmatch(string(read(t, filepath.Join(chartDir, "README.md"))), -1) {
		for name := range strings.SplitSeq(strings.ReplaceAll(cells[1], "`", ""), ", ") {
			documented[name] = true
			// A default in words is not compared.
			if cell := strings.TrimSpace(cells[2]); cell == "" || strings.HasPrefix(cell, "`") {
				told := any("")
				if err := yaml.Unmarshal([]byte(strings.Trim(cell, "`")), &told); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(defaults[name], told); diff != "" {
					t.Errorf("%s: default (-) and documented (+) differ:\n%s", name, diff)
				}
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(defaults)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Errorf("the schema (-) and the README (+) differ:\n%s", diff)
	}
}

// leaves gathers the values that have no values below, with their defaults.
func leaves(t *testing.T, schema map[string]any, value any, path string, into map[string]any) {
	t.Helper()
	properties, inner := schema["properties"].(map[string]any)
	if !inner {
		into[path] = value
		return
	}
	values, _ := value.(map[string]any)
	for name := range values {
		if properties[name] == nil {
			t.Errorf("%s.%s is not in the schema", path, name)
		}
	}
	for name, property := range properties {
		if name == "global" { // Helm's own, for charts inside charts.
			continue
		}
		if _, ok := values[name]; !ok {
			t.Errorf("%s.%s is not in values.yaml", path, name)
		}
		leaves(t, property.(map[string]any), values[name], strings.TrimPrefix(path+"."+name, "."), into)
	}
}
