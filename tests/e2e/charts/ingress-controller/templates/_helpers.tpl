{{- define "controller.name" -}}{{ printf "%s-controller" .Release.Name | trunc 63 | trimSuffix "-" }}{{- end }}
{{- define "controller.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "controller.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "controller.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "controller.pod" -}}
metadata:
  annotations:
    checksum/config: {{ .Values.config | toYaml | sha256sum }}
  labels: {{- include "controller.labels" . | nindent 4 }}
    app.kubernetes.io/component: controller
spec:
  serviceAccountName: {{ include "controller.name" . }}
  terminationGracePeriodSeconds: 300
  dnsPolicy: ClusterFirst
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector: {matchLabels: {app.kubernetes.io/component: controller}}
  topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {app.kubernetes.io/component: controller}}
  containers:
  - name: controller
    image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
    args:
    - --configmap=$(POD_NAMESPACE)/{{ include "controller.name" . }}
    - --ingress-class={{ .Values.ingressClass.name }}
    securityContext:
      runAsNonRoot: true
      runAsUser: 101
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: false
      seccompProfile: {type: RuntimeDefault}
      capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
    env:
    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    {{- with .Values.extraEnv }}{{ toYaml . | nindent 4 }}{{ end }}
    ports:
    - {name: http, containerPort: 80}
    - {name: https, containerPort: 443}
    {{- if .Values.metrics }}
    - {name: metrics, containerPort: 10254}
    {{- end }}
    {{- range $port, $to := .Values.tcp }}
    - {name: {{ $port }}-tcp, containerPort: {{ $port }}}
    {{- end }}
    livenessProbe: {httpGet: {path: /healthz, port: 10254}, initialDelaySeconds: 10, failureThreshold: 5}
    readinessProbe: {httpGet: {path: /healthz, port: 10254}, initialDelaySeconds: 10}
    lifecycle: {preStop: {exec: {command: [/wait-shutdown]}}}
    resources: {{- toYaml .Values.resources | nindent 6 }}
{{- end }}
