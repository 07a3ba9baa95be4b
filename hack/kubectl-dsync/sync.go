package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/dynamic"

	"datasetsync.dev/operator/api/v1alpha1"
)

// defaultTimeout is how long --wait waits unless told otherwise.
const defaultTimeout = 30 * time.Minute

// syncer is the command "sync".
type syncer struct {
	wait    bool
	timeout time.Duration
	// now is the clock, and ticks tells when the time that has passed is to be
	// shown anew.
	now   func() time.Time
	ticks <-chan time.Time
}

func newSync(flags *genericclioptions.ConfigFlags, streams genericiooptions.IOStreams) *cobra.Command {
	s := &syncer{now: time.Now}
	command := &cobra.Command{
		Use:   "sync NAME",
		Short: "Ask for one more sync of a DatasetSync",
		Long: "Ask for one more sync of a DatasetSync, by a new value of its annotation\n" +
			v1alpha1.RequestedAtAnnotation + ". It does not change spec.\n\n" +
			"With --wait it is followed to its end. The exit code is 0 if it succeeded, 1 if\n" +
			"it failed, is stalled or took too long, and 130 after Ctrl-C. Leaving does not\n" +
			"stop the sync.",
		Example: "  kubectl dsync sync cats\n  kubectl dsync sync cats --namespace vision --wait --timeout 10m",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			o, err := newObject(flags, args[0])
			if err != nil {
				return err
			}
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			s.ticks = ticker.C
			return s.run(command.Context(), o, newScreen(streams.Out))
		},
	}
	command.Flags().BoolVarP(&s.wait, "wait", "w", false, "Follow the sync to its end.")
	command.Flags().DurationVar(&s.timeout, "timeout", defaultTimeout, "How long to wait at most; 0: for ever.")
	return command
}

// newObject finds the object by the flags of kubectl.
func newObject(flags *genericclioptions.ConfigFlags, name string) (object, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return object{}, err
	}
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return object{}, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return object{}, err
	}
	return object{client: client.Resource(resource()).Namespace(namespace), name: name, pause: time.Second}, nil
}

// run asks, and follows if it is to.
func (s *syncer) run(ctx context.Context, o object, screen *screen) error {
	began := s.now()
	value := requestValue(began)
	asked, err := o.request(ctx, value)
	if err != nil {
		return err
	}
	name := "datasetsync/" + o.name
	screen.say(name + ": a sync is requested (" + value + ")")
	switch {
	case s.wait:
		if err := s.follow(ctx, o, asked, screen, began); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case asked.Spec.Suspend:
		screen.say(name + ": " + suspended)
	}
	return nil
}

// follow shows how the request fares until that is settled.
func (s *syncer) follow(ctx context.Context, o object, asked *v1alpha1.DatasetSync, screen *screen, began time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.timeout > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("not done after %s; the sync goes on", s.timeout))
		defer cancel()
	}
	f, versions := newFollower(asked), o.watch(ctx, asked.ResourceVersion)
	last := asked
	for {
		elapsed := s.now().Sub(began)
		r := f.see(last, elapsed)
		if r.done {
			screen.end(r, elapsed)
			return r.err
		}
		screen.show(r, elapsed)
		select {
		case <-ctx.Done():
			screen.leave()
			return context.Cause(ctx)
		case <-s.ticks:
		case v := <-versions:
			if v.err != nil {
				screen.leave()
				return v.err
			}
			last = v.object
		}
	}
}

// requestValue is a value of the annotation that was never there before: the time,
// for whoever reads it, and some randomness, for whoever asks at the same time.
func requestValue(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // Never fails.
	return now.UTC().Format(time.RFC3339Nano) + "-" + hex.EncodeToString(b[:])
}
