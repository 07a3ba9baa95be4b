package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	projectID = "cbfb9585c5854926a411a3f5a984fc09"
	// perAccount is how many data sets an account may have in a region
	// (ModelArts, notes and constraints).
	perAccount = 100
	// workers is how many requests bench has under way at once.
	workers = 32
	// finishedRuns is how many entries the history of a finished object has: all
	// that the CRD's default keeps.
	finishedRuns = 5
)

// account is a namespace with a Secret and a key pair of its own.
func account(i int) string { return fmt.Sprintf("account-%04d", i) }

// addAccounts creates the first n accounts.
func (s *stack) addAccounts(ctx context.Context, n int) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		name := account(i)
		if err := s.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: v1alpha1.DefaultCredentialsSecret},
			StringData: map[string]string{"accessKey": name, "secretKey": "secret-of-" + name},
		}
		if err := s.client.Create(ctx, secret); err != nil {
			return err
		}
		return post(ctx, http.DefaultClient, s.control+"/credentials",
			map[string]string{"access_key": name, "secret_key": "secret-of-" + name})
	})
}

// object is the i-th object of a kind, in an account.
func object(account, kind string, i int) *v1alpha1.DatasetSync {
	name := fmt.Sprintf("%s-%06d", kind, i)
	return &v1alpha1.DatasetSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: account, Name: name},
		Spec:       v1alpha1.DatasetSyncSpec{ProjectID: projectID, DatasetID: name},
	}
}

func keyOf(obj client.Object) string { return obj.GetNamespace() + "/" + obj.GetName() }

// addWaiting creates n objects that nobody has seen yet, with their accounts.
func (s *stack) addWaiting(ctx context.Context, kind string, n int) error {
	if err := s.addAccounts(ctx, (n+perAccount-1)/perAccount); err != nil {
		return err
	}
	return each(ctx, n, func(ctx context.Context, i int) error {
		return s.client.Create(ctx, object(account(i/perAccount), kind, i))
	})
}

// addFinished creates n objects as they are after their runs, with their
// accounts, and one more that really has had its run.
func (s *stack) addFinished(ctx context.Context, n int) error {
	if n == 0 {
		return s.addAccounts(ctx, 1)
	}
	if err := s.addAccounts(ctx, (n+perAccount-1)/perAccount); err != nil {
		return err
	}
	pattern, err := s.finished(ctx)
	if err != nil {
		return err
	}
	return s.copyStored(ctx, pattern, n, func(obj *unstructured.Unstructured, i int) error {
		one := object(account(i/perAccount), "rest", i)
		obj.SetNamespace(one.Namespace)
		obj.SetName(one.Name)
		history, _, err := unstructured.NestedSlice(obj.Object, "status", "history")
		for err == nil && len(history) < finishedRuns {
			history = append(history, history[0])
		}
		return errors.Join(err,
			unstructured.SetNestedField(obj.Object, one.Spec.DatasetID, "spec", "datasetID"),
			unstructured.SetNestedField(obj.Object, one.Spec.DatasetID, "status", "handledTarget", "datasetID"),
			unstructured.SetNestedField(obj.Object, fmt.Sprintf("%s%014d", resting, i), "status", "taskID"),
			unstructured.SetNestedSlice(obj.Object, history, "status", "history"))
	})
}

// finished has a manager serve one object, and returns it.
func (s *stack) finished(ctx context.Context) (*v1alpha1.DatasetSync, error) {
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	obj := object(account(0), "pattern", 0)
	if err := s.client.Create(ctx, obj); err != nil {
		return nil, err
	}
	m, err := s.startManager(ctx)
	if err != nil {
		return nil, err
	}
	defer m.stop()
	if _, err := o.awaitTasks(ctx, 1); err != nil {
		return nil, err
	}
	if err := s.finish(ctx, obj); err != nil {
		return nil, err
	}
	if _, err := o.awaitReady(ctx, 1); err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second) // For the events that follow the last write.
	return obj, nil
}

// finish ends an object's task at the service.
func (s *stack) finish(ctx context.Context, obj *v1alpha1.DatasetSync) error {
	return post(ctx, http.DefaultClient, s.control+"/tasks",
		map[string]string{"project": projectID, "dataset": obj.Spec.DatasetID, "finish": "COMPLETED"})
}

// each calls do for 0 to n-1, some at once.
func each(ctx context.Context, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
