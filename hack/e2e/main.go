// Command e2e tests the images of the operator and of the simulator in a real
// cluster, from the installation to the last trace of it.
//
// Once by kustomize and once by Helm it deploys two replicas with leader
// election, runs the samples, kills the leader while tasks run and while starts
// are on the wire, changes to another image while tasks run, and uninstalls so
// that the objects stay. The simulator is a pod, and its ledger is the judge: each
// request is served by exactly one start, which was accepted and is the one that
// status names. In the end the cluster holds what it held before.
//
// It runs in any cluster whose nodes can run the images, and is made for one that
// is thrown away afterwards. It refuses to begin where the operator is installed,
// since it would remove it. It is run from the root of the repository: make test-e2e.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// cleanupTime is how long removing what a failed or interrupted run left may take.
const cleanupTime = 3 * time.Minute

// options are the flags.
type options struct {
	image, nextImage, simulatorImage, kubectl string
}

func main() {
	var o options
	flag.StringVar(&o.image, "image", "", "the manager's image")
	flag.StringVar(&o.nextImage, "next-image", "", "the one that it is changed to; another tag of the same image will do")
	flag.StringVar(&o.simulatorImage, "simulator-image", "", "the simulator's image")
	flag.StringVar(&o.kubectl, "kubectl", "kubectl", "the path of kubectl")
	flag.Parse()

	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore) // A second signal ends it at once.
	began := time.Now()
	err := run(ctx, o)
	took := time.Since(began).Round(time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		fmt.Fprintf(os.Stderr, "e2e: FAILED after %s\n", took)
		os.Exit(1)
	}
	fmt.Printf("e2e: passed after %s\n", took)
}

// run tells the whole story. However it ends, it leaves nothing behind.
func run(ctx context.Context, o options) error {
	if os.Getenv("KUBECONFIG") == "" {
		return errors.New("set KUBECONFIG: this installs and removes cluster-wide objects, so the cluster is not left to a default")
	}
	images, err := parseImages(o.image, o.nextImage)
	if err != nil {
		return err
	}
	c, err := connect(o.kubectl)
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	before, err := c.takeInventory(ctx)
	if err != nil {
		return fmt.Errorf("see what is in the cluster: %w", err)
	}
	if there := before.ours(); len(there) > 0 {
		return fmt.Errorf("the cluster has an operator, or what is left of one, and this test would remove it: %q", there)
	}

	s := &story{cluster: c, before: before, images: images, simulatorImage: o.simulatorImage}
	err = s.tell(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil { // Nobody interrupted it.
		c.explain(ctx)
	}
	// The interrupt was for the story, not for cleaning up after it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return errors.Join(err, c.sweep(ctx, before))
}
