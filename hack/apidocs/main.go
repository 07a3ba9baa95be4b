// Command apidocs writes docs/fields.md, the reference of all fields of a
// DatasetSync, from the CRD. It is run from the root of the repository:
//
//	go run ./hack/apidocs         # write the page
//	go run ./hack/apidocs -check  # fail unless the page is up to date
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

const (
	crdFile  = "config/crd/bases/modelarts.datasetsync.dev_datasetsyncs.yaml"
	pageFile = "docs/fields.md"
)

var errOutOfDate = errors.New(pageFile + " does not say what the CRD says: go run ./hack/apidocs")

func main() {
	check := flag.Bool("check", false, "change nothing, and fail unless the page is up to date")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "apidocs:", err)
		os.Exit(1)
	}
}

// run writes the page, or checks it.
func run(check bool) error {
	crd, err := os.ReadFile(crdFile)
	if err != nil {
		return err
	}
	page, err := render(crd)
	if err != nil {
		return fmt.Errorf("%s: %w", crdFile, err)
	}
	if !check {
		return os.WriteFile(pageFile, page, 0o644) //nolint:gosec // A page is for everybody.
	}
	there, err := os.ReadFile(pageFile)
	if err != nil {
		return err
	}
	if string(there) != string(page) {
		return errOutOfDate
	}
	return nil
}
