// Command demo shows the operator at work on a machine that has nothing but Go:
// it starts a control plane, the simulator and the manager, applies the samples,
// follows them until they are Ready, shows what kubectl shows, and stops it all.
//
// It is two processes. One holds what runs in the background (--stack), the
// other is the demonstration that a person looks at. So the background can go on
// without the demonstration (--keep), and ends with it, however that ends, if it
// shall not.
//
// It is run from the root of the repository, after bin/manager and
// bin/modelarts-simulator were built, and with KUBEBUILDER_ASSETS set.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// What the two processes share, in the folder where the logs are as well.
const (
	stateDir       = "bin/demo"
	pidFile        = stateDir + "/pid"
	kubeconfigFile = stateDir + "/kubeconfig"
	managerLog     = stateDir + "/manager.log"
)

func main() {
	keep := flag.Bool("keep", false, "leave everything running afterwards")
	stop := flag.Bool("stop", false, "stop what --keep left running, and do nothing else")
	stack := flag.Bool("stack", false, "be the background process; for this program's own use")
	flag.Parse()

	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var err error
	switch {
	case *stack:
		err = runStack(ctx, *keep)
	case *stop:
		err = stopStack()
	default:
		context.AfterFunc(ctx, restore) // A second signal ends the demonstration at once.
		err = runDemo(ctx, *keep)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
