{{- define "aegis-nats.selector" -}}
app.kubernetes.io/name: aegis-nats
app.kubernetes.io/instance: {{ .Values.name }}
{{- end }}

{{- define "aegis-nats.labels" -}}
{{ include "aegis-nats.selector" . }}
app.kubernetes.io/part-of: aegis-trader
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "aegis-nats.meta" -}}
name: {{ .Values.name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "aegis-nats.labels" . | nindent 2 }}
{{- end }}

{{- define "aegis-nats.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default (printf "%s-alpine" $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "aegis-nats.conf" -}}
server_name: $SERVER_NAME
port: 4222
# For the probes and for monitoring. It asks for no login: the network policy says who may ask.
http_port: 8222
pid_file: "/var/run/nats/nats.pid"

# A server that is to stop sends its clients to the others one after another, instead of all at once.
lame_duck_grace_period: {{ .Values.lameDuck.gracePeriod }}
lame_duck_duration: {{ .Values.lameDuck.duration }}

jetstream {
  store_dir: "/data"
  max_memory_store: {{ .Values.jetstream.maxMemoryStore }}
  # Less than the volume: a disk that is full stops everything, a limit refuses one write.
  max_file_store: {{ .Values.jetstream.maxFileStore }}
  # A write is acknowledged when it is on the disk. "2m", the server's own default, is faster and loses
  # the last writes if most of the machines lose power at once.
  sync_interval: {{ .Values.jetstream.syncInterval }}
}
{{- if gt (int .Values.replicas) 1 }}

cluster {
  name: "{{ .Values.name }}"
  port: 6222
  # Clients know the service; the addresses of pods change.
  no_advertise: true
  routes: [
    {{- range $number := until (int .Values.replicas) }}
    "nats://{{ $.Values.name }}-{{ $number }}.{{ $.Values.name }}-headless:6222"
    {{- end }}
  ]
  {{- if .Values.tls.secret }}
  {{- include "aegis-nats.tls" . | nindent 2 }}
  {{- end }}
}
{{- end }}
{{- if .Values.tls.secret }}

{{ include "aegis-nats.tls" . }}
{{- end }}
{{- with .Values.extraConfig }}

{{ . | trim }}
{{- end }}
{{- if .Values.auth.enabled }}

# Who may connect, and do what: from the secret {{ .Values.auth.secret }}.
include ./auth.conf
{{- end }}
{{- end }}

{{- define "aegis-nats.tls" -}}
tls {
  cert_file: "/etc/nats-tls/tls.crt"
  key_file: "/etc/nats-tls/tls.key"
  ca_file: "/etc/nats-tls/ca.crt"
}
{{- end }}
