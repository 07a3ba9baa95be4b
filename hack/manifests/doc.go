// Package manifests tests what a cluster is given: the kustomizations under
// config/, the Helm chart, the alerts and the dashboard. It is a module of its own
// because Helm's engine, the parser of Prometheus' queries and the CRDs of the
// Prometheus operator are needed here alone.
//
// It needs the control plane's binaries in KUBEBUILDER_ASSETS. Tests that need
// promtool are skipped unless PROMTOOL is its path; the script promtool beside this
// file prints one.
package manifests
