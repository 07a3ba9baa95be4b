package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	// systemNamespace is where both installations put the manager.
	systemNamespace = "datasetsync-system"
	// ownNamespace has the samples and the simulator.
	ownNamespace = "datasetsync-e2e"

	// patience bounds each wait. The longest is for a lease to run out, 15 s, or
	// for two pods to be rolled out on a slow node.
	patience = 2 * time.Minute
	// interval is how often is looked whether a wait is over.
	interval = 300 * time.Millisecond
	// quietTime is how long nothing is said while something is waited for.
	quietTime = 15 * time.Second
)

// cluster is the cluster of KUBECONFIG.
type cluster struct {
	began time.Time
	// kubectl is the path of the program. What a person would do is done by it,
	// so that the output tells how; what is judged is read by the clients.
	kubectl  string
	client   client.Client
	core     kubernetes.Interface
	metadata metadata.Interface
}

// connect makes the clients, and says which cluster it is.
func connect(kubectl string) (*cluster, error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, err
	}
	config.WarningHandler = rest.NoWarnings{} // Listing everything meets what is deprecated.
	config.QPS, config.Burst = 50, 100
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	c := &cluster{began: time.Now(), kubectl: kubectl}
	if c.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	if c.core, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	version, err := c.core.Discovery().ServerVersion()
	if err != nil {
		return nil, err
	}
	c.say("the cluster is Kubernetes %s at %s", version, config.Host)
	return c, nil
}

// say prints a line of progress with the seconds since the start.
func (c *cluster) say(format string, args ...any) {
	fmt.Printf("%4.0f s  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// run runs kubectl, and shows the command and what it prints.
func (c *cluster) run(ctx context.Context, args ...string) error {
	command := "kubectl " + strings.Join(args, " ")
	fmt.Printf("        $ %s\n", command)
	cmd := exec.CommandContext(ctx, c.kubectl, args...)
	output, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(output)) {
		fmt.Printf("          %s\n", strings.TrimSuffix(line, "\n"))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

// await looks again and again until check has nothing to complain of. In the end
// its last complaint is the error: what the API server refuses may pass as well.
func (c *cluster) await(ctx context.Context, what string, check func(context.Context) error) error {
	c.say("waiting until %s", what)
	deadline := time.Now().Add(patience)
	heard := time.Now()
	for {
		err := check(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("waited %s until %s: %w", patience, what, err)
		case time.Since(heard) > quietTime:
			c.say("still waiting: %v", err)
			heard = time.Now()
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

// explain shows what a failure may be understood from.
func (c *cluster) explain(ctx context.Context) {
	fmt.Println("\nIt has failed. This is what the cluster says:")
	for _, args := range []string{
		"get pods,events --namespace " + systemNamespace,
		"get pods,events --namespace " + ownNamespace,
		"get datasetsyncs --namespace " + ownNamespace + " -o yaml",
		"get lease --namespace " + systemNamespace + " -o yaml",
		"logs --namespace " + systemNamespace + " --selector control-plane=controller-manager --prefix --tail=-1",
		"logs --namespace " + ownNamespace + " " + simulatorPod,
		"get --raw " + ledgerPath,
	} {
		if err := c.run(ctx, strings.Fields(args)...); err != nil {
			fmt.Println("         ", err)
		}
	}
}
