// Package simulate proves the operator by letting everything happen at once: a
// world with two tenants, some data sets, about twenty objects, two or three
// replicas that all believe to lead, users who edit, suspend, delete, create
// anew and break Secrets, somebody at the console, clocks that are wrong and
// are set, processes that stop for a while or for good between any two things
// that they do, and a service and a control plane that fail in every way. All
// of it follows one random source, so that a seed is a world, and can be seen
// again:
//
//	go test ./internal/proof/simulate -run TestSeed -v -seed N
//
// A world ends with the weather fine. Then everything has to come to rest, what
// has failed has to heal when it is asked once more, and the invariants have to
// hold.
//
// The real Reconciler runs against a stand-in of the API server and a model of
// the service in memory. A test proves that the model is the simulator as the
// real client sees it.
//
// The ordinary test runs as many seeds as fit into its time, after those that
// once found something. SIMULATE=200000 runs that many. It tells which rows of
// the protocol were visited.
package simulate
