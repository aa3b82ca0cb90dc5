//! What people do to a Rollout, as the plugin sends it (wire-contract 7.1 and 7.2).

use controller::kind::{Kind, Name};
use serde_json::{Value, json};
use sim::Request;

use super::Model;

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
            match patch {
                Promotion::Spec(patch) => self.patch(at, &patch),
                Promotion::Status(fields) => self.patch_status(at, &fields),
            }
        }
    }
}

/// One patch of a promotion.
pub enum Promotion {
    Spec(Value),
    /// The fields of the status.
    Status(Value),
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
