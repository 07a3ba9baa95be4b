package controllers

import (
	"unique"

	corev1 "k8s.io/api/core/v1"

	"datasetsync.dev/operator/api/v1alpha1"
)

// Compact is the transform of the cache: it drops what the Reconciler does not
// read, and makes the rest small. An object at rest is mostly words that all
// objects share, and slices that the decoder made longer than need be.
func Compact(object any) (any, error) {
	obj, ok := object.(*v1alpha1.DatasetSync)
	if !ok {
		return object, nil // The name of an object that was deleted unseen.
	}
	obj.ManagedFields = nil
	delete(obj.Annotations, corev1.LastAppliedConfigAnnotation)
	share(&obj.Kind, &obj.APIVersion, &obj.Namespace)
	share(&obj.Spec.ProjectID, &obj.Spec.Region, &obj.Spec.CredentialsSecretRef.Name)
	compactStatus(&obj.Status)
	return obj, nil
}

func compactStatus(st *v1alpha1.DatasetSyncStatus) {
	share(&st.TaskState, &st.ErrorCode, &st.ErrorMsg)
	if target := st.HandledTarget; target != nil {
		share(&target.ProjectID, &target.Region)
	}
	st.Conditions = fit(st.Conditions)
	for i := range st.Conditions {
		c := &st.Conditions[i]
		share(&c.Type, &c.Reason, &c.Message)
		share(&c.Status)
	}
	st.History = fit(st.History)
	for i := range st.History {
		h := &st.History[i]
		share(&h.Cause)
		share(&h.Outcome)
		share(&h.Origin)
		share(&h.ErrorCode, &h.ErrorMsg)
	}
}

// share has equal words lie in memory once.
func share[T ~string](words ...*T) {
	for _, word := range words {
		*word = unique.Make(*word).Value()
	}
}

// fit returns a slice that is as long as its elements need.
func fit[T any](slice []T) []T {
	if len(slice) == cap(slice) {
		return slice
	}
	fitted := make([]T, len(slice))
	copy(fitted, slice)
	return fitted
}
