// Package cluster stands in for the API server, with the semantics that the
// operator's promises rest on: the resource version as a fence, generations,
// the status subresource, defaults and refusals by the schema of the CRD. It
// keeps every version of every DatasetSync, so that a reader can be as far
// behind as a test likes, and a test can judge how the objects came to be what
// they are.
//
// A test of this package plays the same operations against a real API server:
// what is written here is what that does.
//
// Nothing in it is safe for concurrent use: a world that is replayed from a
// seed has one thing happen at a time.
package cluster
