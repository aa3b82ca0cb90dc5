//! What people do to a Rollout, as the plugin sends it (wire-contract 7.1 and 7.2).

use controller::kind::{Kind, Name};
use serde_json::{Value, json};
use sim::Request;

use super::Model;
use crate::scenario::Skip;

impl Model {
    /// A Rollout as the API server has it; null when there is none.
    pub fn rollout_at(&self, at: &Name) -> Value {
        let found = self.object("rollouts.argoproj.io", &at.namespace, &at.name);
        found.cloned().unwrap_or(Value::Null)
    }

    /// A merge patch of a Rollout.
    pub fn patch(&mut self, at: &Name, patch: &Value) {
        let path = format!("{}/{}", Kind::Rollout.path(&at.namespace), at.name);
        self.user(Request::merge_patch(&path, patch));
    }

    /// A merge patch of a Rollout's status.
    pub fn patch_status(&mut self, at: &Name, fields: &Value) {
        let path = format!("{}/{}/status", Kind::Rollout.path(&at.namespace), at.name);
        self.user(Request::merge_patch(&path, &json!({ "status": fields })));
    }

    /// `promote NAME`.
    pub fn promote(&mut self, at: &Name) {
        for patch in promotion(&self.rollout_at(at)) {
            self.send(at, &patch);
        }
    }

    /// One patch of a person's.
    pub fn send(&mut self, at: &Name, patch: &Promotion) {
        match patch {
            Promotion::Spec(patch) => self.patch(at, patch),
            Promotion::Status(fields) => self.patch_status(at, fields),
            Promotion::Template(patch) => {
                let path = format!("{}/{}", Kind::Rollout.path(&at.namespace), at.name);
                self.user(Request::json_patch(&path, patch));
            }
        }
    }
}

/// One patch of a promotion.
pub enum Promotion {
    Spec(Value),
    /// The fields of the status.
    Status(Value),
    /// A JSON patch.
    Template(Value),
}

/// What the plugin sends to promote this rollout in full. Source: wire-contract 7.2.
pub fn full_promotion(rollout: &Value) -> Vec<Promotion> {
    let mut patches = Vec::new();
    let status = &rollout["status"];
    if status["currentPodHash"] != status["stableRS"] {
        patches.push(Promotion::Status(json!({ "promoteFull": true })));
    }
    if rollout["spec"]["paused"] == true {
        patches.push(Promotion::Spec(json!({ "spec": { "paused": false } })));
    }
    patches
}

/// What the plugin sends to skip steps of this rollout. Source: wire-contract 7.2.
pub fn skipped(rollout: &Value, skip: Skip) -> Promotion {
    let steps = rollout["spec"]["strategy"]["canary"]["steps"]
        .as_array()
        .map_or(0, Vec::len);
    let next = rollout["status"]["currentStepIndex"].as_u64().unwrap_or(0) as usize + 1;
    let index = match skip {
        Skip::One => next.min(steps),
        Skip::All => steps,
    };
    Promotion::Status(json!({ "currentStepIndex": index }))
}

/// What the plugin sends to go back to the template of the second newest of these ReplicaSets, or of this revision.
/// Source: wire-contract 7.1.
pub fn undone<'s>(sets: impl Iterator<Item = &'s Value>, to: Option<i64>) -> Option<Promotion> {
    let revision = |set: &Value| {
        set["metadata"]["annotations"][api::keys::REVISION]
            .as_str()?
            .parse::<i64>()
            .ok()
    };
    let mut found: Vec<(i64, &Value)> = sets.filter_map(|set| Some((revision(set)?, set))).collect();
    found.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
    let (_, set) = match to {
        None => found.get(1)?,
        Some(asked) => found.iter().find(|(revision, _)| *revision == asked)?,
    };
    let mut template = set["spec"]["template"].clone();
    let labels = template["metadata"]["labels"].as_object_mut()?;
    labels.remove(api::keys::POD_TEMPLATE_HASH);
    Some(Promotion::Template(
        json!([{ "op": "replace", "path": "/spec/template", "value": template }]),
    ))
}

/// What the plugin sends to promote this rollout. Source: wire-contract 7.2.
pub fn promotion(rollout: &Value) -> Vec<Promotion> {
    let mut patches = Vec::new();
    if rollout["spec"]["paused"] == true {
        patches.push(Promotion::Spec(json!({ "spec": { "paused": false } })));
    }
    let status = &rollout["status"];
    let steps = rollout["spec"]["strategy"]["canary"]["steps"]
        .as_array()
        .map_or(0, Vec::len);
    let next = status["currentStepIndex"].as_u64().unwrap_or(0) as usize + 1;
    let run = &status["canary"]["currentStepAnalysisRunStatus"]["status"];
    let paused = status["pauseConditions"]
        .as_array()
        .is_some_and(|pauses| !pauses.is_empty());
    if *run == "Inconclusive" && paused && status["controllerPause"] == true {
        let fields = json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next.min(steps)});
        patches.push(Promotion::Status(fields));
    } else if paused {
        patches.push(Promotion::Status(json!({ "pauseConditions": null })));
    } else if steps > 0 {
        let fields = json!({ "pauseConditions": null, "currentStepIndex": next.min(steps) });
        patches.push(Promotion::Status(fields));
    }
    patches
}
