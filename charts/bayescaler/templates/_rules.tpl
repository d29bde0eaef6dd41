{{/* The rules of the operator's roles; nothing else gives it a right. */}}

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

{{/* The Secrets of one namespace, of a list of names; "*" is all of them. */}}
{{- define "bayescaler.secretRules" -}}
- apiGroups: [""]
  resources: [secrets]
  {{- if not (has "*" .) }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  verbs: [get]
{{- end }}

{{- define "bayescaler.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "bayescaler.leaseName" . }}]
  verbs: [get, create, update]
{{- end }}

{{/* Whose token a visitor or scraper brings, and what it opens: the API server answers for the whole cluster. */}}
{{- define "bayescaler.reviewRules" -}}
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end }}

{{- define "bayescaler.savedStateRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames:
    {{- range until 64 }}
    - {{ include "bayescaler.leaseName" $ }}-state-{{ . }}
    {{- end }}
  verbs: [get, create, patch, update]
{{- end }}
