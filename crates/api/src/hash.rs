//! The names of revisions: hashes of a pod template and of canary steps, equal to Argo Rollouts' to the byte.
//!
//! Source: wire-contract 2.2.

mod fields;
mod fnv;
pub(crate) mod go_json;
mod quantities;
mod write;

use std::sync::OnceLock;

use serde_json::Value;

use crate::rollout::CanaryStep;
use crate::template::Template;
use fields::Structs;
use fnv::Fnv;

/// Hash of the undefaulted template; the collision count of the status, if any, gives another.
pub fn pod_template(template: &Template, collision_count: Option<i32>) -> String {
    let mut fnv = template.fnv();
    if let Some(count) = collision_count {
        // eight bytes, of which a 32-bit count fills the first four
        fnv.write(&count.to_le_bytes());
        fnv.write(&[0; 4]);
    }
    fnv.name()
}

/// Hash of the canary's steps. A blue/green rollout has none: its `currentStepHash` is empty.
pub fn steps(steps: &[CanaryStep]) -> String {
    Fnv::of(steps_as_hashed(steps).as_bytes()).name()
}

/// The bytes a template's hash is taken over.
pub fn pod_template_as_hashed(template: &Value) -> String {
    let mut out = String::new();
    write::object(&mut out, pod_template_fields(), "PodTemplateSpec", template);
    out
}

/// The bytes the steps' hash is taken over: a JSON list, `null` when there is no step.
pub fn steps_as_hashed(steps: &[CanaryStep]) -> String {
    if steps.is_empty() {
        return "null".to_owned();
    }
    let mut out = String::new();
    // strings and numbers only: there is nothing in a step that could fail to be JSON
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| serde_json::to_value(step).unwrap_or_default())
        .collect();
    write::list(&mut out, step_fields(), "Step", &steps);
    out
}

/// The part of a template's hash that does not depend on collisions.
pub(crate) fn fnv_of_pod_template(template: &Value) -> Fnv {
    Fnv::of(pod_template_as_hashed(template).as_bytes())
}

fn pod_template_fields() -> &'static Structs {
    static FIELDS: OnceLock<Structs> = OnceLock::new();
    FIELDS.get_or_init(|| Structs::parse(include_str!("hash/pod-template-fields.txt")))
}

fn step_fields() -> &'static Structs {
    static FIELDS: OnceLock<Structs> = OnceLock::new();
    FIELDS.get_or_init(|| Structs::parse(include_str!("hash/step-fields.txt")))
}

pub(crate) use fnv::Fnv as TemplateFnv;
pub(crate) use quantities::{Place, rewrite_quantities};

#[cfg(test)]
mod tests;
