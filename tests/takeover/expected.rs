//! Where a recorded state ends when it is continued: general rules over spec and status, for any state of this form.
//!
//! Source: wire-contract 3.7 to 3.11, 3.13, 3.17; what differs on purpose differs on the way, not at the end.

use std::collections::BTreeMap;

use api::rollout::{CanaryStrategy, RolloutStatus};
use engine::canary::{WeightInput, Whole, desired_weight};
use engine::scale::{Aborted, Limits, weighted_counts};
use serde_json::Value;

use super::recorded::{Recorded, hash_of};

/// How a state is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nobody does anything.
    Time,
    /// Promoted now, and again whenever a person is waited for.
    Promote,
    Abort,
    /// Retried now, then promoted whenever a person is waited for.
    Retry,
    /// A new image now, then promoted whenever a person is waited for.
    Image,
}

impl Way {
    pub(super) const ALL: [Way; 5] = [Way::Time, Way::Promote, Way::Abort, Way::Retry, Way::Image];

    /// Whether pauses on the way are promoted.
    pub(super) fn promotes(self) -> bool {
        match self {
            Way::Promote | Way::Retry | Way::Image => true,
            Way::Time | Way::Abort => false,
        }
    }
}

/// The pod template of a new revision: with an image that no revision of the state has.
pub(super) fn new_template(state: &Recorded) -> Value {
    let mut template = state.template();
    let image = &mut template["spec"]["containers"][0]["image"];
    *image = Value::from(format!("{}-next", image.as_str().unwrap_or_default()));
    template
}

/// What can be seen at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) phase: &'static str,
    /// What the message begins with.
    pub(super) message: String,
    pub(super) current: String,
    pub(super) stable: String,
    pub(super) index: Option<i32>,
    pub(super) revision: i64,
    pub(super) pause: Option<String>,
    /// Pods by hash; the empty ones left out.
    pub(super) pods: BTreeMap<String, i32>,
    /// The hash each Service names.
    pub(super) services: BTreeMap<String, String>,
    /// (type, status, reason) of the conditions that every status has.
    pub(super) conditions: Vec<(&'static str, &'static str, &'static str)>,
    /// `spec.replicas` of a Deployment that is scaled down for good.
    pub(super) workload: Option<i32>,
}

/// Where `way` leads.
pub(super) fn end(state: &Recorded, way: Way) -> End {
    let status = state.status();
    let promoted = status.stable_rs.is_empty() || status.stable_rs == status.current_pod_hash;
    if way == Way::Image {
        let hash = hash_of(&new_template(state), status.collision_count);
        let revision = state.sets().iter().map(|set| set.revision).max().unwrap_or(0) + 1;
        return healthy(state, &hash, revision);
    }
    if promoted && !(way == Way::Time && state.rollout.spec.paused) {
        return healthy(state, &status.current_pod_hash, revision(state));
    }
    if way == Way::Abort || (status.abort && way != Way::Retry) {
        return aborted(state, &status);
    }
    if way.promotes() {
        return healthy(state, &status.current_pod_hash, revision(state));
    }
    match waits_for_a_person(state, &status) {
        Some(wait) => paused(state, &status, wait),
        None => healthy(state, &status.current_pod_hash, revision(state)),
    }
}

/// What holds a rollout that nobody touches.
enum Wait {
    /// `spec.paused`: nothing moves from where it is.
    Spec,
    /// A pause step without an end.
    Step(i32),
    /// The switch of a blue/green.
    Switch,
    /// An inconclusive run.
    Inconclusive,
}

fn waits_for_a_person(state: &Recorded, status: &RolloutStatus) -> Option<Wait> {
    let strategy = &state.rollout.spec.strategy;
    if state.rollout.spec.paused {
        return Some(Wait::Spec);
    }
    if status
        .pause_conditions
        .iter()
        .any(|pause| pause.reason == "InconclusiveAnalysisRun")
    {
        return Some(Wait::Inconclusive);
    }
    let resumed = status.controller_pause && status.pause_conditions.is_empty();
    if let Some(canary) = &strategy.canary {
        let from = status.current_step_index.unwrap_or(0) + i32::from(resumed);
        let endless = |(index, step): (usize, &api::rollout::CanaryStep)| {
            let index = i32::try_from(index).ok()?;
            let pause = step.pause.as_ref()?;
            (index >= from && pause.seconds().is_none()).then_some(index)
        };
        return canary.steps.iter().enumerate().find_map(endless).map(Wait::Step);
    }
    let blue_green = strategy.blue_green.as_ref()?;
    let switched = status.blue_green.active_selector == status.current_pod_hash;
    (!blue_green.auto_promotion_enabled() && !switched && !resumed).then_some(Wait::Switch)
}

fn healthy(state: &Recorded, hash: &str, revision: i64) -> End {
    let spec = &state.rollout.spec;
    let steps = spec.strategy.canary.as_ref().map_or(0, |canary| canary.steps.len());
    let mut end = End {
        phase: "Healthy",
        message: String::new(),
        current: hash.to_owned(),
        stable: hash.to_owned(),
        index: i32::try_from(steps).ok().filter(|steps| *steps > 0),
        revision,
        pause: None,
        pods: pods([(hash, spec.replicas())]),
        services: services(state, hash, hash),
        conditions: vec![
            ("Available", "True", "AvailableReason"),
            ("Completed", "True", "RolloutCompleted"),
            ("Healthy", "True", "RolloutHealthy"),
            ("Progressing", "True", "NewReplicaSetAvailable"),
        ],
        workload: None,
    };
    let given_up = |scale_down: &str| ["onsuccess", "progressively"].contains(&scale_down);
    if spec
        .workload_ref
        .as_ref()
        .is_some_and(|wanted| wanted.kind == "Deployment" && given_up(&wanted.scale_down))
    {
        end.workload = Some(0);
    }
    end
}

fn aborted(state: &Recorded, status: &RolloutStatus) -> End {
    let spec = &state.rollout.spec;
    let (new, stable) = (&status.current_pod_hash, &status.stable_rs);
    let steps = spec.strategy.canary.as_ref().map_or(0, |canary| canary.steps.len());
    // a delay of 0 means for ever (wire-contract 3.7.4)
    let stays = match &spec.strategy.blue_green {
        Some(blue_green) if blue_green.abort_scale_down_delay_seconds().is_none() => {
            blue_green.preview_replica_count(spec.replicas())
        }
        Some(_) | None => 0,
    };
    End {
        phase: "Degraded",
        message: format!("RolloutAborted: Rollout aborted update to revision {}", revision(state)),
        current: new.clone(),
        stable: stable.clone(),
        index: (steps > 0).then_some(0),
        revision: revision(state),
        pause: None,
        pods: pods([(stable.as_str(), spec.replicas()), (new.as_str(), stays)]),
        services: match &spec.strategy.blue_green {
            Some(_) => services(state, stable, new),
            None => services(state, stable, stable),
        },
        conditions: vec![
            ("Available", "True", "AvailableReason"),
            ("Completed", "False", "RolloutCompleted"),
            ("Progressing", "False", "RolloutAborted"),
        ],
        workload: None,
    }
}

fn paused(state: &Recorded, status: &RolloutStatus, wait: Wait) -> End {
    let spec = &state.rollout.spec;
    let (new, stable) = (&status.current_pod_hash, &status.stable_rs);
    let (index, reason) = match wait {
        Wait::Spec => (status.current_step_index, None),
        Wait::Step(index) => (Some(index), Some("CanaryPauseStep")),
        Wait::Switch => (None, Some("BlueGreenPause")),
        Wait::Inconclusive => (status.current_step_index, Some("InconclusiveAnalysisRun")),
    };
    let halted = matches!(wait, Wait::Spec | Wait::Inconclusive);
    let sizes = match (&spec.strategy.canary, &spec.strategy.blue_green) {
        _ if halted => pods(state.sets().iter().map(|set| (set.hash.as_str(), set.size))),
        (Some(canary), _) => {
            let (of_new, of_stable) = counts(state, canary, index);
            pods([(new.as_str(), of_new), (stable.as_str(), of_stable)])
        }
        (None, Some(blue_green)) => pods([
            (stable.as_str(), spec.replicas()),
            (new.as_str(), blue_green.preview_replica_count(spec.replicas())),
        ]),
        (None, None) => BTreeMap::new(),
    };
    let known = pointed(state);
    let mut services = services(state, stable, new);
    if let Some(canary) = &spec.strategy.canary
        && !sizes.contains_key(new)
    {
        // nothing to point the canary Service at yet
        services.extend(
            known
                .get_key_value(&canary.canary_service)
                .map(|(k, v)| (k.clone(), v.clone())),
        );
    }
    if halted {
        services = known;
    }
    End {
        phase: "Paused",
        message: reason.unwrap_or("manually paused").to_owned(),
        current: new.clone(),
        stable: stable.clone(),
        index,
        revision: revision(state),
        pause: reason.map(str::to_owned),
        pods: sizes,
        services,
        conditions: vec![
            ("Completed", "False", "RolloutCompleted"),
            ("Paused", "True", "RolloutPaused"),
            ("Progressing", "Unknown", "RolloutPaused"),
        ],
        workload: None,
    }
}

/// (new, stable) at a step of a canary without a router.
fn counts(state: &Recorded, canary: &CanaryStrategy, index: Option<i32>) -> (i32, i32) {
    let spec = &state.rollout.spec;
    let weight = desired_weight(&WeightInput {
        steps: &canary.steps,
        index: index.and_then(|index| usize::try_from(index).ok()),
        most: 100,
        whole: Whole::No,
        aborted: Aborted::No,
    });
    let limits = Limits {
        replicas: spec.replicas(),
        max_surge: spec.max_surge(),
        max_unavailable: spec.max_unavailable(),
    };
    let counts = weighted_counts(weight, 100, &limits);
    (counts.new, counts.stable)
}

fn pods<'h>(sizes: impl IntoIterator<Item = (&'h str, i32)>) -> BTreeMap<String, i32> {
    let sizes = sizes.into_iter().filter(|(_, size)| *size > 0);
    sizes.map(|(hash, size)| (hash.to_owned(), size)).collect()
}

/// What the Services of the strategy name when stable (or active) and canary (or preview) are these.
fn services(state: &Recorded, stable: &str, new: &str) -> BTreeMap<String, String> {
    let strategy = &state.rollout.spec.strategy;
    let named = match (&strategy.canary, &strategy.blue_green) {
        (Some(canary), _) => [(&canary.stable_service, stable), (&canary.canary_service, new)],
        (None, Some(blue_green)) => [(&blue_green.active_service, stable), (&blue_green.preview_service, new)],
        (None, None) => return BTreeMap::new(),
    };
    let named = named.into_iter().filter(|(service, _)| !service.is_empty());
    named
        .map(|(service, hash)| (service.clone(), hash.to_owned()))
        .collect()
}

/// What the Services of the state name.
fn pointed(state: &Recorded) -> BTreeMap<String, String> {
    let services = state.items.iter().filter(|item| item["kind"] == "Service");
    services
        .filter_map(|service| {
            let name = service["metadata"]["name"].as_str()?.to_owned();
            let hash = service["spec"]["selector"][api::keys::POD_TEMPLATE_HASH].as_str()?;
            Some((name, hash.to_owned()))
        })
        .collect()
}

/// The Rollout's revision annotation.
fn revision(state: &Recorded) -> i64 {
    let text = state.object["metadata"]["annotations"][api::keys::REVISION].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
