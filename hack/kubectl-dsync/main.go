// Command kubectl-dsync is a plugin of kubectl. It asks for one more sync of a
// DatasetSync, and follows it to its end if it is to:
//
//	kubectl dsync sync NAME --wait
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// The exit codes. 130 is what a shell tells of a program that Ctrl-C ended.
const (
	exitFailed      = 1
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
	stop()
	os.Exit(code)
}

// run runs the plugin with its arguments, and returns the exit code.
func run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	root := newCommand(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(streams.ErrOut, "interrupted: what was asked for goes on")
		return exitInterrupted
	default:
		fmt.Fprintln(streams.ErrOut, "error:", err)
		return exitFailed
	}
}

func newCommand(streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-dsync",
		Short:         "Work with DatasetSyncs",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl dsync"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.CompletionOptions.DisableDefaultCmd = true
	flags := genericclioptions.NewConfigFlags(true)
	flags.AddFlags(root.PersistentFlags())
	root.AddCommand(newSync(flags, streams))
	return root
}
