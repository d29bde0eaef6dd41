{{/* Whether the console is reached by the Service. */}}
{{- define "bayescaler.console.served" -}}
{{- if and .Values.console.enabled .Values.console.tls.secretName }}true{{ end }}
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

{{/* The Secret with the certificate of /metrics and the probes; empty where they are plain HTTP. */}}
{{- define "bayescaler.metrics.secretName" -}}
{{- with .Values.metrics.tls -}}
{{- default (ternary (printf "%s-metrics-tls" (include "bayescaler.fullname" $)) "" (not (empty .issuerRef))) .secretName }}
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
