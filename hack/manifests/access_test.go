package manifests

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// question is one for the API server: may somebody do this? It is written as
// kubectl auth can-i takes it, with the namespace at the end ("in …", or
// everywhere).
type question string

// attributes reads "VERB RESOURCE[.GROUP][/SUBRESOURCE] [in NAMESPACE]".
func (q question) attributes() *authorizationv1.ResourceAttributes {
	text, namespace, _ := strings.Cut(string(q), " in ")
	verb, resource, _ := strings.Cut(text, " ")
	resource, subresource, _ := strings.Cut(resource, "/")
	resource, group, _ := strings.Cut(resource, ".")
	return &authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: namespace,
	}
}

// may asks the API server.
func (c *cluster) may(t *testing.T, user string, groups []string, q question) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: groups, ResourceAttributes: q.attributes(),
	}}
	if err := c.client.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

const syncs = "datasetsyncs.modelarts.datasetsync.dev"

// refused is what no manager may do, however it is installed.
var refused = []question{
	"* *.*", "* *.* in vision", "* * in vision", "* secrets in vision", "get * in vision",
	"list secrets", "watch secrets", "list secrets in vision", "watch secrets in vision",
	"create secrets in vision", "update secrets in vision", "patch secrets in vision", "delete secrets in vision",
	"list secrets in datasetsync-system", "watch secrets in datasetsync-system",
	"create " + syncs + " in vision", "update " + syncs + " in vision", "patch " + syncs + " in vision",
	"delete " + syncs + " in vision", "deletecollection " + syncs + " in vision",
	"update " + syncs + "/status in vision", "update " + syncs + "/finalizers in vision",
	"get configmaps in datasetsync-system", "list configmaps in vision", "get pods in datasetsync-system",
	"create pods in datasetsync-system", "create pods/exec in datasetsync-system", "list namespaces", "list nodes",
	"create serviceaccounts/token in datasetsync-system", "impersonate users", "impersonate serviceaccounts",
	"escalate clusterroles.rbac.authorization.k8s.io", "bind clusterroles.rbac.authorization.k8s.io",
	"create rolebindings.rbac.authorization.k8s.io in vision", "create clusterrolebindings.rbac.authorization.k8s.io",
	"list events.events.k8s.io in vision", "delete events.events.k8s.io in vision",
	"delete leases.coordination.k8s.io in datasetsync-system", "list leases.coordination.k8s.io in datasetsync-system",
	"get leases.coordination.k8s.io in vision", "update leases.coordination.k8s.io in kube-system",
	"update customresourcedefinitions.apiextensions.k8s.io", "get customresourcedefinitions.apiextensions.k8s.io",
}

// allowed is what a manager may do with the objects that it watches.
var allowed = []question{
	"get secrets", "get " + syncs, "list " + syncs, "watch " + syncs, "patch " + syncs + "/status",
	"create events.events.k8s.io", "patch events.events.k8s.io",
}

// testRefusals asks what the manager may do: everywhere, or in the namespace
// vision alone.
func testRefusals(t *testing.T, c *cluster, scoped bool) {
	t.Helper()
	account := "system:serviceaccount:" + systemNamespace + ":" + managerAccount
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + systemNamespace, "system:authenticated"}
	no := slices.Clone(refused)
	var yes []question
	for _, q := range allowed {
		yes = append(yes, q+" in vision")
		if scoped {
			no = append(no, q, q+" in speech", q+" in "+systemNamespace)
		} else {
			yes = append(yes, q, q+" in speech")
		}
	}
	for _, q := range no {
		may := c.may(t, account, groups, q)
		t.Logf("%-70s %s", q, map[bool]string{true: "yes", false: "no"}[may])
		if may {
			t.Errorf("the manager may %s", q)
		}
	}
	for _, q := range yes {
		if !c.may(t, account, groups, q) {
			t.Errorf("the manager may not %s: the refusals show nothing", q)
		}
	}
}

// TestTheRolesForPeople binds the roles for users in one namespace.
func TestTheRolesForPeople(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "vision")
	c.install(t, kustomize(t, filepath.Join(root, "config", "default")))
	for name, want := range map[string]struct {
		role    string
		yes, no []string
		part    []string
	}{
		"a viewer looks and no more": {
			role: "datasetsync-viewer", yes: []string{"get", "list", "watch"},
			no:   []string{"create", "update", "patch", "delete", "deletecollection"},
			part: []string{"view", "edit", "admin"},
		},
		"an editor changes objects": {
			role: "datasetsync-editor", yes: []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"},
			part: []string{"edit", "admin"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := want.role + "-user"
			c.kubectl(t, nil, "-n", "vision", "create", "rolebinding", user, "--clusterrole="+want.role, "--user="+user)
			for _, verb := range want.yes {
				if q := question(verb + " " + syncs + " in vision"); !c.may(t, user, nil, q) {
					t.Errorf("may not %s", q)
				}
			}
			no := []question{"get secrets in vision"}
			for _, verb := range want.no {
				no = append(no, question(verb+" "+syncs+" in vision"))
			}
			for _, verb := range []string{"update", "patch"} {
				no = append(no, question(verb+" "+syncs+"/status in vision"))
			}
			for _, q := range no {
				if c.may(t, user, nil, q) {
					t.Errorf("may %s", q)
				}
			}
			c.isPartOf(t, want.role, want.part)
		})
	}
}

// isPartOf compares the built-in roles that take a role in, by its labels, with
// what they should be. (It is the controller manager that puts the rules
// together, and there is none here.)
func (c *cluster) isPartOf(t *testing.T, name string, want []string) {
	t.Helper()
	ours := &rbacv1.ClusterRole{}
	if err := c.client.Get(t.Context(), client.ObjectKey{Name: name}, ours); err != nil {
		t.Fatal(err)
	}
	for _, builtIn := range []string{"view", "edit", "admin"} {
		role := &rbacv1.ClusterRole{}
		if err := c.client.Get(t.Context(), client.ObjectKey{Name: builtIn}, role); err != nil {
			t.Fatal(err)
		}
		taken := slices.ContainsFunc(role.AggregationRule.ClusterRoleSelectors, func(s metav1.LabelSelector) bool {
			selector, err := metav1.LabelSelectorAsSelector(&s)
			return err == nil && selector.Matches(labels.Set(ours.Labels))
		})
		if taken != slices.Contains(want, builtIn) {
			t.Errorf("%s is part of %s: %t", name, builtIn, taken)
		}
	}
}
