//! Where a rollout stands, as a client sees it: phase and message, current step, current weight.
//!
//! Source: wire-contract 3.13 (client-side phase) and 3.7.1 (current setWeight).

use api::keys;
use api::rollout::{CanaryStep, CanaryStrategy, Rollout, RolloutStatus};

/// Phase and message; the message may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub phase: String,
    pub message: String,
}

impl Standing {
    /// `<phase>`, or `<phase> - <message>`.
    pub fn line(&self) -> String {
        match self.message.as_str() {
            "" => self.phase.clone(),
            message => format!("{} - {message}", self.phase),
        }
    }
}

/// The recorded phase, unless it is known to lag behind what was asked for.
pub fn standing(rollout: &Rollout) -> Standing {
    let progressing = |message: &str| Standing {
        phase: "Progressing".to_owned(),
        message: message.to_owned(),
    };
    let status = status(rollout);
    if lags(&status.observed_generation, rollout.metadata.generation) {
        return progressing("waiting for rollout spec update to be observed");
    }
    if status.controller_pause && status.pause_conditions.is_empty() {
        return progressing("waiting for rollout to unpause");
    }
    if rollout.spec.workload_ref.is_some() && lags(&status.workload_observed_generation, workload_generation(rollout)) {
        return progressing("waiting for rollout spec update to be observed for the reference workload");
    }
    if status.phase.is_empty() {
        // No controller has looked at it yet.
        return progressing("waiting for rollout spec update to be observed");
    }
    Standing {
        phase: status.phase,
        message: status.message,
    }
}

/// The status, empty where there is none yet.
pub fn status(rollout: &Rollout) -> RolloutStatus {
    rollout.status.clone().unwrap_or_default()
}

/// The canary strategy, where that is the one.
pub fn canary(rollout: &Rollout) -> Option<&CanaryStrategy> {
    rollout.spec.strategy.canary.as_ref()
}

/// `Canary`, `BlueGreen`, or nothing.
pub fn strategy(rollout: &Rollout) -> &'static str {
    match (&rollout.spec.strategy.canary, &rollout.spec.strategy.blue_green) {
        (Some(_), _) => "Canary",
        (None, Some(_)) => "BlueGreen",
        (None, None) => "",
    }
}

/// `i/n`; none without steps or before the first one is recorded.
pub fn step(rollout: &Rollout) -> Option<String> {
    let steps = &canary(rollout)?.steps;
    let index = rollout.status.as_ref()?.current_step_index?;
    (!steps.is_empty()).then(|| format!("{index}/{}", steps.len()))
}

/// The step the rollout is at, and its index; none past the end. An index not recorded yet is 0.
pub fn current_step(rollout: &Rollout) -> Option<(usize, &CanaryStep)> {
    let index = rollout.status.as_ref().and_then(|s| s.current_step_index).unwrap_or(0);
    let index = usize::try_from(index).unwrap_or(0);
    canary(rollout)?.steps.get(index).map(|step| (index, step))
}

/// The weight the steps ask for now; 0 for a blue/green.
pub fn set_weight(rollout: &Rollout) -> i32 {
    let Some(canary) = canary(rollout) else { return 0 };
    if rollout.status.as_ref().is_some_and(|status| status.abort) {
        return 0;
    }
    match current_step(rollout) {
        None => canary.max_weight(),
        Some((index, _)) => canary.steps[..=index]
            .iter()
            .rev()
            .find_map(|step| step.set_weight)
            .unwrap_or(0),
    }
}

/// Whether the controller has not seen this generation yet. An observed generation that is no number (an old
/// controller's hash) or lies ahead says nothing.
fn lags(observed: &str, generation: Option<i64>) -> bool {
    let (Ok(observed), Some(generation)) = (observed.parse::<i64>(), generation) else {
        return false;
    };
    observed < generation
}

fn workload_generation(rollout: &Rollout) -> Option<i64> {
    rollout
        .metadata
        .annotations
        .as_ref()?
        .get(keys::WORKLOAD_GENERATION)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(yaml: &str) -> Rollout {
        let text =
            format!("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{name: web, generation: 3}}\n{yaml}");
        serde_saphyr::from_str(&text).expect("a rollout")
    }

    #[test]
    fn phase_is_the_recorded_one_unless_it_lags() {
        let cases = [
            ("{phase: Healthy, observedGeneration: '3'}", "Healthy"),
            (
                "{phase: Paused, message: CanaryPauseStep, observedGeneration: '3'}",
                "Paused - CanaryPauseStep",
            ),
            (
                "{phase: Healthy, observedGeneration: '2'}",
                "Progressing - waiting for rollout spec update to be observed",
            ),
            ("{phase: Healthy, observedGeneration: 6f64012}", "Healthy"),
            ("{phase: Healthy, observedGeneration: '4'}", "Healthy"),
            (
                "{phase: Paused, observedGeneration: '3', controllerPause: true}",
                "Progressing - waiting for rollout to unpause",
            ),
            ("{}", "Progressing - waiting for rollout spec update to be observed"),
        ];
        for (status, expected) in cases {
            let rollout = rollout(&format!("spec: {{strategy: {{canary: {{}}}}}}\nstatus: {status}"));
            assert_eq!(standing(&rollout).line(), expected, "{status}");
        }
    }

    #[test]
    fn a_referenced_workload_may_lag_too() {
        let text = "apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, generation: 3, annotations: {rollout.argoproj.io/workload-generation: '5'}}
spec: {workloadRef: {kind: Deployment, name: web}, strategy: {canary: {}}}
status: {phase: Healthy, observedGeneration: '3', workloadObservedGeneration: '4'}";
        let rollout: Rollout = serde_saphyr::from_str(text).expect("a rollout");
        assert_eq!(
            standing(&rollout).message,
            "waiting for rollout spec update to be observed for the reference workload"
        );
    }

    #[test]
    fn set_weight_is_the_nearest_at_or_before_the_step() {
        let steps = "[{pause: {}}, {setWeight: 20}, {pause: {}}, {setWeight: 60}]";
        let cases = [
            ("{}", 0, None),
            ("{currentStepIndex: 0}", 0, Some("0/4")),
            ("{currentStepIndex: 1}", 20, Some("1/4")),
            ("{currentStepIndex: 2}", 20, Some("2/4")),
            ("{currentStepIndex: 3}", 60, Some("3/4")),
            ("{currentStepIndex: 4}", 100, Some("4/4")),
            ("{currentStepIndex: 2, abort: true}", 0, Some("2/4")),
        ];
        for (status, weight, shown) in cases {
            let rollout = rollout(&format!(
                "spec: {{strategy: {{canary: {{steps: {steps}}}}}}}\nstatus: {status}"
            ));
            assert_eq!(
                (set_weight(&rollout), step(&rollout).as_deref()),
                (weight, shown),
                "{status}"
            );
        }
    }
}
