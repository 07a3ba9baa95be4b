{{/* The beginning of every name: the release's, which says "datasetsync" in any case. */}}
{{- define "datasetsync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name }}
{{- else -}}
{{ .Release.Name }}-{{ .Chart.Name }}
{{- end -}}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "datasetsync.labels" -}}
app.kubernetes.io/name: datasetsync-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The labels by which the manager's pods and Service are found. */}}
{{- define "datasetsync.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
control-plane: controller-manager
{{- end -}}

{{- define "datasetsync.image" -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest -}}
@{{ .Values.image.digest }}
{{- else -}}
:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The manager's service account, as the subject of a binding. */}}
{{- define "datasetsync.subjects" -}}
- kind: ServiceAccount
  name: {{ include "datasetsync.fullname" . }}-controller-manager
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* What the manager may do with the objects that it watches. */}}
{{- define "datasetsync.rules" -}}
- apiGroups:
  - ""
  resources:
  - secrets
  verbs:
  - get
- apiGroups:
  - events.k8s.io
  resources:
  - events
  verbs:
  - create
  - patch
- apiGroups:
  - modelarts.datasetsync.dev
  resources:
  - datasetsyncs
  verbs:
  - get
  - list
  - watch
- apiGroups:
  - modelarts.datasetsync.dev
  resources:
  - datasetsyncs/status
  verbs:
  - patch
{{- end -}}
