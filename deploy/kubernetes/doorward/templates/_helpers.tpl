{{- define "doorward.name" -}}
{{- if contains "doorward" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-doorward" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "doorward.selector" -}}
app.kubernetes.io/name: doorward
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "doorward.labels" -}}
{{ include "doorward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "doorward.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}{{ include "doorward.name" . }}
{{- else }}default{{ end }}
{{- end }}

{{- define "doorward.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What cannot work does not render. */}}
{{- define "doorward.check" -}}
{{- $v := .Values }}
{{- if and (gt (int $v.replicas) 1) (ne $v.ledger.kind "postgres") }}
{{- fail "more than one replica needs a shared ledger: set ledger.kind to postgres, or replicas to 1 (an SQLite ledger is one doorward's alone)" }}
{{- end }}
{{- if not $v.image.repository }}
{{- fail "image.repository is needed: where the image of doorward was pushed to" }}
{{- end }}
{{- if not $v.config.public_url }}
{{- fail "config.public_url is needed: how people and senders reach doorward, such as https://doorward.contoso.com" }}
{{- end }}
{{- if not $v.config.registries }}
{{- fail "config.registries is empty: enrol at least one registry by its id" }}
{{- end }}
{{- if not $v.config.sources }}
{{- fail "config.sources is empty: without a source doorward hears nobody" }}
{{- end }}
{{- range $field := list "listen" "admin" "admin_token" "state" "policies" }}
{{- if hasKey $v.config $field }}
{{- fail (printf "config.%s is the chart's own: see ledger, admin, policies and secretName in its values" $field) }}
{{- end }}
{{- end }}
{{- if and $v.serviceMonitor.enabled (not $v.admin.expose) }}
{{- fail "serviceMonitor.enabled needs admin.expose: metrics are on the admin listener" }}
{{- end }}
{{- end }}

{{/* doorward.yaml: the user's, and what the chart decides. */}}
{{- define "doorward.config" -}}
{{- $secrets := "/etc/doorward/secrets" }}
{{- $config := deepCopy .Values.config }}
{{- $_ := set $config "listen" "0.0.0.0:8080" }}
{{- $_ := set $config "policies" "/etc/doorward/policies" }}
{{- if .Values.admin.expose }}
{{- $_ := set $config "admin" "0.0.0.0:8081" }}
{{- $_ := set $config "admin_token" (dict "file" (printf "%s/admin-token" $secrets)) }}
{{- else }}
{{- $_ := set $config "admin" "127.0.0.1:8081" }}
{{- end }}
{{- if eq .Values.ledger.kind "postgres" }}
{{- $_ := set $config "state" (dict "file" (printf "%s/database-url" $secrets)) }}
{{- else }}
{{- $_ := set $config "state" "sqlite:///var/lib/doorward/doorward.db" }}
{{- end }}
{{- if not $config.links }}
{{- $_ := set $config "links" (dict "key" (dict "file" (printf "%s/link-key" $secrets))) }}
{{- end }}
{{- $azure := $config.azure | default dict }}
{{- if not $azure.credential }}
{{- $_ := set $azure "credential" (dict "kind" "workload_identity") }}
{{- end }}
{{- $_ := set $config "azure" $azure }}
{{- toYaml $config }}
{{- end }}
