{{- define "bayescaler.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of all names: the release, with the chart's name unless the release has it already. */}}
{{- define "bayescaler.fullname" -}}
{{- $name := include "bayescaler.name" . }}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $whole .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "bayescaler.selectorLabels" -}}
app.kubernetes.io/name: {{ include "bayescaler.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The user's labels win over the chart's, but for those that selectors name. */}}
{{- define "bayescaler.labels" -}}
{{- $ours := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" "bayescaler" }}
{{- toYaml (merge (fromYaml (include "bayescaler.selectorLabels" .)) .Values.commonLabels $ours) }}
{{- end }}

{{/* Metadata of every object: `dict "root" $ "name" ... "namespace" ... "labels" ... "annotations" ...`, all but root and
name optional. */}}
{{- define "bayescaler.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- toYaml (merge (dict) (default (dict) .labels) (fromYaml (include "bayescaler.labels" .root))) | nindent 2 }}
{{- with merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "bayescaler.serviceAccountName" -}}
{{- default (ternary (include "bayescaler.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "bayescaler.serviceName" -}}
{{ include "bayescaler.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "bayescaler.leaseName" -}}
{{- default (include "bayescaler.fullname" .) .Values.leaderElection.leaseName }}
{{- end }}

{{- define "bayescaler.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{/* A role of the operator, bound to its account: `dict "root" $ "name" ... "namespace" ... "rules" ...`; of the cluster
without a namespace. */}}
{{- define "bayescaler.role" -}}
{{- $kind := ternary "Role" "ClusterRole" (hasKey . "namespace") -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  {{- include "bayescaler.metadata" . | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  {{- include "bayescaler.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
  {{- include "bayescaler.subjects" .root | nindent 2 }}
{{- end }}

{{/* The subject of every binding. */}}
{{- define "bayescaler.subjects" -}}
- kind: ServiceAccount
  name: {{ include "bayescaler.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
