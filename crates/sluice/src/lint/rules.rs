//! What one object does wrong by itself: its shape, then the rules of the controller.

use std::collections::BTreeSet;

use api::analysis::{AnalysisRun, AnalysisTemplate, Argument, Metric};
use api::rollout::Rollout;
use api::validate::{self, MetricRules};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::kinds::{self, Known};
use super::{Diagnostic, Object, Severity, remedy, shape};

pub(super) fn diagnostics(object: &Object<'_>) -> Vec<Diagnostic> {
    let (api_version, kind) = (object.text("apiVersion"), object.kind());
    for (field, value) in [("apiVersion", api_version), ("kind", kind)] {
        if value.is_empty() {
            let message = format!("no Kubernetes object: {field} is missing");
            return vec![object.about(Severity::Error, field, message, format!("add {field}"))];
        }
    }
    let schema = match kinds::known(api_version, kind) {
        Known::Schema(schema) => schema,
        Known::Foreign => return Vec::new(),
        Known::Misspelt(version, name) => {
            let field = if kind == name { "apiVersion" } else { "kind" };
            let message = format!("there is no {kind} in {api_version}");
            let remedy = format!("did you mean apiVersion: {version}, kind: {name}?");
            return vec![object.about(Severity::Error, field, message, remedy)];
        }
    };
    let shape = shape::faults(schema, &object.root);
    let readable = shape.is_empty();
    let mut found: Vec<Diagnostic> = shape.into_iter().map(|fault| object.error(fault)).collect();
    if object.name().is_empty() {
        let message = "the object has no name".to_owned();
        found.push(object.about(Severity::Error, "metadata.name", message, "add metadata.name"));
    }
    match kind {
        "Rollout" => found.extend(decoded::<Rollout>(object, readable, rollout)),
        "AnalysisRun" => found.extend(decoded::<AnalysisRun>(object, readable, run)),
        // A ClusterAnalysisTemplate has the same shape.
        "AnalysisTemplate" | "ClusterAnalysisTemplate" => {
            found.extend(decoded::<AnalysisTemplate>(object, readable, template));
        }
        "Experiment" => {
            let message = "this version of Sluice does not act on Experiments".to_owned();
            found.push(object.about(
                Severity::Warning,
                "",
                message,
                "remove it, or run it with another controller",
            ));
        }
        _ => {}
    }
    found
}

/// What the rules say of the decoded object; why it does not decode, if its shape does not tell.
fn decoded<T: DeserializeOwned>(
    object: &Object<'_>,
    readable: bool,
    rules: fn(&Object<'_>, &T) -> Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    match serde_json::from_value(object.value.clone()) {
        Ok(typed) => rules(object, &typed),
        Err(error) if readable => {
            let message = format!("the object cannot be read: {error}");
            vec![object.about(Severity::Error, "", message, "correct the value named here")]
        }
        Err(_) => Vec::new(),
    }
}

fn rollout(object: &Object<'_>, rollout: &Rollout) -> Vec<Diagnostic> {
    let refused = validate::rollout(rollout).into_iter();
    let refused = refused.chain(validate::unsupported_features(&rollout.spec));
    let errors = refused.map(|error| {
        let remedy = remedy::of(&error);
        object.about(Severity::Error, &error.path, error.body(), remedy)
    });
    let warnings = validate::warnings(&rollout.spec).into_iter();
    errors.chain(warnings.map(|w| warned(object, w))).collect()
}

fn warned(object: &Object<'_>, warning: validate::Warning) -> Diagnostic {
    object.about(Severity::Warning, &warning.path, warning.detail, warning.remedy)
}

fn run(object: &Object<'_>, run: &AnalysisRun) -> Vec<Diagnostic> {
    let rules = MetricRules {
        metrics: &run.spec.metrics,
        dry_run: &run.spec.dry_run,
        measurement_retention: &run.spec.measurement_retention,
    };
    metrics(object, rules, &run.spec.args, |_| Some(Severity::Error))
}

fn template(object: &Object<'_>, template: &AnalysisTemplate) -> Vec<Diagnostic> {
    let spec = &template.spec;
    let rules = MetricRules {
        metrics: &spec.metrics,
        dry_run: &spec.dry_run,
        measurement_retention: &spec.measurement_retention,
    };
    let composed = !spec.templates.is_empty();
    metrics(object, rules, &spec.args, |path| match path {
        "metrics" if composed => None,
        // The rule may be meant for a metric of a template that is used beside this one.
        path if !path.starts_with("metrics") => Some(Severity::Warning),
        _ => Some(Severity::Error),
    })
}

fn metrics(
    object: &Object<'_>,
    rules: MetricRules<'_>,
    args: &[Argument],
    severity: impl Fn(&str) -> Option<Severity>,
) -> Vec<Diagnostic> {
    let judged: Vec<Metric> = rules.metrics.iter().map(validate::without_arguments).collect();
    let rules = MetricRules {
        metrics: &judged,
        ..rules
    };
    let mut found = Vec::new();
    for fault in validate::metrics(rules) {
        let remedy = remedy::of_metric(&fault.message);
        let path = format!("spec.{}", fault.path);
        found.extend(severity(&fault.path).map(|severity| object.about(severity, &path, fault.message, remedy)));
    }
    for (i, metric) in judged.iter().enumerate() {
        let path = format!("spec.metrics[{i}]");
        if let Some(error) = validate::unsupported_metric(metric, &path) {
            let remedy = remedy::of(&error);
            found.push(object.about(Severity::Error, &error.path, error.body(), remedy));
        }
        let warnings = validate::metric_warnings(metric, &path);
        found.extend(warnings.into_iter().map(|w| warned(object, w)));
    }
    found.extend(arguments(object, args));
    found
}

/// Every `{{...}}` in a metric names an argument that is declared (wire-contract 4.3).
fn arguments(object: &Object<'_>, args: &[Argument]) -> Vec<Diagnostic> {
    let declared: BTreeSet<&str> = args.iter().map(|arg| arg.name.as_str()).collect();
    let metrics = object.value["spec"]["metrics"].as_array().into_iter().flatten();
    let mut found = Vec::new();
    for (i, metric) in metrics.enumerate() {
        let mut tags = BTreeSet::new();
        collect_tags(metric, &mut tags);
        for tag in tags {
            let known = tag.strip_prefix("args.").is_some_and(|name| declared.contains(name));
            if !known {
                let message = format!("failed to resolve {{{{{tag}}}}}");
                let meant = tag.strip_prefix("args.").unwrap_or(&tag);
                let remedy = match super::nearest::nearest(meant, declared.iter().copied()) {
                    Some(near) => format!("did you mean {{{{args.{near}}}}}?"),
                    None => format!("declare {meant} under spec.args"),
                };
                found.push(object.about(Severity::Error, &format!("spec.metrics[{i}]"), message, remedy));
            }
        }
    }
    found
}

fn collect_tags(value: &Value, tags: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
            tags.extend(parts.map(|(tag, _)| tag.trim().to_owned()));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_tags(item, tags)),
        Value::Object(fields) => fields.values().for_each(|field| collect_tags(field, tags)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
