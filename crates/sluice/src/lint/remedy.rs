//! What to do about an error of the rules, by its words.

use api::validate::{FieldError, Kind};

/// The first line whose text is in the error's words.
const BY_DETAIL: &[(&str, &str)] = &[
    ("SetWeight needs to be between", "write a weight from 0 to 100"),
    (
        "Duration needs to be greater",
        "write seconds (30) or a duration (5m, 1h30m); leave it out to wait for a promotion",
    ),
    (
        "Step must have one of",
        "put each of setWeight, pause, analysis and experiment into a step of its own",
    ),
    (
        ".spec.strategy.canary or",
        "add a canary or a blueGreen strategy (canary: {} is a plain one)",
    ),
    ("Multiple Strategies", "keep canary or blueGreen, and remove the other"),
    (
        "missing field '.spec.selector'",
        "add spec.selector.matchLabels with labels of the template",
    ),
    ("empty selector", "add matchLabels with labels of the template"),
    ("invalid label selector", "correct the selector as said beside"),
    (
        "`selector` does not match",
        "give the template every label that spec.selector asks for",
    ),
    (
        "active and preview services",
        "name a Service for each, or leave previewService out; activeService is required",
    ),
    ("stable and canary services", "name a Service of its own for each"),
    (
        "MaxSurge and MaxUnavailable",
        "let one of them be more than 0, else no pod can ever be replaced",
    ),
    (
        "can not be smaller than the rollout's scale down",
        "raise revisionHistoryLimit or lower scaleDownDelayRevisionLimit",
    ),
    (
        "must be greater than minReadySeconds",
        "raise progressDeadlineSeconds above minReadySeconds",
    ),
    ("must be greater than or equal to 0", "write 0 or more"),
    (
        "scaleDownDelaySeconds can only be used",
        "remove it: without a router old pods go as new ones come",
    ),
    (
        "can only be used with traffic routing",
        "remove it, or add trafficRouting",
    ),
    (
        "requires TrafficRouting to be set",
        "remove the step, or add trafficRouting",
    ),
    (
        "requires TrafficRouting",
        "remove the step, or use a router that can do it",
    ),
    (
        "must to be set to use Traffic Routing",
        "name both Services, stableService and canaryService",
    ),
    (
        "managedRoutes",
        "list the route's name under trafficRouting.managedRoutes",
    ),
    ("match value", "write one of exact, prefix and regex"),
    ("template must be empty", "remove the template, or the workloadRef"),
    ("AntiAffinity must have exactly one", "keep preferred or required"),
    ("between 1-100", "write a weight from 1 to 100"),
    (
        "is not supported by this version",
        "remove it, or run this rollout with a controller that has it",
    ),
    (
        "downwardAPI",
        "use metadata.name, namespace, uid, labels['key'] or annotations['key']",
    ),
    ("must be no more than", "write a shorter text"),
    (
        "has unmatch label",
        "let the Service select labels that the template has",
    ),
    ("is managed by another Rollout", "give each Rollout Services of its own"),
    ("runs indefinitely", "give the metric a count, or remove its interval"),
    (
        "missing analysis arguments",
        "give the template's arguments a value under args of this analysis",
    ),
    ("supported values:", "write one of the supported values"),
    ("not supported", "remove it"),
    (
        "must consist of",
        "use letters, digits and '-' ('_' and '.' too in label values), no blank",
    ),
];

/// What to do about an error of the rules.
pub(super) fn of(error: &FieldError) -> String {
    // The rule has one detail for two faults; of the empty step it names all eight kinds (wire-contract 7.7, rule 12).
    if let Kind::Invalid { value } = &error.kind
        && value.contains("step.SetCanaryScale")
    {
        return "write setWeight, pause or analysis into the step, or remove it".to_owned();
    }
    let by_detail = BY_DETAIL.iter().find(|(words, _)| error.detail.contains(words));
    if let Some((_, remedy)) = by_detail {
        return (*remedy).to_owned();
    }
    let field = error.path.rsplit('.').next().unwrap_or_default();
    match &error.kind {
        Kind::Required => format!("add {field}"),
        Kind::Forbidden => format!("remove {field}"),
        Kind::Duplicate { .. } => "give each its own name".to_owned(),
        Kind::NotFound { .. } => "add what it names, or correct the name".to_owned(),
        Kind::Invalid { .. } | Kind::Internal | Kind::Unsupported { .. } => format!("correct {field}"),
    }
}

/// What to do about a fault of a metric (wire-contract 4.3).
pub(super) fn of_metric(message: &str) -> &'static str {
    const REMEDIES: &[(&str, &str)] = &[
        ("no metrics", "add a metric under spec.metrics"),
        ("duplicate name", "give each metric its own name"),
        ("cannot both be disabled", "set failureLimit or consecutiveSuccessLimit"),
        ("count", "raise count, or lower the limit"),
        ("interval must be", "add an interval such as 1m"),
        ("string:", "write a duration such as 30s or 5m"),
        ("no provider", "add a provider: prometheus, web or plugin"),
        ("multiple providers", "keep one provider; make a metric of each"),
        ("didn't match", "name a metric of this analysis"),
    ];
    let interval = message.starts_with("interval must be");
    let known = REMEDIES
        .iter()
        .find(|(words, _)| message.contains(words) && !(interval && *words == "count"));
    known.map_or("write 0 or more", |(_, remedy)| remedy)
}
