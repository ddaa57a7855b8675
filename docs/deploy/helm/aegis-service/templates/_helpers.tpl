{{- define "aegis-service.selector" -}}
app.kubernetes.io/name: aegis-service
app.kubernetes.io/instance: {{ .Values.name }}
{{- end }}

{{- define "aegis-service.labels" -}}
{{ include "aegis-service.selector" . }}
app.kubernetes.io/part-of: aegis-trader
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "aegis-service.meta" -}}
name: {{ .Values.name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "aegis-service.labels" . | nindent 2 }}
{{- end }}
