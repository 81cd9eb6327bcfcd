{{- /* At most 52 characters: with a hash the name of a StatefulSet is a label of its pods. */ -}}
{{- define "exporter.name" -}}
{{- $name := printf "%s-%s" .Release.Name .Chart.Name -}}
{{- if contains .Chart.Name .Release.Name -}}{{- $name = .Release.Name -}}{{- end -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- /* Labels that select the pods of a role; takes the root and the role. */ -}}
{{- define "exporter.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "exporter.labels" -}}
{{- $root := index . 0 -}}
{{ include "exporter.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "exporter.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
image: {{ printf "%s%s%s" .Values.image.repository (hasPrefix "sha256:" $tag | ternary "@" ":") $tag }}
{{- /* What Kubernetes does with a tag anyhow is not said. */ -}}
{{- if ne .Values.image.pullPolicy "IfNotPresent" }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}
{{- end -}}

{{- /* What a pod is of; takes the root, a user and a group. */ -}}
{{- define "exporter.pod" -}}
{{- $root := index . 0 -}}
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 1 }}
  runAsGroup: {{ index . 2 }}
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- /* Where a pod may run; takes the values of its role. */ -}}
{{- define "exporter.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "exporter.unprivileged" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "exporter.scheme" -}}
{{- if and .Values.web.secrets .Values.web.tls -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{- /* Whether strangers are refused, the kubelet among them: true or nothing. */ -}}
{{- define "exporter.refuses" -}}
{{- if and .Values.web.secrets .Values.web.knownClients -}}true{{- end -}}
{{- end -}}

{{- define "exporter.web.flags" -}}
{{- if .Values.web.secrets -}}
- --web.config.file=/etc/airflow-perf-exporter-web/web-config.yml
{{- end -}}
{{- end -}}

{{- define "exporter.web.mounts" -}}
{{- if .Values.web.secrets -}}
- name: web
  mountPath: /etc/airflow-perf-exporter-web
  readOnly: true
{{- end -}}
{{- end -}}

{{- define "exporter.web.volumes" -}}
{{- with .Values.web.secrets -}}
- name: web
  projected:
    defaultMode: 288 # 0440: for the group of the pod
    sources:
      {{- range . }}
      - secret:
          name: {{ . | quote }}
      {{- end }}
{{- end -}}
{{- end -}}

{{- define "exporter.probes" -}}
startupProbe:
  {{- include "exporter.probe" (list . "/-/healthy") | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  {{- include "exporter.probe" (list . "/-/ready") | nindent 2 }}
  {{- include "exporter.rarely" . | nindent 2 }}
livenessProbe:
  {{- include "exporter.probe" (list . "/-/healthy") | nindent 2 }}
  {{- include "exporter.rarely" . | nindent 2 }}
{{- end -}}

{{- /* A command takes a tenth of a second of CPU each time. */ -}}
{{- define "exporter.rarely" -}}
{{- if include "exporter.refuses" . -}}
periodSeconds: 30
{{- end -}}
{{- end -}}

{{- /* How a path is asked; takes the root and the path. */ -}}
{{- define "exporter.probe" -}}
{{- $root := index . 0 -}}
{{- if include "exporter.refuses" $root -}}
exec:
  command: [python, -I, -m, exporter.probe, {{ printf "%s://127.0.0.1:10112%s" (include "exporter.scheme" $root) (index . 1) }}]
timeoutSeconds: 5
{{- else -}}
httpGet:
  path: {{ index . 1 }}
  port: metrics
  {{- if eq (include "exporter.scheme" $root) "https" }}
  scheme: HTTPS
  {{- end }}
{{- end -}}
{{- end -}}

{{- /* How a scrape names its target; takes the root and whether hosts are told apart. */ -}}
{{- define "exporter.endpoint" -}}
{{- $root := index . 0 -}}
interval: {{ $root.Values.monitors.interval }}
honorLabels: true
relabelings:
  - sourceLabels: [__meta_kubernetes_pod_name]
    targetLabel: instance
  {{- if index . 1 }}
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: node
  {{- end }}
  - targetLabel: airflow
    replacement: {{ $root.Values.airflow | quote }}
{{- end -}}

{{- /* How a scrape is let in: of the chart's own pods, not of sidecars. */ -}}
{{- define "exporter.access" -}}
{{- if .Values.web.secrets -}}
scheme: {{ include "exporter.scheme" . }}
{{- with .Values.monitors.tlsConfig }}
tlsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.monitors.basicAuth }}
basicAuth: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* Metadata of what is found by labels of the user's; takes the root, name and labels. */ -}}
{{- define "exporter.metadata" -}}
name: {{ index . 1 }}
labels:
  app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
  app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
  {{- with index . 2 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
