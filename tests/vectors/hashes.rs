//! Form `hashes.jsonl`: a template and steps as written in a manifest, and what Argo Rollouts makes of them.

use api::{hash, rollout::RolloutSpec};
use serde_json::{Value, json};

pub(super) fn check(line: &Value) -> Result<(), String> {
    // null means that the manifest has none
    let given = |key: &str| Some(&line[key]).filter(|value| !value.is_null());
    let manifest = json!({"template": given("template"), "strategy": {"canary": {"steps": given("steps")}}});
    let spec: RolloutSpec = serde_json::from_value(manifest).map_err(|e| e.to_string())?;
    let steps = &spec.strategy.canary.as_ref().ok_or("no canary")?.steps;
    let template = spec.template.clone().unwrap_or_default();
    for (key, got) in [
        ("stepsAsHashed", hash::steps_as_hashed(steps)),
        ("wantStepHash", hash::steps(steps)),
        ("templateAsHashed", hash::pod_template_as_hashed(&template.value())),
        ("wantPodHash", hash::pod_template(&template, None)),
    ] {
        if line[key] != got.as_str() {
            return Err(format!(
                "{key}\n    wanted {}\n    got    {got}",
                line[key].as_str().unwrap_or_default()
            ));
        }
    }
    Ok(())
}
