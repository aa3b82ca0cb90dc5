//! What Argo Rollouts accepts although it will not do what its author meant.

use super::metrics::providers;
use crate::amount::IntOrString;
use crate::analysis::Metric;
use crate::rollout::{BlueGreenStrategy, CanaryStrategy, RolloutSpec, WorkloadKind};

/// Something to look at; no reason to refuse the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The field in the manifest.
    pub path: String,
    /// What will happen.
    pub detail: String,
    /// What to write instead.
    pub remedy: String,
}

/// All warnings about a spec, in the order of its fields.
pub fn warnings(spec: &RolloutSpec) -> Vec<Warning> {
    let mut found = Vec::new();
    if let Some(analysis) = &spec.analysis {
        for (field, limit) in [
            ("successfulRunHistoryLimit", analysis.successful_run_history_limit),
            ("unsuccessfulRunHistoryLimit", analysis.unsuccessful_run_history_limit),
        ] {
            found.extend(negative(&format!("spec.analysis.{field}"), limit));
        }
    }
    if let Some(workload) = &spec.workload_ref {
        let known = ["", "never", "onsuccess", "progressively"];
        if !known.contains(&workload.scale_down.as_str()) {
            found.push(warning(
                "spec.workloadRef.scaleDown",
                "an unknown value means never",
                "write never, onsuccess or progressively",
            ));
        }
    }
    if let Some(workload) = &spec.workload_ref
        && !["", "never"].contains(&workload.scale_down.as_str())
        && workload.workload().is_some_and(|kind| kind != WorkloadKind::Deployment)
    {
        found.push(warning(
            "spec.workloadRef.scaleDown",
            "only a Deployment is scaled down; this workload keeps its size",
            "scale it by hand, or refer to a Deployment",
        ));
    }
    if let Some(blue_green) = &spec.strategy.blue_green {
        found.extend(blue_green_warnings(blue_green));
    }
    if let Some(canary) = &spec.strategy.canary {
        found.extend(canary_warnings(canary, spec.replicas()));
    }
    found
}

/// Warnings about the metric at `path`.
pub fn metric_warnings(metric: &Metric, path: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    let judged_by_provider = metric.provider.job.is_some() || metric.provider.kayenta.is_some();
    let has_condition = !metric.success_condition.is_empty() || !metric.failure_condition.is_empty();
    if !has_condition && !judged_by_provider && !providers(&metric.provider).is_empty() {
        found.push(warning(
            path,
            "without a condition every measurement that yields a value is successful",
            "add a successCondition or a failureCondition, such as result[0] < 0.05",
        ));
    }
    for (field, amount) in [
        ("count", &metric.count),
        ("failureLimit", &metric.failure_limit),
        ("inconclusiveLimit", &metric.inconclusive_limit),
        ("consecutiveErrorLimit", &metric.consecutive_error_limit),
        ("consecutiveSuccessLimit", &metric.consecutive_success_limit),
    ] {
        if let Some(IntOrString::String(text)) = amount
            && text.parse::<i32>().is_err()
            && !text.contains("{{")
        {
            let detail = format!("{text:?} is no number and counts as 0");
            found.push(warning(&format!("{path}.{field}"), &detail, "write a number"));
        }
    }
    found
}

fn blue_green_warnings(blue_green: &BlueGreenStrategy) -> Vec<Warning> {
    let path = "spec.strategy.blueGreen";
    let mut found = Vec::new();
    for (field, number) in [
        ("previewReplicaCount", blue_green.preview_replica_count),
        ("autoPromotionSeconds", Some(blue_green.auto_promotion_seconds)),
        ("scaleDownDelaySeconds", blue_green.scale_down_delay_seconds),
        (
            "scaleDownDelayRevisionLimit",
            blue_green.scale_down_delay_revision_limit,
        ),
        ("abortScaleDownDelaySeconds", blue_green.abort_scale_down_delay_seconds),
    ] {
        found.extend(negative(&format!("{path}.{field}"), number));
    }
    if !blue_green.auto_promotion_enabled() && blue_green.auto_promotion_seconds > 0 {
        found.push(warning(
            &format!("{path}.autoPromotionSeconds"),
            "has no effect while autoPromotionEnabled is false: promotion waits for a person",
            "remove one of the two",
        ));
    }
    found.extend(amount(
        &format!("{path}.maxUnavailable"),
        blue_green.max_unavailable.as_ref(),
    ));
    for (field, analysis) in [
        ("prePromotionAnalysis", &blue_green.pre_promotion_analysis),
        ("postPromotionAnalysis", &blue_green.post_promotion_analysis),
    ] {
        if analysis.as_ref().is_some_and(|a| a.templates.is_empty()) {
            found.push(no_templates(&format!("{path}.{field}")));
        }
    }
    found
}

fn canary_warnings(canary: &CanaryStrategy, replicas: i32) -> Vec<Warning> {
    let path = "spec.strategy.canary";
    let mut found = Vec::new();
    found.extend(steps(canary, &format!("{path}.steps")));
    found.extend(routing(canary, &format!("{path}.trafficRouting")));
    let surge = amount(&format!("{path}.maxSurge"), canary.max_surge.as_ref());
    let unavailable = amount(&format!("{path}.maxUnavailable"), canary.max_unavailable.as_ref());
    let readable = surge.is_none() && unavailable.is_none();
    found.extend(unavailable);
    found.extend(surge);
    let routed = canary.traffic_routing.is_some();
    if readable && !routed && replicas == 1 && canary.surge_and_unavailable(replicas).0 == 0 {
        found.push(warning(
            &format!("{path}.maxSurge"),
            "with one replica and no surge the old pod goes before the new one is there: a moment without pods",
            "allow a surge (maxSurge: 1) or ask for two replicas",
        ));
    }
    if let Some(analysis) = &canary.analysis {
        let path = format!("{path}.analysis");
        if analysis.templates.is_empty() {
            found.push(no_templates(&path));
        }
        found.extend(starting_step(analysis.starting_step, canary.steps.len(), &path));
    }
    for (field, number) in [
        ("scaleDownDelaySeconds", canary.scale_down_delay_seconds),
        ("scaleDownDelayRevisionLimit", canary.scale_down_delay_revision_limit),
        ("abortScaleDownDelaySeconds", canary.abort_scale_down_delay_seconds),
        ("minPodsPerReplicaSet", canary.min_pods_per_replica_set),
    ] {
        found.extend(negative(&format!("{path}.{field}"), number));
    }
    found
}

fn starting_step(step: Option<i32>, steps: usize, path: &str) -> Option<Warning> {
    let step = step.filter(|step| usize::try_from(*step).map_or(true, |step| step >= steps))?;
    let detail = match step {
        ..0 => "negative: the analysis starts at once".to_owned(),
        0.. => format!("there are {steps} steps (the first is 0), so the analysis never starts"),
    };
    let remedy = "write the index of the step that it should start at";
    Some(warning(&format!("{path}.startingStep"), &detail, remedy))
}

fn steps(canary: &CanaryStrategy, path: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut weight = None;
    for (i, step) in canary.steps.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if let Some(next) = step.set_weight {
            if let Some(before) = weight.filter(|before| next <= *before) {
                let detail = format!("weight {next} after weight {before}: the canary gets no more traffic");
                let remedy = "let the weights rise, or remove the step";
                found.push(warning(&format!("{path}.setWeight"), &detail, remedy));
            }
            weight = Some(next);
        }
        if step.pause.as_ref().and_then(|pause| pause.seconds()) == Some(0) {
            found.push(warning(
                &format!("{path}.pause.duration"),
                "shorter than a second: no pause at all",
                "write a duration such as 5m, or leave it out to wait for a promotion",
            ));
        }
        if step.analysis.as_ref().is_some_and(|a| a.templates.is_empty()) {
            found.push(no_templates(&format!("{path}.analysis")));
        }
        if let Some(experiment) = &step.experiment {
            let delay = experiment.scale_down_delay_seconds;
            found.extend(negative(&format!("{path}.experiment.scaleDownDelaySeconds"), delay));
        }
    }
    found
}

fn routing(canary: &CanaryStrategy, path: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    let Some(routing) = &canary.traffic_routing else {
        return found;
    };
    let forms = |one: bool, many: bool| match (one, many) {
        (true, true) => Some("both forms are given"),
        (false, false) => Some("neither form is given"),
        (true, false) | (false, true) => None,
    };
    let istio = routing.istio.as_ref().map(|istio| {
        let many = !istio.virtual_services.is_empty();
        (
            "istio",
            "virtualService or virtualServices",
            forms(istio.virtual_service.is_some(), many),
        )
    });
    let nginx = routing.nginx.as_ref().map(|nginx| {
        let (one, many) = (!nginx.stable_ingress.is_empty(), !nginx.stable_ingresses.is_empty());
        ("nginx", "stableIngress or stableIngresses", forms(one, many))
    });
    let alb = routing.alb.as_ref().map(|alb| {
        let (one, many) = (!alb.ingress.is_empty(), !alb.ingresses.is_empty());
        ("alb", "ingress or ingresses", forms(one, many))
    });
    for (router, fields, fault) in [istio, nginx, alb].into_iter().flatten() {
        if let Some(fault) = fault {
            let detail = format!("{fault}: the controller will refuse the rollout");
            found.push(warning(
                &format!("{path}.{router}"),
                &detail,
                &format!("write {fields}, one of the two"),
            ));
        }
    }
    found
}

fn amount(path: &str, amount: Option<&IntOrString>) -> Option<Warning> {
    let number = match amount? {
        IntOrString::Int(number) => i64::from(*number),
        IntOrString::String(text) => match text.replace('%', "").parse::<i64>() {
            Err(_) => {
                let detail =
                    format!("{text:?} is no number: maxSurge and maxUnavailable both count as 0 and nothing can move");
                return Some(warning(
                    path,
                    &detail,
                    "write a number of pods (3) or a percentage (\"25%\")",
                ));
            }
            Ok(number) if number >= 0 && !text.contains('%') => {
                let detail = format!("a string is a percentage: {text:?} means {number} %, not {number} pods");
                let remedy = format!("write {number} for pods or \"{number}%\" for a percentage");
                return Some(warning(path, &detail, &remedy));
            }
            Ok(number) if number > 100 && path.ends_with("maxUnavailable") => {
                return Some(warning(
                    path,
                    "more than all pods may be missing",
                    "write at most \"100%\"",
                ));
            }
            Ok(number) => number,
        },
    };
    (number < 0).then(|| warning(path, "is negative", "write 0 or more"))
}

fn negative(path: &str, number: Option<i32>) -> Option<Warning> {
    let number = number.filter(|number| *number < 0)?;
    Some(warning(
        path,
        &format!("{number} is negative"),
        "write 0 or more, or leave the field out",
    ))
}

fn no_templates(path: &str) -> Warning {
    warning(
        path,
        "without templates nothing is measured",
        "name an analysis template, or remove the analysis",
    )
}

fn warning(path: &str, detail: &str, remedy: &str) -> Warning {
    Warning {
        path: path.to_owned(),
        detail: detail.to_owned(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: serde_json::Value) -> Vec<String> {
        let spec: RolloutSpec = serde_json::from_value(spec).expect("a spec");
        warnings(&spec)
            .into_iter()
            .map(|w| format!("{}: {}", w.path.trim_start_matches("spec.strategy."), w.detail))
            .collect()
    }

    #[test]
    fn each_warning_where_it_belongs() {
        let surge = "both count as 0 and nothing can move";
        for (strategy, want) in [
            (
                r#"{"canary": {"steps": [{"setWeight": 5}, {"pause": {}}, {"setWeight": 10}]}}"#,
                vec![],
            ),
            (
                r#"{"canary": {"steps": [{"setWeight": 5}, {"pause": {"duration": "0.5s"}}, {"setWeight": 5}]}}"#,
                vec![
                    "canary.steps[1].pause.duration: shorter than a second: no pause at all".to_owned(),
                    "canary.steps[2].setWeight: weight 5 after weight 5: the canary gets no more traffic".to_owned(),
                ],
            ),
            (
                r#"{"canary": {"maxSurge": "ten"}}"#,
                vec![format!(
                    "canary.maxSurge: \"ten\" is no number: maxSurge and maxUnavailable {surge}"
                )],
            ),
            (
                r#"{"canary": {"maxUnavailable": "3"}}"#,
                vec!["canary.maxUnavailable: a string is a percentage: \"3\" means 3 %, not 3 pods".to_owned()],
            ),
            (
                r#"{"canary": {"maxUnavailable": "150%"}}"#,
                vec!["canary.maxUnavailable: more than all pods may be missing".to_owned()],
            ),
            (
                r#"{"canary": {"maxSurge": -1, "abortScaleDownDelaySeconds": -2}}"#,
                vec![
                    "canary.maxSurge: is negative".to_owned(),
                    "canary.abortScaleDownDelaySeconds: -2 is negative".to_owned(),
                ],
            ),
            (
                r#"{"canary": {"analysis": {"startingStep": 1}, "steps": [{"pause": {}}]}}"#,
                vec![
                    "canary.analysis: without templates nothing is measured".to_owned(),
                    "canary.analysis.startingStep: there are 1 steps (the first is 0), so the analysis never starts"
                        .to_owned(),
                ],
            ),
            (
                r#"{"canary": {"trafficRouting": {"istio": {"virtualService": {}, "virtualServices": [{}]}}}}"#,
                vec![
                    "canary.trafficRouting.istio: both forms are given: the controller will refuse the rollout"
                        .to_owned(),
                ],
            ),
            (
                r#"{"blueGreen": {"autoPromotionEnabled": false, "autoPromotionSeconds": 5, "scaleDownDelaySeconds": -1}}"#,
                vec![
                    "blueGreen.scaleDownDelaySeconds: -1 is negative".to_owned(),
                    "blueGreen.autoPromotionSeconds: has no effect while autoPromotionEnabled is false: promotion \
                     waits for a person"
                        .to_owned(),
                ],
            ),
        ] {
            let strategy: serde_json::Value = serde_json::from_str(strategy).expect("JSON");
            assert_eq!(
                of(serde_json::json!({"replicas": 5, "strategy": strategy})),
                want,
                "{strategy}"
            );
        }
    }

    #[test]
    fn one_replica_without_a_surge() {
        let with = |replicas: i32, surge: i32| {
            let canary = serde_json::json!({"maxSurge": surge});
            of(serde_json::json!({"replicas": replicas, "strategy": {"canary": canary}})).len()
        };
        assert_eq!([with(1, 0), with(1, 1), with(2, 0)], [1, 0, 0]);
    }

    #[test]
    fn a_metric_that_judges_nothing() {
        let metric: Metric = serde_json::from_value(serde_json::json!({
            "name": "m", "count": "many", "failureLimit": "{{args.limit}}", "provider": {"web": {"url": "u"}},
        }))
        .expect("a metric");
        let found: Vec<String> = metric_warnings(&metric, "m").into_iter().map(|w| w.path).collect();
        assert_eq!(found, ["m", "m.count"]);
    }
}
