//! Whether an act has ended as it should: read from the cluster's own state, from nothing that the demo remembers of it.

use std::collections::BTreeSet;
use std::time::Duration;

use api::analysis::AnalysisRun;
use api::keys;
use api::rollout::Rollout;
use tokio::time::Instant;

use super::scene::{self, Scene};
use super::story::{Act, Ask, End};
use crate::standing;

/// How things stand with an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What is still missing.
    NotYet(String),
    /// It ended as it should; what is to be said about it.
    Ended(String),
    /// It can no longer end as it should.
    Wrong(String),
}

/// What was true before the act, and what was seen to happen in it.
#[derive(Debug)]
pub struct Witness {
    rollout: String,
    end: End,
    /// The image that was asked for, where one was.
    asked: Option<String>,
    /// The stable revision before; empty before the first.
    stable: String,
    /// Every revision the live Service has selected in this act, and when that was first seen.
    live: Vec<(String, Instant)>,
    /// When the last revision but one of these was seen to have been asked for no pods.
    scaled_down: Option<Instant>,
}

impl Witness {
    pub fn new(scene: &Scene, rollout: &str, act: &Act) -> Self {
        Witness {
            rollout: rollout.to_owned(),
            end: act.end,
            asked: match &act.asks {
                Ask::Apply => None,
                Ask::Image(image) => Some(image.clone()),
            },
            stable: scene.status(rollout).stable_rs,
            live: Vec::new(),
            scaled_down: None,
        }
    }

    /// Looks at what has just changed, and judges.
    pub fn look(&mut self, scene: &Scene, now: Instant) -> Verdict {
        let Some(rollout) = scene.rollout(&self.rollout) else {
            return Verdict::NotYet("the rollout is not there".to_owned());
        };
        if self.asked.as_ref().is_some_and(|asked| *asked != image(rollout)) {
            return Verdict::NotYet("what was asked for has not come back by the watch".to_owned());
        }
        self.remember(scene, rollout, now);
        match self.end {
            End::Deployed => self.promoted(scene, rollout),
            End::Promoted => match self.promoted(scene, rollout) {
                Verdict::Ended(what) => measured(scene, rollout, what),
                other => other,
            },
            End::TakenBack => self.taken_back(scene, rollout),
            End::Settled => settled(scene, rollout),
        }
    }

    fn remember(&mut self, scene: &Scene, rollout: &Rollout, now: Instant) {
        let live = scene.selected(live_service(rollout));
        if !live.is_empty() && self.live.last().is_none_or(|(before, _)| before != live) {
            self.live.push((live.to_owned(), now));
        }
        let idle = |hash: &str| {
            let mut sets = scene.replica_sets(rollout);
            sets.any(|set| scene::hash(set) == hash && set.spec.as_ref().is_some_and(|spec| spec.replicas == Some(0)))
        };
        if self.scaled_down.is_none() && self.live.len() > 1 && idle(&self.stable) {
            self.scaled_down = Some(now);
        }
    }

    fn promoted(&self, scene: &Scene, rollout: &Rollout) -> Verdict {
        let (standing, status) = (standing::standing(rollout), standing::status(rollout));
        let wanted = image(rollout);
        // What a spec refers to may still be on its way to the controller.
        if standing.phase == "Degraded" && !standing.message.starts_with("InvalidSpec") {
            return Verdict::Wrong(format!("{wanted} should have been promoted, but: {}", standing.message));
        }
        if standing.phase != "Healthy" || status.stable_rs != status.current_pod_hash {
            return Verdict::NotYet(format!("the rollout is {}", standing.line()));
        }
        match all_are_of(scene, rollout, &status.current_pod_hash, &services(rollout)) {
            Err(missing) => Verdict::NotYet(missing),
            Ok(()) => self.delay_was_kept(rollout, &wanted),
        }
    }

    /// A blue/green keeps the old pods for a while after the switch.
    fn delay_was_kept(&self, rollout: &Rollout, wanted: &str) -> Verdict {
        let asked = rollout.spec.strategy.blue_green.as_ref();
        let asked = asked.map(|blue_green| blue_green.scale_down_delay_seconds.unwrap_or(30));
        let (Some(asked), [_, .., (_, switched)], Some(scaled_down)) = (asked, &self.live[..], self.scaled_down) else {
            return Verdict::Ended(format!("wholly {wanted}"));
        };
        let kept = scaled_down.duration_since(*switched);
        let asked = Duration::from_secs(u64::try_from(asked).unwrap_or(0));
        // The deadline is written in whole seconds.
        if kept + Duration::from_secs(1) < asked {
            return Verdict::Wrong(format!(
                "the old ReplicaSet was scaled down {:.1} s after the switch, not {} s",
                kept.as_secs_f64(),
                asked.as_secs()
            ));
        }
        Verdict::Ended(format!(
            "wholly {wanted}, the old pods kept for {:.1} s (asked: {} s, of a clock that shows whole seconds)",
            kept.as_secs_f64(),
            asked.as_secs()
        ))
    }

    fn taken_back(&self, scene: &Scene, rollout: &Rollout) -> Verdict {
        let (standing, status) = (standing::standing(rollout), standing::status(rollout));
        let (wanted, current) = (image(rollout), &status.current_pod_hash);
        let known = standing.message != "waiting for rollout spec update to be observed" && *current != self.stable;
        if known && status.stable_rs == *current {
            return Verdict::Wrong(format!("{wanted} should have been taken back, but it was promoted"));
        }
        let blue_green = rollout.spec.strategy.blue_green.is_some();
        if blue_green && self.live.iter().any(|(hash, _)| *hash != self.stable) {
            return Verdict::Wrong(format!("{wanted} became active, if only for a moment"));
        }
        if !known || standing.phase != "Degraded" || !status.abort {
            return Verdict::NotYet(format!("the rollout is {}", standing.line()));
        }
        let failed = failed_metrics(scene, rollout, current);
        let Some(metric) = failed.iter().find(|metric| standing.message.contains(metric.as_str())) else {
            return Verdict::Wrong(format!("aborted, but for no metric: {}", standing.message));
        };
        let live = [live_service(rollout).to_owned()];
        match all_are_of(scene, rollout, &self.stable, &live) {
            Err(missing) => Verdict::NotYet(missing),
            Ok(()) => Verdict::Ended(format!("{wanted} taken back because of {metric}")),
        }
    }
}

/// Whether nothing more happens to any rollout by itself; `last` is one that must be there.
pub fn at_rest(scene: &Scene, last: &str) -> bool {
    let moves = |rollout| matches!(settled(scene, rollout), Verdict::NotYet(_));
    scene.rollout(last).is_some() && !scene.rollouts().any(moves)
}

/// What was promoted must have been measured: nobody looking is not good news.
fn measured(scene: &Scene, rollout: &Rollout, what: String) -> Verdict {
    let hash = standing::status(rollout).current_pod_hash;
    let good = runs(scene, rollout, &hash).any(|run| run.status.as_ref().is_some_and(|run| run.phase == "Successful"));
    if good {
        Verdict::Ended(what)
    } else {
        Verdict::Wrong(format!("{what}, but no analysis has looked at it"))
    }
}

/// Somebody else's rollout: where it has come to rest.
fn settled(scene: &Scene, rollout: &Rollout) -> Verdict {
    let (standing, status) = (standing::standing(rollout), standing::status(rollout));
    let invalid = standing.message.starts_with("InvalidSpec");
    match standing.phase.as_str() {
        "Healthy" => match all_are_of(scene, rollout, &status.stable_rs, &[]) {
            Err(missing) => Verdict::NotYet(missing),
            Ok(()) => Verdict::Ended(format!("Healthy, wholly {}", image(rollout))),
        },
        "Degraded" if !invalid => Verdict::Wrong(standing.line()),
        "Paused" if !ends_by_itself(rollout) => {
            let step = standing::step(rollout)
                .map(|step| format!(" at step {step}"))
                .unwrap_or_default();
            Verdict::Ended(format!(
                "{}{step}: waits for somebody to promote it (with --keep you can)",
                standing.line()
            ))
        }
        _ => Verdict::NotYet(format!("the rollout is {}", standing.line())),
    }
}

/// Whether a pause is over some time without anybody doing anything.
fn ends_by_itself(rollout: &Rollout) -> bool {
    if rollout.spec.paused {
        return false;
    }
    let timed = standing::current_step(rollout)
        .and_then(|(_, step)| step.pause.as_ref())
        .is_some_and(|pause| pause.duration.is_some());
    let blue_green = rollout.spec.strategy.blue_green.as_ref();
    timed || blue_green.is_some_and(|blue_green| blue_green.auto_promotion_seconds > 0)
}

/// Whether every pod is of one revision, enough of them are ready, and these Services select them.
fn all_are_of(scene: &Scene, rollout: &Rollout, hash: &str, services: &[String]) -> Result<(), String> {
    if hash.is_empty() {
        return Err("no revision is stable".to_owned());
    }
    for set in scene.replica_sets(rollout) {
        let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
        let ready = set
            .status
            .as_ref()
            .and_then(|status| status.available_replicas)
            .unwrap_or(0);
        if scene::hash(set) == hash {
            if ready < rollout.spec.replicas() || ready != wanted {
                return Err(format!("{ready} of {wanted} pods of {hash} are available"));
            }
        } else if wanted > 0 {
            return Err(format!("{wanted} pods of {} are still asked for", scene::hash(set)));
        }
    }
    let right = scene.image(hash).unwrap_or_default();
    if let Some(other) = scene.pods(rollout).map(scene::image).find(|image| *image != right) {
        return Err(format!("there is still a pod of {other}"));
    }
    match services.iter().find(|service| scene.selected(service) != hash) {
        Some(service) => Err(format!("Service {service} does not select {hash}")),
        None => Ok(()),
    }
}

/// The metrics that runs of this revision failed by.
fn failed_metrics(scene: &Scene, rollout: &Rollout, hash: &str) -> BTreeSet<String> {
    let results =
        runs(scene, rollout, hash).flat_map(|run| run.status.iter().flat_map(|status| &status.metric_results));
    let failed = results.filter(|result| result.phase == "Failed");
    failed.map(|result| result.name.clone()).collect()
}

/// The analysis runs of a revision.
fn runs<'a>(scene: &'a Scene, rollout: &Rollout, hash: &'a str) -> impl Iterator<Item = &'a AnalysisRun> {
    scene.runs(rollout).filter(move |run| {
        let labels = run.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH))
            .is_some_and(|label| label == hash)
    })
}

/// The Service that carries the stable revision's traffic by its hash.
fn live_service(rollout: &Rollout) -> &str {
    let strategy = &rollout.spec.strategy;
    match (&strategy.canary, &strategy.blue_green) {
        (Some(canary), _) => &canary.stable_service,
        (None, Some(blue_green)) => &blue_green.active_service,
        (None, None) => "",
    }
}

/// Every Service whose selector the controller moves.
fn services(rollout: &Rollout) -> Vec<String> {
    let strategy = &rollout.spec.strategy;
    let canary = strategy
        .canary
        .iter()
        .flat_map(|canary| [&canary.stable_service, &canary.canary_service]);
    let blue_green = strategy.blue_green.iter();
    let blue_green = blue_green.flat_map(|blue_green| [&blue_green.active_service, &blue_green.preview_service]);
    canary
        .chain(blue_green)
        .filter(|name| !name.is_empty())
        .cloned()
        .collect()
}

/// The image that is asked for.
fn image(rollout: &Rollout) -> String {
    let containers = rollout.spec.template.iter().flat_map(|template| template.containers());
    containers.map(|container| container.image).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
