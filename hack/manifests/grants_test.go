package manifests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const managerRole = "datasetsync-manager-role"

// grant is one thing that a role lets its bearer do.
type grant struct{ role, verb, group, resource string }

// String says it without the role, as "get secrets".
func (g grant) String() string {
	if g.group == "" {
		return g.verb + " " + g.resource
	}
	return fmt.Sprintf("%s %s.%s", g.verb, g.resource, g.group)
}

// grants returns what all roles of a manifest grant on resources.
func grants(t *testing.T, manifests []byte) []grant {
	t.Helper()
	var list []grant
	for _, obj := range decode(t, manifests) {
		if obj.GetKind() != "Role" && obj.GetKind() != "ClusterRole" {
			continue
		}
		role := &rbacv1.ClusterRole{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						list = append(list, grant{role.Name, verb, group, resource})
					}
				}
			}
		}
	}
	return list
}

// granted returns what the manager's own roles grant.
func granted(t *testing.T, manifests []byte) []string {
	t.Helper()
	set := map[string]bool{}
	for _, g := range grants(t, manifests) {
		switch g.role {
		case managerRole, "datasetsync-leader-election-role", "datasetsync-metrics-auth-role":
			set[g.String()] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// request is one that the API server answered, from its audit log.
type request struct {
	Verb, RequestURI string
	User             struct{ Username string }
	ResponseStatus   struct{ Code int }
	ObjectRef        *struct{ APIGroup, Resource, Subresource, Name string }
}

// requests returns all requests for a resource, in the order of their answers.
func (c *cluster) requests(t *testing.T) []request {
	t.Helper()
	file, err := os.Open(c.audit)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []request
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.ObjectRef != nil {
			all = append(all, r)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// used returns what the manager asked of the API server's resources. A request
// that was forbidden fails the test.
func (c *cluster) used(t *testing.T) []string {
	t.Helper()
	set := map[string]bool{}
	for _, r := range c.requests(t) {
		if r.User.Username != "system:serviceaccount:"+systemNamespace+":"+managerAccount {
			continue
		}
		g := grant{verb: r.Verb, group: r.ObjectRef.APIGroup, resource: r.ObjectRef.Resource}
		if sub := r.ObjectRef.Subresource; sub != "" {
			g.resource += "/" + sub
		}
		if r.ResponseStatus.Code == http.StatusForbidden {
			t.Errorf("the manager was refused: %s %s", g, r.RequestURI)
		}
		set[g.String()] = true
	}
	return slices.Sorted(maps.Keys(set))
}
