// Package process is a manager in miniature: the real Reconciler with the
// memory, the cached view, the clock and the work queue of one process. All
// that it reads, writes, calls and tells passes one gate, where a test may let
// it fail, wait, come too late, or die. Nothing in the operator knows of it.
//
// Nothing in it is safe for concurrent use.
package process
