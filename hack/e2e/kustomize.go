package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stateDir has the kustomizations, relative to the root of the repository.
const stateDir = "bin/e2e"

// Flags by which the manager looks at tasks more often than it would in earnest,
// because somebody waits.
const (
	pollMin = "--poll-min=1s"
	pollMax = "--poll-max=2s"
)

// byKustomize deploys config/default by an overlay, as a person would.
type byKustomize struct {
	cluster  *cluster
	endpoint string
}

func (k byKustomize) deploy(ctx context.Context, of image) error {
	dir, err := writeKustomization("deploy", k.overlay(of))
	if err != nil {
		return err
	}
	return k.cluster.run(ctx, "apply", "-k", dir)
}

// uninstall deletes everything but the CRD, with which the objects would go.
func (k byKustomize) uninstall(ctx context.Context, of image) error {
	dir, err := writeKustomization("uninstall", k.overlay(of)+`
- patch: |
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata:
      name: datasetsyncs.modelarts.datasetsync.dev
    $patch: delete
`)
	if err != nil {
		return err
	}
	return k.cluster.run(ctx, "delete", "-k", dir)
}

// overlay ends in its list of patches.
func (k byKustomize) overlay(of image) string {
	var flags strings.Builder
	for _, f := range []string{"--endpoint=" + k.endpoint, pollMin, pollMax} {
		fmt.Fprintf(&flags, "    - {op: add, path: /spec/template/spec/containers/0/args/-, value: %q}\n", f)
	}
	return fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../../../config/default
images:
- {name: datasetsync-operator, newName: %q, newTag: %q, digest: %q}
replicas:
- {name: datasetsync-controller-manager, count: 2}
patches:
- target: {kind: Deployment, name: datasetsync-controller-manager}
  patch: |
%s`, of.repository, of.tag, of.digest, flags.String())
}

// writeKustomization writes a kustomization into a directory of its own, and
// returns that.
func writeKustomization(name, content string) (string, error) {
	dir := filepath.Join(stateDir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600)
}
