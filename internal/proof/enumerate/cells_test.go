package enumerate

import (
	"maps"
	"slices"

	"datasetsync.dev/operator/internal/proof/cluster/process"
	"datasetsync.dev/operator/internal/simulator"
)

func answers() []string { return []string{simulator.AnswerTaskID, simulator.AnswerEmpty} }

// clean returns the plans in which nothing goes wrong.
func clean() []plan {
	var plans []plan
	for _, policy := range policies() {
		for _, answer := range answers() {
			plans = append(plans, plan{policy: policy, answer: answer})
		}
	}
	return plans
}

// isolated is a cell of the matrix that is no plan, and why.
type isolated struct {
	injection
	why string
}

// crashPoints returns the plans of a run that end the process at every point of
// its trace, in every way.
func crashPoints(p plan, trace []point) []plan {
	var plans []plan
	for _, at := range trace {
		for _, name := range crashes(at.kind) {
			plans = append(plans, p.with(nil, nil, []injection{{name, at}}))
		}
	}
	return plans
}

// singleService returns what the service can do wrong at each call of a run.
func singleService(trace []point) (faults []injection, none []isolated) {
	all := serviceFaults()
	for _, at := range trace {
		if at.kind != process.Look && at.kind != process.Start {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			f := all[name]
			i := injection{name, at}
			if why := f.notAt(at.kind); why != "" {
				none = append(none, isolated{i, why})
				continue
			}
			faults = append(faults, i)
		}
	}
	return faults, none
}

// singleKube returns what the control plane can do wrong at each read and write
// of a run.
func singleKube(trace []point) (faults []injection, none []isolated) {
	for _, at := range trace {
		if at.kind != process.Get && at.kind != process.Secret && at.kind != process.Patch {
			continue
		}
		for _, name := range kubeFaults() {
			i := injection{name, at}
			if why := kubeNotAt(name, at); why != "" {
				none = append(none, isolated{i, why})
				continue
			}
			faults = append(faults, i)
		}
	}
	return faults, none
}

// singles returns every plan in which one fault happens in a run.
func singles(p plan, trace []point) (plans []plan, none []isolated) {
	service, noService := singleService(trace)
	kube, noKube := singleKube(trace)
	for _, i := range service {
		plans = append(plans, p.with([]injection{i}, nil, nil))
	}
	for _, i := range kube {
		plans = append(plans, p.with(nil, []injection{i}, nil))
	}
	return plans, append(noService, noKube...)
}
