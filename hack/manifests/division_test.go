package manifests

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/strvals"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// share is one of several deployments: its manager, and what it asks of the
// service.
type share struct {
	*manager

	mu sync.Mutex
	// datasets are those that it has called about.
	datasets map[string]bool
	// onStart, if set, is called with the data set of a start before the service
	// sees it.
	onStart func(dataset string)
}

// beforeStart sets what is done before the service sees a start.
func (s *share) beforeStart(do func(dataset string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onStart = do
}

// reach returns the service as this share sees it.
func (s *share) reach(service http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dataset := strings.Split(r.URL.Path, "/")[4] // /v2/PROJECT/datasets/DATASET/…
		s.mu.Lock()
		s.datasets[dataset] = true
		onStart := s.onStart
		s.mu.Unlock()
		if r.Method == http.MethodPost && onStart != nil {
			onStart(dataset)
		}
		service.ServeHTTP(w, r)
	})
}

// division is a cluster whose objects are divided among shares, by release.
type division struct {
	*cluster
	service *simulator.Simulator
	shares  map[string]*share
	// leases are those that docs/operations.md tells of, by release.
	leases map[string]string
}

// divide installs the releases that docs/operations.md divides by a value of the
// chart, and runs a manager for each. Tasks run until they are finished.
func divide(t *testing.T, value string) *division {
	t.Helper()
	d := &division{
		cluster: newCluster(t, systemNamespace, "vision", "speech", "music"),
		service: simulator.New(simulator.Config{AccessKey: "key", SecretKey: "secret"}),
		shares:  map[string]*share{}, leases: map[string]string{},
	}
	for _, namespace := range []string{"vision", "speech", "music"} {
		d.kubectl(t, nil, "-n", namespace, "create", "secret", "generic", v1alpha1.DefaultCredentialsSecret,
			"--from-literal=accessKey=key", "--from-literal=secretKey=secret")
	}
	page := string(read(t, filepath.Join(root, "docs", "operations.md")))
	for _, command := range installCommand.FindAllStringSubmatch(page, -1) {
		if strings.Contains(command[0], value) {
			d.add(t, page, command[1], command[2])
		}
	}
	if len(d.shares) != 2 {
		t.Fatalf("docs/operations.md has %d releases by %s", len(d.shares), value)
	}
	return d
}

// installCommand finds an installation of the chart in docs/operations.md: the
// release, and the values.
var installCommand = regexp.MustCompile(`(?m)^helm install (\S+) \./charts/datasetsync -n datasetsync-system(?: --create-namespace)?((?: --set \S+)+)$`)

// valuesOf returns the values that --set flags set, in YAML.
func valuesOf(t *testing.T, flags string) string {
	t.Helper()
	values := map[string]any{}
	for flag := range strings.SplitSeq(strings.ReplaceAll(flags, "'", ""), " --set ") {
		if err := strvals.ParseInto(flag, values); err != nil {
			t.Fatal(err)
		}
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// add installs a release and runs its manager.
func (d *division) add(t *testing.T, page, release, flags string) {
	t.Helper()
	manifests, err := tryRender(t, release, valuesOf(t, flags))
	if err != nil {
		t.Fatal(err)
	}
	d.install(t, manifests)
	deployment := only[appsv1.Deployment](t, decode(t, manifests), "Deployment")
	s := &share{datasets: map[string]bool{}}
	server := httptest.NewServer(s.reach(d.service.Handler()))
	t.Cleanup(server.Close)
	s.manager = startManager(t, d.as(t, systemNamespace, deployment.Spec.Template.Spec.ServiceAccountName), deployment,
		"--endpoint="+server.URL, "--api-qps=0")
	d.shares[release] = s
	for _, arg := range deployment.Spec.Template.Spec.Containers[0].Args {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(arg) + "` \\| `(.+)` \\|$").FindStringSubmatch(page)
		if row != nil {
			d.leases[release] = row[1]
		}
	}
}

// create creates an object.
func (d *division) create(t *testing.T, obj *v1alpha1.DatasetSync) {
	t.Helper()
	if err := d.client.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
}

// relabel gives an object the labels of another home.
func (d *division) relabel(t *testing.T, obj *v1alpha1.DatasetSync, to home) {
	t.Helper()
	moved := obj.DeepCopy()
	moved.Labels = to.labels
	if err := d.client.Patch(t.Context(), moved, client.MergeFrom(obj)); err != nil {
		t.Error(err) // Not Fatal: it may be called by a server.
	}
}

// awaitAll watches all objects until as many as it says are as they should be.
func (d *division) awaitAll(t *testing.T, number int, what string, is func(*v1alpha1.DatasetSync) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	seen := 0
	for seen != number && ctx.Err() == nil {
		seen = d.watchUntil(ctx, t, number, is)
	}
	if seen != number {
		t.Fatalf("%d objects are %s, want %d", seen, what, number)
	}
}

// watchUntil watches until the number is reached or the API server ends the watch,
// as it does with one that cannot keep up. It returns how many objects are as they
// should be.
func (d *division) watchUntil(ctx context.Context, t *testing.T, number int, is func(*v1alpha1.DatasetSync) bool) int {
	t.Helper()
	w, err := d.client.Watch(ctx, &v1alpha1.DatasetSyncList{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	so := map[string]bool{}
	for event := range w.ResultChan() {
		obj, ok := event.Object.(*v1alpha1.DatasetSync)
		switch {
		case !ok:
		case is(obj):
			so[obj.Name] = true
		default:
			delete(so, obj.Name)
		}
		if len(so) == number {
			break
		}
	}
	return len(so)
}

// finish ends the task of each object.
func (d *division) finish(objects map[string][]string) {
	for name := range objects {
		d.service.FinishTask(project, name, "COMPLETED")
	}
}

// stop stops the managers, so that what they did can be counted.
func (d *division) stop(t *testing.T) {
	t.Helper()
	for _, s := range d.shares {
		s.stop(t)
	}
}

// testStarts judges by the service's ledger: one start for each object.
func (d *division) testStarts(t *testing.T, want map[string][]string) {
	t.Helper()
	starts := map[string]int{}
	for _, entry := range d.service.Ledger() {
		starts[entry.Dataset]++
	}
	once := map[string]int{}
	for name := range want {
		once[name] = 1
	}
	if diff := cmp.Diff(once, starts); diff != "" {
		t.Errorf("starts wanted (-) and asked of the service (+):\n%s", diff)
	}
}

// testLeases wants each manager to hold the lease that is told of it.
func (d *division) testLeases(t *testing.T) {
	t.Helper()
	list := &coordinationv1.LeaseList{}
	if err := d.client.List(t.Context(), list, client.InNamespace(systemNamespace)); err != nil {
		t.Fatal(err)
	}
	holders, names := map[string]bool{}, []string{}
	for _, lease := range list.Items {
		names = append(names, lease.Name)
		if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
			holders[*holder] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Values(d.leases)), slices.Sorted(slices.Values(names))); diff != "" {
		t.Errorf("leases told of (-) and there (+):\n%s", diff)
	}
	if len(holders) != len(d.shares) {
		t.Errorf("%d managers hold the leases, want %d", len(holders), len(d.shares))
	}
}

// testUntouched looks that every object that no share selects has the status it
// was created with.
func (d *division) testUntouched(t *testing.T, selected map[string][]string) {
	t.Helper()
	list := &v1alpha1.DatasetSyncList{}
	if err := d.client.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	untouched, touched := 0, []string{}
	for _, obj := range list.Items {
		switch {
		case selected[obj.Name] != nil:
		case cmp.Equal(v1alpha1.DatasetSyncStatus{ObservedGeneration: -1}, obj.Status):
			untouched++
		default:
			touched = append(touched, obj.Name)
		}
	}
	if untouched == 0 || len(touched) > 0 {
		t.Errorf("of the objects that are nobody's %d have no status, and these have one: %q", untouched, touched)
	}
}

// callers returns the releases that called the service about each data set.
func (d *division) callers() map[string][]string {
	callers := map[string][]string{}
	for _, release := range slices.Sorted(maps.Keys(d.shares)) {
		s := d.shares[release]
		s.mu.Lock()
		for dataset := range s.datasets {
			callers[dataset] = append(callers[dataset], release)
		}
		s.mu.Unlock()
	}
	return callers
}

// writers returns the releases that wrote the status of each object, from the API
// server's audit log.
func (d *division) writers(t *testing.T) map[string][]string {
	t.Helper()
	writers := map[string][]string{}
	for _, r := range d.requests(t) {
		if r.ObjectRef.Resource != "datasetsyncs" || r.ObjectRef.Subresource != "status" || r.ResponseStatus.Code != http.StatusOK {
			continue
		}
		account := r.User.Username[strings.LastIndex(r.User.Username, ":")+1:]
		release := strings.TrimSuffix(account, "-controller-manager")
		if !slices.Contains(writers[r.ObjectRef.Name], release) {
			writers[r.ObjectRef.Name] = append(writers[r.ObjectRef.Name], release)
		}
	}
	return writers
}
