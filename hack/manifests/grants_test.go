package manifests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
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

// used returns what the manager asked of the API server's resources, from the
// audit log. A request that was forbidden fails the test.
func (c *cluster) used(t *testing.T) []string {
	t.Helper()
	file, err := os.Open(c.audit)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	set := map[string]bool{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Verb, RequestURI string
			User             struct{ Username string }
			ResponseStatus   struct{ Code int }
			ObjectRef        *struct{ APIGroup, Resource, Subresource string }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		if event.ObjectRef == nil || event.User.Username != "system:serviceaccount:"+systemNamespace+":"+managerAccount {
			continue
		}
		g := grant{verb: event.Verb, group: event.ObjectRef.APIGroup, resource: event.ObjectRef.Resource}
		if sub := event.ObjectRef.Subresource; sub != "" {
			g.resource += "/" + sub
		}
		if event.ResponseStatus.Code == 403 {
			t.Errorf("the manager was refused: %s %s", g, event.RequestURI)
		}
		set[g.String()] = true
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(set))
}
