// Package v1alpha1 is the API of the DatasetSync operator: what a user asks
// for and what the operator reports. It needs apimachinery only.
//
// +kubebuilder:object:generate=true
// +groupName=modelarts.datasetsync.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of this package.
var GroupVersion = schema.GroupVersion{Group: "modelarts.datasetsync.dev", Version: "v1alpha1"}

// AddToScheme makes the types of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &DatasetSync{}, &DatasetSyncList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
