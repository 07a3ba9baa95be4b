package enumerate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"datasetsync.dev/operator/internal/proof/cluster/process"
)

// The policies.
const (
	// policyDefault is the manager and the CRD as they are by default.
	policyDefault = "default"
	// policyStrict waits until a signature has expired before it starts again.
	policyStrict = "strict"
	// policyHold starts at most once.
	policyHold = "hold"
)

// plan is what goes wrong in a run, and where.
type plan struct {
	policy, answer       string
	service, kube, crash []injection
}

// injection is something that goes wrong at one point.
type injection struct {
	name string
	point
}

// point is the n-th thing of its kind that is done for the object.
type point struct {
	kind process.Kind
	n    int
}

func (p point) String() string { return fmt.Sprintf("%s#%d", p.kind, p.n) }

func (i injection) String() string { return i.name + "@" + i.point.String() }

// injections returns all that goes wrong.
func (p plan) injections() []injection {
	return slices.Concat(p.service, p.kube, p.crash)
}

// String returns the plan in one line.
func (p plan) String() string {
	words := []string{"policy=" + p.policy, "answer=" + p.answer}
	for _, group := range []struct {
		name string
		all  []injection
	}{{"service", p.service}, {"kube", p.kube}, {"crash", p.crash}} {
		for _, i := range group.all {
			words = append(words, group.name+"="+i.String())
		}
	}
	return strings.Join(words, " ")
}

// parsePlan reads a plan from its line.
func parsePlan(line string) (plan, error) {
	var p plan
	for word := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "policy":
			p.policy = value
		case "answer":
			p.answer = value
		case "service":
			p.service, err = addInjection(p.service, value)
		case "kube":
			p.kube, err = addInjection(p.kube, value)
		case "crash":
			p.crash, err = addInjection(p.crash, value)
		default:
			err = fmt.Errorf("no such word: %q", word)
		}
		if err != nil {
			return plan{}, err
		}
	}
	return p, p.validate()
}

func addInjection(all []injection, text string) ([]injection, error) {
	name, at, _ := strings.Cut(text, "@")
	kind, number, _ := strings.Cut(at, "#")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || kind == "" {
		return nil, fmt.Errorf("%q: want name@kind#number", text)
	}
	return append(all, injection{name, point{process.Kind(kind), n}}), nil
}

// validate refuses what a typing error makes of a plan.
func (p plan) validate() error {
	if !slices.Contains(policies(), p.policy) {
		return fmt.Errorf("no such policy: %q; there are %q", p.policy, policies())
	}
	if !slices.Contains(answers(), p.answer) {
		return fmt.Errorf("no such answer: %q; there are %q", p.answer, answers())
	}
	for _, i := range p.service {
		if _, known := serviceFaults()[i.name]; !known {
			return fmt.Errorf("no such fault of the service: %q", i.name)
		}
	}
	for _, i := range p.kube {
		if !slices.Contains(kubeFaults(), i.name) {
			return fmt.Errorf("no such fault of the control plane: %q; there are %q", i.name, kubeFaults())
		}
	}
	for _, i := range p.crash {
		if !slices.Contains(crashes(i.kind), i.name) {
			return fmt.Errorf("no such crash at %s: %q; there are %q", i.kind, i.name, crashes(i.kind))
		}
	}
	return nil
}

func policies() []string { return []string{policyDefault, policyStrict, policyHold} }

// with returns a plan with more going wrong.
func (p plan) with(service, kube, crash []injection) plan {
	p.service = append(slices.Clip(p.service), service...)
	p.kube = append(slices.Clip(p.kube), kube...)
	p.crash = append(slices.Clip(p.crash), crash...)
	return p
}
