// Command modelarts-simulator is a stand-in for the ModelArts service, for a
// loopback address. GET / of its control port describes it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"datasetsync.dev/operator/internal/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	cfg := simulator.Config{Logf: log.New(stderr, "simulator: ", 0).Printf}
	flags := flag.NewFlagSet("modelarts-simulator", flag.ExitOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:8090", "address of the service's side; port 0 picks one")
	control := flags.String("control", "127.0.0.1:8091", "address of the control port; port 0 picks one")
	ledger := flags.String("ledger", "", "file that the ledger is appended to")
	cfg.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s, file, err := simulator.Open(cfg, *ledger)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // each line went to the file when it was written
	var listeners [2]net.Listener
	for i, address := range []string{*listen, *control} {
		if listeners[i], err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
			return err
		}
	}
	cfg.Logf("service on http://%s, control on http://%s", listeners[0].Addr(), listeners[1].Addr())
	failed := make(chan error, len(listeners))
	for i, handler := range []http.Handler{s.Handler(), s.ControlHandler()} {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		defer func() { _ = server.Close() }() // cuts off whoever is still waiting
		go func() { failed <- server.Serve(listeners[i]) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
