//! `promote`: a rollout goes on, or goes all the way.

use anyhow::{Result, bail};
use api::analysis::phase;
use api::rollout::Rollout;

use super::fallback::patch_status;
use crate::cluster::{Cluster, Kind, Name, Part, Patch};
use crate::console::Console;
use crate::{observe, standing};

/// Let a rollout go on past a pause, or skip all that is left with --full
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice promote web           go on past the current pause or step
  sluice promote web --full    skip steps, pauses and analysis: everything to the new version")]
pub struct Args {
    /// Rollout
    #[arg(value_name = "ROLLOUT")]
    name: Name,
    /// Skip every step, pause and analysis that is left
    #[arg(long)]
    full: bool,
    /// Deprecated: skip the current step
    #[arg(short = 'c', long, hide_short_help = true)]
    skip_current_step: bool,
    /// Deprecated: skip all steps
    #[arg(short = 'a', long, hide_short_help = true)]
    skip_all_steps: bool,
}

/// What is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Pause,
    CurrentStep,
    AllSteps,
    Everything,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let skip = match (self.skip_current_step, self.skip_all_steps, self.full) {
            (true, true, _) => bail!("Cannot use skip-current-step and skip-all-steps flags at the same time"),
            (true, false, _) => Skip::CurrentStep,
            (false, true, _) => Skip::AllSteps,
            (false, false, true) => Skip::Everything,
            (false, false, false) => Skip::Pause,
        };
        let name = &self.name;
        let rollout: Rollout = observe::whole(&cluster.get(&Kind::ROLLOUT, name).await?)?;
        let patches = patches(&rollout, skip)?;
        if let Some(status) = &patches.status {
            patch_status(cluster, name, status, &patches.unified).await?;
        }
        if let Some(spec) = patches.spec {
            cluster
                .patch(&Kind::ROLLOUT, name, Part::Main, Patch::Merge(spec.to_owned()))
                .await?;
        }
        match skip {
            Skip::Everything => console.say(format_args!("rollout '{name}' fully promoted"))?,
            Skip::Pause | Skip::CurrentStep | Skip::AllSteps => {
                console.say(format_args!("rollout '{name}' promoted"))?
            }
        }
        Ok(())
    }
}

/// The patches of a promotion. Source: wire-contract 7.2, byte for byte.
#[derive(Debug, PartialEq, Eq)]
struct Patches {
    spec: Option<&'static str>,
    status: Option<String>,
    /// Goes to the object itself where it has no status subresource.
    unified: String,
}

const UNPAUSE: &str = r#"{"spec":{"paused":false}}"#;
const CLEAR: &str = r#"{"status":{"pauseConditions":null}}"#;
const UNIFIED: &str = r#"{"spec":{"paused":false},"status":{"pauseConditions":null}}"#;
const FULL: &str = r#"{"status":{"promoteFull":true}}"#;
const UNIFIED_FULL: &str = r#"{"spec":{"paused":false},"status":{"promoteFull":true}}"#;

fn patches(rollout: &Rollout, skip: Skip) -> Result<Patches> {
    let status = standing::status(rollout);
    let steps = standing::canary(rollout).map_or(0, |canary| canary.steps.len());
    let next = standing::current_step(rollout).map_or(steps, |(index, _)| (index + 1).min(steps));
    let spec = rollout.spec.paused.then_some(UNPAUSE);
    if matches!(skip, Skip::CurrentStep | Skip::AllSteps) {
        if rollout.spec.strategy.blue_green.is_some() {
            bail!("Cannot skip steps of a bluegreen rollout. Run without a flags");
        }
        if steps == 0 {
            bail!("Cannot skip steps of a rollout without steps");
        }
    }
    let patches = match skip {
        Skip::CurrentStep => index_patch(next),
        Skip::AllSteps => index_patch(steps),
        Skip::Everything => Patches {
            spec,
            status: (status.current_pod_hash != status.stable_rs).then(|| FULL.to_owned()),
            unified: UNIFIED_FULL.to_owned(),
        },
        Skip::Pause => {
            let paused = !status.pause_conditions.is_empty();
            let run = status.canary.current_step_analysis_run_status;
            let inconclusive = run.is_some_and(|run| run.status == phase::INCONCLUSIVE);
            if steps > 0 && inconclusive && paused && status.controller_pause {
                Patches {
                    spec,
                    status: Some(format!(
                        r#"{{"status":{{"pauseConditions":null, "controllerPause":false, "currentStepIndex":{next}}}}}"#
                    )),
                    unified: UNIFIED.to_owned(),
                }
            } else if paused {
                Patches {
                    spec,
                    status: Some(CLEAR.to_owned()),
                    unified: UNIFIED.to_owned(),
                }
            } else if steps > 0 {
                let clear = format!(r#""status":{{"pauseConditions":null, "currentStepIndex":{next}}}"#);
                Patches {
                    spec,
                    status: Some(format!("{{{clear}}}")),
                    unified: format!(r#"{{"spec":{{"paused":false}},{clear}}}"#),
                }
            } else {
                Patches {
                    spec,
                    status: None,
                    unified: UNIFIED.to_owned(),
                }
            }
        }
    };
    Ok(patches)
}

fn index_patch(index: usize) -> Patches {
    let patch = format!(r#"{{"status":{{"currentStepIndex":{index}}}}}"#);
    Patches {
        spec: None,
        status: Some(patch.clone()),
        unified: patch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The patches in the order they are sent; the unified one after a bar.
    fn sent(spec: &str, status: &str, skip: Skip) -> String {
        let text = format!("{{metadata: {{name: web}}, spec: {spec}, status: {status}}}");
        let rollout: Rollout = serde_saphyr::from_str(&text).expect("a rollout");
        match patches(&rollout, skip) {
            Ok(Patches { spec, status, unified }) => {
                format!(
                    "{} {} | {unified}",
                    status.as_deref().unwrap_or("-"),
                    spec.unwrap_or("-")
                )
            }
            Err(error) => error.to_string(),
        }
    }

    const STEPS: &str = "{strategy: {canary: {steps: [{setWeight: 5}, {pause: {}}, {setWeight: 9}]}}}";
    const STEPS_PAUSED: &str = "{paused: true, strategy: {canary: {steps: [{setWeight: 5}]}}}";
    const CANARY: &str = "{strategy: {canary: {}}}";
    const BLUE_GREEN: &str = "{strategy: {blueGreen: {activeService: a}}}";
    const HELD: &str = "pauseConditions: [{reason: CanaryPauseStep}], controllerPause: true";

    #[test]
    fn promotions_are_these_patches() {
        let cases = [
            (
                STEPS,
                format!("{{currentStepIndex: 1, {HELD}}}"),
                Skip::Pause,
                r#"{"status":{"pauseConditions":null}} - | {"spec":{"paused":false},"status":{"pauseConditions":null}}"#,
            ),
            (
                STEPS,
                "{currentStepIndex: 0}".into(),
                Skip::Pause,
                r#"{"status":{"pauseConditions":null, "currentStepIndex":1}} - | {"spec":{"paused":false},"status":{"pauseConditions":null, "currentStepIndex":1}}"#,
            ),
            (
                STEPS,
                "{currentStepIndex: 3}".into(),
                Skip::Pause,
                r#"{"status":{"pauseConditions":null, "currentStepIndex":3}} - | {"spec":{"paused":false},"status":{"pauseConditions":null, "currentStepIndex":3}}"#,
            ),
            (
                STEPS_PAUSED,
                "{currentStepIndex: 0}".into(),
                Skip::Pause,
                r#"{"status":{"pauseConditions":null, "currentStepIndex":1}} {"spec":{"paused":false}} | {"spec":{"paused":false},"status":{"pauseConditions":null, "currentStepIndex":1}}"#,
            ),
            (
                STEPS,
                format!(
                    "{{currentStepIndex: 1, {HELD}, canary: {{currentStepAnalysisRunStatus: {{name: r, status: Inconclusive}}}}}}"
                ),
                Skip::Pause,
                r#"{"status":{"pauseConditions":null, "controllerPause":false, "currentStepIndex":2}} - | {"spec":{"paused":false},"status":{"pauseConditions":null}}"#,
            ),
            (
                BLUE_GREEN,
                "{}".into(),
                Skip::Pause,
                r#"- - | {"spec":{"paused":false},"status":{"pauseConditions":null}}"#,
            ),
            (
                BLUE_GREEN,
                "{pauseConditions: [{reason: BlueGreenPause}]}".into(),
                Skip::Pause,
                r#"{"status":{"pauseConditions":null}} - | {"spec":{"paused":false},"status":{"pauseConditions":null}}"#,
            ),
            (
                CANARY,
                "{currentPodHash: new, stableRS: old}".into(),
                Skip::Everything,
                r#"{"status":{"promoteFull":true}} - | {"spec":{"paused":false},"status":{"promoteFull":true}}"#,
            ),
            (
                STEPS_PAUSED,
                "{currentPodHash: old, stableRS: old}".into(),
                Skip::Everything,
                r#"- {"spec":{"paused":false}} | {"spec":{"paused":false},"status":{"promoteFull":true}}"#,
            ),
            (
                STEPS,
                "{currentStepIndex: 1}".into(),
                Skip::CurrentStep,
                r#"{"status":{"currentStepIndex":2}} - | {"status":{"currentStepIndex":2}}"#,
            ),
            (
                STEPS,
                "{currentStepIndex: 1}".into(),
                Skip::AllSteps,
                r#"{"status":{"currentStepIndex":3}} - | {"status":{"currentStepIndex":3}}"#,
            ),
            (
                CANARY,
                "{}".into(),
                Skip::AllSteps,
                "Cannot skip steps of a rollout without steps",
            ),
            (
                BLUE_GREEN,
                "{}".into(),
                Skip::CurrentStep,
                "Cannot skip steps of a bluegreen rollout. Run without a flags",
            ),
        ];
        for (spec, status, skip, expected) in cases {
            assert_eq!(sent(spec, &status, skip), expected, "{spec} {status} {skip:?}");
        }
    }
}
