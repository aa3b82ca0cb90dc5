//! Which specs are refused, with the words a client sees; and which are accepted although they should not be.
//!
//! `rollout` holds the rules of the contract, `references` those about looked-up objects, `unsupported` what this version
//! does not do yet, `warnings` what Argo Rollouts accepts but nobody should ask for, `metrics` the rules for analysis
//! metrics. Source: wire-contract 7.7, 4.3.

mod container;
mod field;
mod metrics;
mod names;
mod references;
mod selector;
mod steps;
mod strategy;
mod template;
mod unsupported;
mod warnings;

pub use field::{FieldError, Kind, Shown, quote};
pub use metrics::{MetricFault, MetricRules, metrics, without_arguments};
pub use references::{
    Scope, Seen, ServiceReference, ServiceSeen, TemplateReference, TemplateSeen, Usage, references, service_references,
    template_references,
};
pub use unsupported::{unsupported, unsupported_features, unsupported_metric};
pub use warnings::{Warning, metric_warnings, warnings};

use crate::rollout::{LabelSelector, Rollout, RolloutSpec};

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
/// What is wrong with a `workloadRef` beside a template of one's own.
pub const TEMPLATE_NOT_EMPTY: &str = "template must be empty for workload reference rollout";

/// Every error of the spec rules, in the contract's order; the controller reports the first.
///
/// The manifest is taken as written: a `workloadRef` is not resolved, and its (empty) template is not looked at.
/// Source: wire-contract 7.7, rules 1 to 13.
pub fn rollout(rollout: &Rollout) -> Vec<FieldError> {
    rules(&rollout.spec, Templates::AsWritten)
}

/// The same of a Rollout with a `workloadRef` whose template and selector have been put in.
pub fn resolved(rollout: &Rollout) -> Vec<FieldError> {
    rules(&rollout.spec, Templates::Resolved)
}

/// Where template and selector come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Templates {
    AsWritten,
    Resolved,
}

fn rules(spec: &RolloutSpec, templates: Templates) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(not_negative("spec.replicas", spec.replicas));
    if spec.workload_ref.is_none() {
        errors.extend(own_selector(spec.selector.as_ref()));
    } else if templates == Templates::AsWritten && has_metadata(spec) {
        errors.push(FieldError::internal("spec.template", TEMPLATE_NOT_EMPTY));
    }
    errors.extend(selector_and_template(spec, templates));
    errors.extend(seconds(spec));
    errors.extend(strategy::errors(spec));
    errors
}

/// Rule 2: without `workloadRef`, a selector that asks for something.
fn own_selector(selector: Option<&LabelSelector>) -> Vec<FieldError> {
    const MISSING: &str = "Rollout has missing field '.spec.selector'";
    const EMPTY: &str = "empty selector is invalid for deployment";
    let Some(selector) = selector else {
        return vec![FieldError::required("spec.selector", MISSING)];
    };
    let mut errors = selector::syntax(selector, "spec.selector");
    if selector::is_empty(selector) {
        errors.push(FieldError::invalid("spec.selector", Shown::json(selector), EMPTY));
    }
    errors
}

/// Rule 3's test: labels or annotations in the template's metadata; the rest of a template does not count (1.1).
fn has_metadata(spec: &RolloutSpec) -> bool {
    let template = spec.template.as_ref().map(|t| t.value()).unwrap_or_default();
    ["labels", "annotations"].iter().any(|part| {
        template["metadata"][*part]
            .as_object()
            .is_some_and(|entries| !entries.is_empty())
    })
}

/// Rule 4.
fn selector_and_template(spec: &RolloutSpec, templates: Templates) -> Vec<FieldError> {
    let selector = spec.selector.as_ref();
    if let Some(selector) = selector.filter(|s| !selector::syntax(s, "spec.selector").is_empty()) {
        let error = FieldError::invalid("spec.selector", Shown::json(selector), "invalid label selector");
        return vec![error];
    }
    match (&spec.workload_ref, templates) {
        (Some(_), Templates::AsWritten) => Vec::new(),
        (Some(_), Templates::Resolved) | (None, _) => template::errors(spec.template.as_ref(), selector),
    }
}

/// Rule 5.
fn seconds(spec: &RolloutSpec) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(not_negative("spec.minReadySeconds", Some(spec.min_ready_seconds)));
    errors.extend(not_negative("spec.revisionHistoryLimit", spec.revision_history_limit));
    let path = "spec.progressDeadlineSeconds";
    errors.extend(not_negative(path, spec.progress_deadline_seconds));
    let deadline = spec.progress_deadline_seconds();
    if deadline <= spec.min_ready_seconds {
        errors.push(FieldError::invalid(
            path,
            deadline,
            "must be greater than minReadySeconds",
        ));
    }
    errors
}

fn not_negative(path: &str, number: Option<i32>) -> Option<FieldError> {
    let number = number.filter(|n| *n < 0)?;
    Some(FieldError::invalid(path, number, NOT_NEGATIVE))
}
