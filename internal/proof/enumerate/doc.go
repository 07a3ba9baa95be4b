// Package enumerate proves the operator by going through everything that can go
// wrong with one run, once: every fault of the service at every call, every
// fault of the control plane at every read and write, and the end of the process
// before and after each of them, after its effect but before its answer, and
// with the request still on its way. It runs the real Reconciler with the real
// client of the service, over real connections to the simulator, and a stand-in
// of the API server whose semantics are recorded from a real one.
//
// Each plan is one line, which says what goes wrong and where:
//
//	policy=strict answer=empty service=reset-after@start#1 kube=conflict@patch#2 crash=after-effect@patch#1
//
// and can be run again:
//
//	go test ./internal/proof/enumerate -run TestPlan -v -plan '…'
//
// A plan ends with all faults off. Then everything has to come to rest within a
// bound of virtual time, a failed object has to heal when it is asked once more,
// and the invariants have to hold.
//
// The ordinary test goes through what is fault-free, single faults and single
// crashes. With ENUMERATE=all it goes through every crash point of every run
// with a fault as well, and through all pairs of faults.
package enumerate
