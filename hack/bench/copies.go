package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// perTransaction is how many objects one transaction of etcd puts; it takes up to
// 128.
const perTransaction = 100

// copyStored puts n copies of an object straight into etcd, as the API server has
// stored it but for what edit changes: through the API server 100,000 objects
// with a status take half an hour.
func (s *stack) copyStored(ctx context.Context, pattern client.Object, n int, edit func(*unstructured.Unstructured, int) error) error {
	text, err := s.stored(ctx, pattern)
	if err != nil {
		return err
	}
	return each(ctx, (n+perTransaction-1)/perTransaction, func(ctx context.Context, part int) error {
		var puts []map[string]any
		for i := part * perTransaction; i < min(n, (part+1)*perTransaction); i++ {
			obj := &unstructured.Unstructured{}
			if err := json.Unmarshal(text, obj); err != nil {
				return err
			}
			obj.SetUID(uuid.NewUUID())
			if err := edit(obj, i); err != nil {
				return err
			}
			value, err := json.Marshal(obj)
			if err != nil {
				return err
			}
			puts = append(puts, map[string]any{"request_put": map[string][]byte{"key": storageKey(obj), "value": value}})
		}
		return s.etcd(ctx, "txn", map[string]any{"success": puts}, nil)
	})
}

// stored returns an object as it is in etcd.
func (s *stack) stored(ctx context.Context, obj client.Object) ([]byte, error) {
	var found struct {
		KVs []struct {
			Value []byte `json:"value"`
		} `json:"kvs"`
	}
	if err := s.etcd(ctx, "range", map[string][]byte{"key": storageKey(obj)}, &found); err != nil {
		return nil, err
	}
	if len(found.KVs) != 1 {
		return nil, errors.New("the object is not where the API server should have stored it")
	}
	return found.KVs[0].Value, nil
}

// storageKey is where the API server stores an object.
func storageKey(obj client.Object) []byte {
	return []byte("/registry/modelarts.datasetsync.dev/datasetsyncs/" + keyOf(obj))
}

// etcd calls an operation of etcd's JSON gateway.
func (s *stack) etcd(ctx context.Context, operation string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/v3/kv/%s", s.env.ControlPlane.Etcd.URL, operation)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	page, err := send(http.DefaultClient, request)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(page, answer)
}
