package controllers

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const healthLua = "../config/argocd/health.lua"

// healthScript is the health check as Argo CD runs it: one global, obj, and none
// of Lua's libraries but base, package and table.
type healthScript struct {
	state *lua.LState
	check *lua.LFunction
}

func newHealthScript() *healthScript {
	source, err := os.ReadFile(healthLua)
	if err != nil {
		panic(err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	check, err := state.LoadString(string(source))
	if err != nil {
		panic(err)
	}
	return &healthScript{state, check}
}

func (h *healthScript) close() { h.state.Close() }

// run returns the status and the message that the script gives an object.
func (h *healthScript) run(u *unstructured.Unstructured) (status, message string, err error) {
	h.state.SetGlobal("obj", toLua(h.state, u.Object))
	if err := h.state.CallByParam(lua.P{Fn: h.check, NRet: 1, Protect: true}); err != nil {
		return "", "", err
	}
	defer h.state.Pop(1)
	table, ok := h.state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the script returned %s, want a table", h.state.Get(-1).Type())
	}
	return lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message")), nil
}

// status is run for callers that show a script's error as its answer.
func (h *healthScript) status(u *unstructured.Unstructured) string {
	status, _, err := h.run(u)
	if err != nil {
		return err.Error()
	}
	return status
}

// toLua converts JSON as Argo CD does.
func toLua(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range v {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

func TestArgoCDHealth(t *testing.T) {
	t.Parallel()
	// What the states that the operator writes do not show: an API server without
	// the default of status, and a status that somebody else has begun.
	for name, c := range map[string]struct{ object, want string }{
		"no status":                {`{"metadata": {"generation": 1}, "spec": {}}`, "Progressing"},
		"nothing in status":        {`{"metadata": {"generation": 1}, "spec": {}, "status": {}}`, "Progressing"},
		"no conditions":            {`{"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1}}`, "Progressing"},
		"Stalled that is not True": {`{"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1, "conditions": [{"type": "Stalled", "status": "False"}, {"type": "Ready", "status": "True"}]}}`, "Healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := &unstructured.Unstructured{}
			if err := json.Unmarshal([]byte(c.object), &u.Object); err != nil {
				t.Fatal(err)
			}
			health := newHealthScript()
			defer health.close()
			if got := health.status(u); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
