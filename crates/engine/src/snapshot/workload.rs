//! The template and the selector of a Rollout that has them elsewhere.
//!
//! Source: wire-contract 1.2 and 3.17. They are put in for the decision alone; nothing that is written carries them.

use std::sync::Arc;

use api::rollout::{LabelSelector, Rollout, WorkloadKind, WorkloadRef};
use api::template::Template;
use api::validate::{FieldError, Shown, TEMPLATE_NOT_EMPTY};

use super::{InvalidSpec, Observed};

/// The Rollout as it would be with the template of its workload in it.
pub(super) fn resolve(observed: &Observed) -> Result<Arc<Rollout>, InvalidSpec> {
    let rollout = &observed.rollout;
    let Some(reference) = &rollout.spec.workload_ref else {
        return Ok(readable(rollout));
    };
    let invalid = |why: String| Err(InvalidSpec(error(reference, why)));
    if rollout
        .spec
        .template
        .as_ref()
        .is_some_and(|template| !template.is_empty())
    {
        return invalid(TEMPLATE_NOT_EMPTY.to_owned());
    }
    let Some(kind) = reference.workload() else {
        let (group, kind) = (reference.group(), &reference.kind);
        return invalid(format!("workload of type {group}/{kind} is not supported"));
    };
    let Some(workload) = &observed.workload else {
        return invalid(format!("{} {:?} not found", resource(kind), reference.name));
    };
    let mut resolved = Rollout::clone(rollout);
    resolved.spec.template = Some(workload.template.clone());
    if resolved.spec.selector.is_none() {
        resolved.spec.selector.clone_from(&workload.selector);
    }
    Ok(Arc::new(resolved))
}

/// The Rollout without what of its template does not decode. Source: wire-contract 10.1 11.
fn readable(rollout: &Arc<Rollout>) -> Arc<Rollout> {
    let template = rollout.spec.template.as_ref();
    let Some(template) = template.and_then(Template::without_unreadable_ephemeral_containers) else {
        return rollout.clone();
    };
    let mut readable = Rollout::clone(rollout);
    readable.spec.template = Some(template);
    Arc::new(readable)
}

/// The selector of the Rollout's pods: its own, or its workload's.
pub(super) fn selector(observed: &Observed) -> Option<&LabelSelector> {
    let own = observed.rollout.spec.selector.as_ref();
    own.or_else(|| {
        observed.rollout.spec.workload_ref.as_ref()?;
        observed.workload.as_ref()?.selector.as_ref()
    })
}

fn error(reference: &WorkloadRef, why: String) -> String {
    FieldError::invalid("spec.workloadRef", Shown::json(reference), why).to_string()
}

/// As the API server names it in its messages.
fn resource(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "deployments.apps",
        WorkloadKind::ReplicaSet => "replicasets.apps",
        WorkloadKind::PodTemplate => "podtemplates",
    }
}
