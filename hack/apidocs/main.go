// Command apidocs writes docs/fields.md, the reference of all fields of a
// DatasetSync, from the CRD and the Go types. It is run from the root of the
// repository; make generate does so.
//
//	go run ./hack/apidocs      # from config/crd/bases to docs
//	go run ./hack/apidocs DIR  # from DIR/config/crd/bases to DIR/docs
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	crdFile  = "config/crd/bases/modelarts.datasetsync.dev_datasetsyncs.yaml"
	pageFile = "docs/fields.md"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := run(dir); err != nil {
		fmt.Fprintln(os.Stderr, "apidocs:", err)
		os.Exit(1)
	}
}

// run writes the page in dir.
func run(dir string) error {
	crd, err := os.ReadFile(filepath.Join(dir, crdFile))
	if err != nil {
		return err
	}
	page, err := render(crd)
	if err != nil {
		return fmt.Errorf("%s: %w", crdFile, err)
	}
	return os.WriteFile(filepath.Join(dir, pageFile), page, 0o644) //nolint:gosec // A page is for everybody.
}
