package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"datasetsync.dev/operator/api/v1alpha1"
)

// start is a line of the simulator's ledger: one request to start a task, and
// what became of it.
type start struct {
	Dataset string `json:"dataset"`
	Verdict string `json:"verdict"`
	TaskID  string `json:"task_id"`
}

// audit shows what the simulator saw, and fails unless it started exactly one
// task for each sample, the one that its status names.
func (d *demo) audit(ctx context.Context, ledger string, samples []v1alpha1.DatasetSync) error {
	starts, err := readLedger(ctx, ledger)
	if err != nil {
		return fmt.Errorf("read the simulator's ledger: %w", err)
	}
	fmt.Println("\nWhat the simulator was asked to start:")
	accepted := map[string][]string{}
	for _, s := range starts {
		fmt.Printf("  dataset %s  %s  task %s\n", s.Dataset, s.Verdict, s.TaskID)
		if s.Verdict == "accepted" {
			accepted[s.Dataset] = append(accepted[s.Dataset], s.TaskID)
		}
	}
	fmt.Println()
	for i := range samples {
		s := &samples[i]
		tasks := accepted[s.Spec.DatasetID]
		if len(tasks) != 1 || tasks[0] != s.Status.TaskID {
			return fmt.Errorf("%s: the simulator started the tasks %q, and status names %q",
				s.Name, tasks, s.Status.TaskID)
		}
	}
	return nil
}

// readLedger gets the ledger, one JSON object a line.
func readLedger(ctx context.Context, url string) ([]start, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	var starts []start
	for decoder := json.NewDecoder(response.Body); ; {
		var s start
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			return starts, nil
		}
		if err != nil {
			return nil, err
		}
		starts = append(starts, s)
	}
}
