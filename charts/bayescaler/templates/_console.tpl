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
