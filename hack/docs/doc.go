// Package docs tests what the pages say: that the commands of the README work,
// that links lead somewhere, that every flag is explained, and that the tests that
// the threat model names are there.
package docs
