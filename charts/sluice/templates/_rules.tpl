{{- /* Generated from crates/controller/src/permissions.rs by `just chart`. Do not edit. */ -}}

{{- define "sluice.rules" -}}
# list, watch: what is asked for
# get: what became of a write that was refused, which Service nobody refers to any more, and who may take a ReplicaSet
# patch: the revision annotation, and `replicas` where a foreign CRD leaves it unset
- apiGroups: ["argoproj.io"]
  resources: ["rollouts"]
  verbs: [get, list, watch, patch]
# patch: progress, conditions, phase
- apiGroups: ["argoproj.io"]
  resources: ["rollouts/status"]
  verbs: [patch]
# update: ReplicaSets and runs keep their Rollout from being deleted first (blockOwnerDeletion)
- apiGroups: ["argoproj.io"]
  resources: ["rollouts/finalizers"]
  verbs: [update]
# list, watch: revisions and their pods' counts
# get: what became of a write that was refused
# create: a new revision
# patch: its size, its annotations, whose it is
# delete: revisions beyond revisionHistoryLimit
- apiGroups: ["apps"]
  resources: ["replicasets"]
  verbs: [get, list, watch, create, patch, delete]
# get, list, watch: the template of rollouts with a workloadRef; nothing is read before there is one
# patch: its size, where a workloadRef asks with scaleDown
- apiGroups: ["apps"]
  resources: ["deployments"]
  verbs: [get, list, watch, patch]
# get, list, watch: the template of rollouts with a workloadRef; nothing is read before there is one
- apiGroups: [""]
  resources: ["podtemplates"]
  verbs: [get, list, watch]
# list, watch: which revision a Service names
# get: what became of a write that was refused
# patch: its selector: traffic is switched by it
- apiGroups: [""]
  resources: ["services"]
  verbs: [get, list, watch, patch]
# list: whether a Service that was switched has ready endpoints
- apiGroups: ["discovery.k8s.io"]
  resources: ["endpointslices"]
  verbs: [list]
# list: pods to restart, pods to relabel, and pods that `sluice/scrape` asks
# patch: labels and annotations by role (canaryMetadata and the like)
- apiGroups: [""]
  resources: ["pods"]
  verbs: [list, patch]
# create: restarts, which respect PodDisruptionBudgets
- apiGroups: [""]
  resources: ["pods/eviction"]
  verbs: [create]
# list, watch: measurements so far
# get: what became of a write that was refused
# create: an analysis
# patch: measurements, and the end of runs
# delete: runs beyond the history limits or their time to live
- apiGroups: ["argoproj.io"]
  resources: ["analysisruns"]
  verbs: [get, list, watch, create, patch, delete]
# list, watch: what is measured
# get: healing what a watch has missed
- apiGroups: ["argoproj.io"]
  resources: ["analysistemplates"]
  verbs: [get, list, watch]
# get: arguments of an analysis that name a Secret; by name, when the analysis starts, and not kept
- apiGroups: [""]
  resources: ["secrets"]
  {{- with .Values.rbac.secretNames }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get]
# create: what people read in `kubectl describe`
- apiGroups: [""]
  resources: ["events"]
  verbs: [create]
# list: whether another controller leads on the same rollouts, once at the start
- apiGroups: ["coordination.k8s.io"]
  resources: ["leases"]
  verbs: [list]
{{- end }}

{{- define "sluice.clusterRules" -}}
# list, watch: what is measured
# get: healing what a watch has missed
- apiGroups: ["argoproj.io"]
  resources: ["clusteranalysistemplates"]
  verbs: [get, list, watch]
{{- end }}

{{- define "sluice.ownRules" -}}
# get, create, update: one leader of several replicas
- apiGroups: ["coordination.k8s.io"]
  resources: ["leases"]
  verbs: [create]
- apiGroups: ["coordination.k8s.io"]
  resources: ["leases"]
  resourceNames: [{{ include "sluice.lease" . | quote }}]
  verbs: [get, update]
{{- end }}
