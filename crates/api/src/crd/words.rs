//! What the schema says beyond the types: which keys must be there, and the few values and defaults that are fixed.
//!
//! Source: wire-contract 1.0.

/// Keys that must be there, by struct.
pub(super) const REQUIRED: &[(&str, &[&str])] = &[
    ("AnalysisRunSpec", &["metrics"]),
    ("AnalysisRunStatus", &["phase"]),
    ("Metric", &["name", "provider"]),
    ("MetricResult", &["name", "phase"]),
    ("Measurement", &["phase"]),
    ("ExperimentSpec", &["templates"]),
    ("TemplateSpec", &["name", "selector", "template"]),
    (
        "TemplateStatus",
        &[
            "name",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
        ],
    ),
    ("ExperimentAnalysisRunStatus", &["name", "analysisRun", "phase"]),
    ("BlueGreenStrategy", &["activeService"]),
    ("PauseCondition", &["reason", "startTime"]),
    (
        "Condition",
        &[
            "type",
            "status",
            "lastUpdateTime",
            "lastTransitionTime",
            "reason",
            "message",
        ],
    ),
    ("TrafficWeights", &["canary", "stable"]),
    ("WeightDestination", &["weight"]),
    ("StepPluginStatus", &["index", "name", "operation"]),
    ("SetMirrorRoute", &["name"]),
    ("HeaderRoutingMatch", &["headerName", "headerValue"]),
    ("StickinessConfig", &["enabled", "durationSeconds"]),
    ("AlbTrafficRouting", &["servicePort"]),
    ("AwsResourceRef", &["name", "arn"]),
    ("LabelSelectorRequirement", &["key", "operator"]),
    (
        "KayentaMetric",
        &[
            "address",
            "application",
            "canaryConfigName",
            "metricsAccountName",
            "configurationAccountName",
            "storageAccountName",
            "threshold",
            "scopes",
        ],
    ),
    ("WebMetric", &["url"]),
    ("NewRelicMetric", &["query"]),
    ("CloudWatchMetric", &["metricDataQueries"]),
    ("JobMetric", &["spec"]),
];

/// More to say of a field: struct, field, JSON to merge into its schema.
pub(super) const FIXED: &[(&str, &str, &str)] = &[
    // where Argo Rollouts' own CRD is installed, the controller writes the 1 (wire-contract 1.1)
    ("RolloutSpec", "replicas", r#"{"default": 1}"#),
    (
        "RolloutSpec",
        "selector",
        r#"{
            "x-kubernetes-map-type": "atomic",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]
        }"#,
    ),
    ("TemplateSpec", "selector", r#"{"x-kubernetes-map-type": "atomic"}"#),
    (
        "DatadogMetric",
        "apiVersion",
        r#"{"default": "v1", "enum": ["v1", "v2"]}"#,
    ),
    ("DatadogMetric", "interval", r#"{"default": "5m"}"#),
    ("DatadogMetric", "requestTimeout", r#"{"default": "10s"}"#),
    (
        "DatadogMetric",
        "aggregator",
        r#"{"enum": ["avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"]}"#,
    ),
];
