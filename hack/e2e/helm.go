package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/utils/ptr"
)

const (
	chartDir    = "charts/datasetsync"
	releaseName = "datasetsync"
)

// byHelm deploys the chart, by what the program helm is made of.
type byHelm struct {
	cluster  *cluster
	endpoint string
}

// deploy is `helm upgrade --install`.
func (h byHelm) deploy(ctx context.Context, of image) error {
	config, err := h.config()
	if err != nil {
		return err
	}
	chart, err := h.chart()
	if err != nil {
		return fmt.Errorf("load the chart: %w", err)
	}
	_, err = config.Releases.Last(releaseName)
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound):
		// The chart's README has the namespace labelled after the installation;
		// before it, the pods must be right from the beginning.
		if err := h.cluster.createNamespace(ctx, systemNamespace); err != nil {
			return err
		}
		h.cluster.say("helm install %s %s --namespace %s --take-ownership --force-conflicts, with %s", releaseName, chartDir, systemNamespace, of)
		install := action.NewInstall(config)
		install.ReleaseName, install.Namespace = releaseName, systemNamespace
		// The CRD is there from the other installation, with labels that kubectl owns.
		install.TakeOwnership, install.ForceConflicts = true, true
		install.WaitStrategy, install.Timeout = kube.HookOnlyStrategy, patience
		_, err = install.RunWithContext(ctx, chart, h.values(of))
	case err == nil:
		h.cluster.say("helm upgrade %s %s --namespace %s, with %s", releaseName, chartDir, systemNamespace, of)
		upgrade := action.NewUpgrade(config)
		upgrade.Namespace = systemNamespace
		upgrade.WaitStrategy, upgrade.Timeout = kube.HookOnlyStrategy, patience
		_, err = upgrade.RunWithContext(ctx, releaseName, chart, h.values(of))
	}
	if err != nil {
		return fmt.Errorf("helm: %w", err)
	}
	return nil
}

// chart loads the chart. Its demand for a version of Kubernetes is dropped where
// the API server does not know its own, having been built without one.
func (h byHelm) chart() (*chartv2.Chart, error) {
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		return nil, err
	}
	version, err := h.cluster.core.Discovery().ServerVersion()
	if err == nil && strings.HasPrefix(version.GitVersion, "v0.0.0") {
		chart.Metadata.KubeVersion = ""
	}
	return chart, err
}

// uninstall leaves the CRD, because the chart says so, and the namespace, because
// Helm never deletes one.
func (h byHelm) uninstall(ctx context.Context, _ image) error {
	config, err := h.config()
	if err != nil {
		return err
	}
	h.cluster.say("helm uninstall %s --namespace %s", releaseName, systemNamespace)
	uninstall := action.NewUninstall(config)
	uninstall.WaitStrategy, uninstall.Timeout = kube.StatusWatcherStrategy, patience
	if _, err := uninstall.Run(releaseName); err != nil {
		return fmt.Errorf("helm: %w", err)
	}
	return h.cluster.run(ctx, "delete", "namespace", systemNamespace)
}

func (h byHelm) config() (*action.Configuration, error) {
	flags := genericclioptions.NewConfigFlags(true)
	flags.Namespace = ptr.To(systemNamespace)
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := config.Init(flags, systemNamespace, ""); err != nil {
		return nil, fmt.Errorf("set up Helm: %w", err)
	}
	return config, nil
}

func (h byHelm) values(of image) map[string]any {
	return map[string]any{
		"image":     map[string]any{"repository": of.repository, "tag": of.tag, "digest": of.digest},
		"replicas":  2,
		"endpoint":  h.endpoint,
		"extraArgs": []any{pollMin, pollMax},
	}
}
