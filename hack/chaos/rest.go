package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// restTime is for how long objects at rest are watched.
const restTime = 3 * time.Second

// staysAtRest complains if objects at rest cost calls or writes.
func (l *lane) staysAtRest(ctx context.Context) error {
	if len(l.problems) > 0 {
		return nil // Some may still be on their way.
	}
	time.Sleep(restTime / 3) // What was decided before is finished.
	callsBefore, versionsBefore, err := l.trace(ctx)
	if err != nil {
		return err
	}
	time.Sleep(restTime)
	calls, versions, err := l.trace(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(callsBefore, calls) {
		l.complain(fmt.Sprintf("objects at rest cost calls: %v, then %v", callsBefore, calls))
	}
	if !maps.Equal(versionsBefore, versions) {
		l.complain("objects at rest are written")
	}
	return nil
}

// trace returns how many calls the service has seen, and the resource version of
// every object.
func (l *lane) trace(ctx context.Context) (map[string]int, map[string]string, error) {
	items, err := l.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	versions := map[string]string{}
	for i := range items {
		versions[items[i].Name] = items[i].ResourceVersion
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.control+"/calls", http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	var calls map[string]int
	return calls, versions, json.NewDecoder(response.Body).Decode(&calls)
}
