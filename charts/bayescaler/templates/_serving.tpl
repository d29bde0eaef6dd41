{{/* The Secret with a certificate, named or written by cert-manager: `dict "root" $ "name" ... "tls" ...`; empty without. */}}
{{- define "bayescaler.tlsSecretName" -}}
{{- $issued := ternary "" (printf "%s-%s-tls" (include "bayescaler.fullname" .root) .name) (empty .tls.issuerRef) }}
{{- default $issued .tls.secretName }}
{{- end }}

{{- define "bayescaler.console.secretName" -}}
{{- include "bayescaler.tlsSecretName" (dict "root" . "name" "console" "tls" .Values.console.tls) }}
{{- end }}

{{/* Of /metrics and the probes. */}}
{{- define "bayescaler.metrics.secretName" -}}
{{- include "bayescaler.tlsSecretName" (dict "root" . "name" "metrics" "tls" .Values.metrics.tls) }}
{{- end }}

{{/* Whether the console is reached by the Service. */}}
{{- define "bayescaler.console.served" -}}
{{- if and .Values.console.enabled (include "bayescaler.console.secretName" .) }}true{{ end }}
{{- end }}

{{/* The console's part of the command line: with a certificate it is for everybody, else for port-forward. */}}
{{- define "bayescaler.console.args" -}}
{{- if include "bayescaler.console.served" . -}}
- --console=0.0.0.0:{{ .Values.console.port }}
- --console-tls-cert=/etc/bayescaler/console/tls.crt
- --console-tls-key=/etc/bayescaler/console/tls.key
{{- else if .Values.console.enabled -}}
- --console=127.0.0.1:{{ .Values.console.port }}
{{- end }}
{{- end }}

{{/* The part of the command line of /metrics and the probes. */}}
{{- define "bayescaler.metrics.args" -}}
{{- if include "bayescaler.metrics.secretName" . -}}
- --listen-tls-cert=/etc/bayescaler/metrics/tls.crt
- --listen-tls-key=/etc/bayescaler/metrics/tls.key
{{- else if and .Values.metrics.auth (not (has "--plain-http" .Values.extraArgs)) }}
{{- fail "metrics.auth: tokens must not cross the network in the clear: give a certificate by metrics.tls, or extraArgs [--plain-http] where a proxy in the pod does TLS" }}
{{- end }}
{{- if .Values.metrics.auth }}
- --metrics-auth
{{- end }}
{{- end }}

{{/* A probe of the operator's own port. */}}
{{- define "bayescaler.probe" -}}
path: {{ .path }}
port: http
{{- if include "bayescaler.metrics.secretName" .root }}
scheme: HTTPS
{{- end }}
{{- end }}
