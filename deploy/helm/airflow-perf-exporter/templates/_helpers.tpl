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

{{- define "exporter.probes" -}}
startupProbe:
  httpGet:
    path: /-/healthy
    port: metrics
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet:
    path: /-/ready
    port: metrics
livenessProbe:
  httpGet:
    path: /-/healthy
    port: metrics
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
