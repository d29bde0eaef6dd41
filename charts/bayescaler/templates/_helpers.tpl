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

{{- define "bayescaler.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bayescaler.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: bayescaler
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bayescaler.serviceAccountName" -}}
{{- default (ternary (include "bayescaler.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
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

{{/* The subject of every binding. */}}
{{- define "bayescaler.subjects" -}}
- kind: ServiceAccount
  name: {{ include "bayescaler.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* What the operator may do where it serves objects: of the cluster, or of each watched namespace. */}}
{{- define "bayescaler.rules" -}}
- apiGroups: [bayescaler.dev]
  resources: [bayesianautoscalers]
  verbs: [list, watch]
- apiGroups: [bayescaler.dev]
  resources: [bayesianautoscalers/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale]
  verbs: [patch]
# Targets are known by a watch, which shows their pod templates too.
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [list, watch]
# Other kinds are not watched: their replicas are read from /scale.
{{- range .Values.rbac.extraScaleTargets }}
- apiGroups: [{{ .group }}]
  resources: [{{ .resource }}/scale]
  verbs: [get, patch]
{{- end }}
# Other autoscalers of a target are a conflict in mode Auto; in mode Floor their least replicas are what is patched.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch{{ if .Values.rbac.floor }}, patch{{ end }}]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [list, watch{{ if .Values.rbac.floor }}, patch{{ end }}]
# The reactive fallback: utilisation of a target's pods against what they request.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
