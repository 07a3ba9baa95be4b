package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is a connection between a manager and a server that can be made to
// suffer. It is toxiproxy's, inside this process.
type link struct{ proxy *toxiproxy.Proxy }

// newLink opens a link to the server at address.
func newLink(name, address string) (*link, error) {
	silent := zerolog.New(io.Discard)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), silent)
	l := &link{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", address)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("open the link %s: %w", name, err)
	}
	return l, nil
}

func (l *link) address() string { return l.proxy.Listen }

// cut breaks all connections, and refuses new ones until the link is mended.
func (l *link) cut() { l.proxy.Stop() }

// mend makes the link good again.
func (l *link) mend(ctx context.Context) error {
	l.proxy.Toxics.ResetToxics(ctx)
	if err := l.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted { //nolint:errorlint // It is returned as it is.
		return fmt.Errorf("mend the link %s: %w", l.proxy.Name, err)
	}
	return nil
}

// toxic is a way in which a link suffers.
type toxic struct {
	kind   string
	stream string
	// attributes as toxiproxy names them.
	attributes map[string]int
}

// downKind is the toxic that toxiproxy has as a state of the proxy.
const downKind = "down"

func (t toxic) String() string {
	if t.stream == "" {
		return t.kind
	}
	return t.kind + " " + t.stream
}

// toxics are all ways: each of toxiproxy's in both directions, and down. No
// request is delayed by as much as the settle time: that is what the promise is
// made for.
func toxics() []toxic {
	all := []toxic{{kind: downKind}}
	for _, stream := range []string{"upstream", "downstream"} {
		all = append(
			all,
			toxic{"latency", stream, map[string]int{"latency": 700, "jitter": 500}},
			toxic{"bandwidth", stream, map[string]int{"rate": 1}},
			toxic{"slow_close", stream, map[string]int{"delay": 1000}},
			toxic{"timeout", stream, map[string]int{"timeout": 300}},
			toxic{"reset_peer", stream, map[string]int{"timeout": 20}},
			toxic{"slicer", stream, map[string]int{"average_size": 64, "size_variation": 32, "delay": 20_000}},
			toxic{"limit_data", stream, map[string]int{"bytes": 150}},
		)
	}
	return all
}

// suffer poisons the link until it is mended.
func (l *link) suffer(t toxic) error {
	if t.kind == downKind {
		l.cut()
		return nil
	}
	text, err := json.Marshal(map[string]any{"name": t.kind, "type": t.kind, "stream": t.stream, "attributes": t.attributes})
	if err != nil {
		return err
	}
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
		return fmt.Errorf("poison the link %s: %w", l.proxy.Name, err)
	}
	return nil
}
