//! The last check before anything is applied: a plan that breaks an invariant is refused whole.
//!
//! It reads the observation again and shares no decision with the planner but the resolved snapshot (architecture.md I1-I6).

use std::collections::BTreeMap;

use api::analysis::phase;
use serde_json::Value;

use crate::analysis::runs::latest;
use crate::draft::limits;
use crate::mutant::{Mutant, is};
use crate::plan::{Action, Plan};
use crate::runs::attempt_start;
use crate::snapshot::{Abort, Observed, Promote, Revision, Snapshot, Strategy};

/// An invariant a plan would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `I1` to `I6`.
    pub invariant: &'static str,
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

impl std::error::Error for Violation {}

/// Checks a plan against what it was made from.
pub fn check(observed: &Observed, plan: &Plan) -> Result<(), Violation> {
    if let Some(wake) = plan.wake
        && wake < observed.now + chrono::Duration::seconds(1)
    {
        return Err(violation("I6", format!("wakes at {wake}, less than a second from now")));
    }
    if plan.ops.is_empty() && plan.status.is_none() {
        return Ok(());
    }
    let Ok(seen) = Snapshot::assemble(observed) else {
        return if plan.ops.is_empty() {
            Ok(())
        } else {
            Err(violation(
                "I5",
                "writes something for a spec that is invalid".to_owned(),
            ))
        };
    };
    if is(Mutant::ScaleUnaudited) {
        return Ok(());
    }
    let mut ledger = Ledger::of(&seen);
    for op in &plan.ops {
        ledger.apply(&op.action)?;
    }
    promotion(&seen, plan)
}

fn violation(invariant: &'static str, what: String) -> Violation {
    Violation { invariant, what }
}

/// Sizes after the ops so far: scale-downs count at once, scale-ups bring no available pod.
struct Ledger<'s> {
    seen: &'s Snapshot,
    sizes: BTreeMap<&'s str, i32>,
}

impl<'s> Ledger<'s> {
    fn of(seen: &'s Snapshot) -> Self {
        let sizes = seen
            .revisions
            .iter()
            .map(|revision| (revision.name.as_str(), revision.size))
            .collect();
        Ledger { seen, sizes }
    }

    fn apply(&mut self, action: &Action) -> Result<(), Violation> {
        match action {
            Action::ScaleReplicaSet {
                name, uid, from, to, ..
            } => self.scale(name, uid, *from, *to),
            Action::PointService { name, to, .. } => self.point(name, to),
            Action::DeleteReplicaSet { name, .. } => self.delete(name),
            Action::ScaleWorkload { name, from, to, .. } => self.give_up(name, *from, *to),
            Action::CreateReplicaSet { name, body } => self.create(name, body),
            Action::AnnotateReplicaSet { .. }
            | Action::ClaimReplicaSet { .. }
            | Action::CreateRun { .. }
            | Action::TerminateRun { .. }
            | Action::DeleteRun { .. }
            | Action::AnnotateRollout { .. }
            | Action::DefaultReplicas { .. }
            | Action::EvictPod { .. }
            | Action::RelabelPod { .. } => Ok(()),
        }
    }

    fn scale(&mut self, name: &str, uid: &str, from: i32, to: i32) -> Result<(), Violation> {
        let Some(revision) = self.seen.revisions.iter().find(|revision| revision.name == name) else {
            return Err(violation(
                "I2",
                format!("scales {name}, which is not a ReplicaSet of this rollout"),
            ));
        };
        if revision.uid != uid || revision.size != from {
            return Err(violation(
                "I2",
                format!("scales {name} without the precondition that was seen"),
            ));
        }
        if to < from {
            self.scale_down(revision, to)?;
        } else {
            self.scale_up(&revision.name, to)?;
        }
        self.sizes.insert(revision.name.as_str(), to);
        Ok(())
    }

    fn scale_down(&self, revision: &Revision, to: i32) -> Result<(), Violation> {
        let limits = limits(self.seen);
        if limits.replicas == 0 {
            return Ok(());
        }
        let staying = |size_of: &dyn Fn(&Revision) -> i32| -> i32 {
            self.seen.revisions.iter().map(|r| r.available.min(size_of(r))).sum()
        };
        let size = |r: &Revision| self.sizes.get(r.name.as_str()).copied().unwrap_or(r.size);
        let before = staying(&size);
        let after = staying(&|r: &Revision| if r.name == revision.name { to } else { size(r) });
        let minimum = limits.minimum_available();
        if after < before && after < minimum {
            let what = format!(
                "scaling {} to {to} leaves {after} pods available, {minimum} must stay",
                revision.name
            );
            return Err(violation("I5", what));
        }
        let unavoidable = limits.replicas == 1 && limits.max_surge == 0;
        for service in self.seen.live_services() {
            if to > 0 || revision.staying() == 0 {
                continue;
            }
            let named = self.seen.service_hash(&service);
            if named == Some(revision.hash.as_str()) {
                if unavoidable && matches!(self.seen.strategy, Strategy::Canary(_)) {
                    continue;
                }
                let what = format!("scaling {} to 0 while Service {service} names it", revision.name);
                return Err(violation("I2", what));
            }
            let Some(target) = named.and_then(|hash| self.seen.revision(hash)) else {
                continue;
            };
            let behind = self.seen.endpoints.get(&service);
            let served = behind.is_some_and(|ready| {
                ready.of_replica_set(&target.name) > 0 || ready.of_replica_set(&revision.name) == 0
            });
            if !served {
                let what = format!(
                    "scaling {} to 0 before a ready endpoint of {} was seen behind Service {service}",
                    revision.name, target.name
                );
                return Err(violation("I4", what));
            }
        }
        Ok(())
    }

    fn create(&self, name: &str, body: &Value) -> Result<(), Violation> {
        let size = body.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
        self.scale_up(name, i32::try_from(size).unwrap_or(i32::MAX))
    }

    fn scale_up(&self, name: &str, to: i32) -> Result<(), Violation> {
        let limits = limits(self.seen);
        let Strategy::Canary(_) = &self.seen.strategy else {
            return Ok(());
        };
        let others = |r: &&Revision| r.name != name;
        let rest: i32 = self
            .seen
            .revisions
            .iter()
            .filter(others)
            .map(|r| self.sizes.get(r.name.as_str()).copied().unwrap_or(0))
            .sum();
        let most = limits.most_pods();
        if to > 0 && rest.saturating_add(to) > most {
            let what = format!(
                "scaling {name} to {to} makes {} pods, at most {most} may exist",
                rest.saturating_add(to)
            );
            return Err(violation("I5", what));
        }
        Ok(())
    }

    /// A live Service must find available pods where it is pointed.
    fn point(&self, service: &str, to: &str) -> Result<(), Violation> {
        if !self.seen.live_services().iter().any(|live| live == service) {
            return Ok(());
        }
        let Some(target) = self.seen.revision(to) else {
            return Err(violation(
                "I3",
                format!("points Service {service} at {to}, which no ReplicaSet has"),
            ));
        };
        if self.seen.replicas == 0 {
            return Ok(());
        }
        let size = self.sizes.get(target.name.as_str()).copied().unwrap_or(target.size);
        if target.available.min(size) == 0 {
            let what = format!(
                "points Service {service} at {}, which has no available pod",
                target.name
            );
            return Err(violation("I4", what));
        }
        let limits = limits(self.seen);
        let aborted = self.seen.controls.abort == Abort::Asked || self.seen.service_hash(service).is_none();
        let switch = matches!(self.seen.strategy, Strategy::BlueGreen(_)) && !aborted;
        let is_stable = self.seen.recorded().stable_rs == to;
        if switch && !is_stable && target.staying() < limits.minimum_available() {
            let what = format!(
                "switches Service {service} to {} with {} of {} pods available",
                target.name,
                target.staying(),
                limits.replicas
            );
            return Err(violation("I1", what));
        }
        Ok(())
    }

    /// The pods of the workload go only where ours are enough.
    fn give_up(&self, name: &str, from: i32, to: i32) -> Result<(), Violation> {
        let Some(workload) = self.seen.workload.as_ref().filter(|seen| seen.metadata.name == name) else {
            return Err(violation("I5", format!("scales {name}, which is not the workload")));
        };
        let size = |r: &Revision| self.sizes.get(r.name.as_str()).copied().unwrap_or(r.size);
        let ours: i32 = self.seen.revisions.iter().map(|r| r.available.min(size(r))).sum();
        let stays = workload.available.min(to);
        let minimum = limits(self.seen).minimum_available();
        let up = from > 0 && to <= limits(self.seen).replicas && self.seen.rollout_revision() <= 1;
        if to > from && !up {
            return Err(violation(
                "I5",
                format!("scales Deployment {name} up to {to}, beyond what is asked for"),
            ));
        }
        if workload.replicas != from || (stays < workload.available && ours + stays < minimum) {
            let what = format!("scaling Deployment {name} {from} -> {to} leaves {ours} pods and {stays} of its own");
            return Err(violation("I5", what));
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), Violation> {
        let revision = self.seen.revisions.iter().find(|revision| revision.name == name);
        match revision {
            Some(revision) if revision.size > 0 || revision.pods > 0 => {
                Err(violation("I2", format!("deletes {name}, which has pods")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A revision becomes stable only past its analyses, or because a person said so.
fn promotion(seen: &Snapshot, plan: &Plan) -> Result<(), Violation> {
    let recorded = seen.recorded();
    let Some(stable) = plan
        .status
        .as_ref()
        .and_then(|status| status.get("stableRS"))
        .and_then(|hash| hash.as_str())
    else {
        return Ok(());
    };
    if recorded.stable_rs.is_empty() || seen.stable_revision().is_none() || stable == recorded.stable_rs {
        return Ok(());
    }
    let asked = seen.controls.promote == Promote::Full;
    if seen.controls.abort == Abort::Asked && !asked {
        return Err(violation(
            "I5",
            format!("promotes {stable} though the rollout is aborted"),
        ));
    }
    let runs = [
        &recorded.canary.current_step_analysis_run_status,
        &recorded.canary.current_background_analysis_run_status,
        &recorded.blue_green.pre_promotion_analysis_run_status,
        &recorded.blue_green.post_promotion_analysis_run_status,
    ];
    for name in runs.into_iter().flatten().map(|run| &run.name) {
        let state = seen
            .run(name)
            .and_then(|run| run.status.as_ref())
            .map_or("", |status| status.phase.as_str());
        let failed = matches!(state, phase::FAILED | phase::ERROR | phase::INCONCLUSIVE);
        if !asked && failed && is_current(seen, name) {
            return Err(violation(
                "I5",
                format!("promotes {stable} though analysis run {name} is {state}"),
            ));
        }
    }
    Ok(())
}

/// Whether a run belongs to the revision that is to be promoted, and none measures again in its place.
fn is_current(seen: &Snapshot, name: &str) -> bool {
    let Some(run) = seen.run(name) else {
        return false;
    };
    let labels = run.metadata.labels.as_ref();
    let hash = labels.and_then(|labels| labels.get(api::keys::POD_TEMPLATE_HASH));
    let since = attempt_start(&seen.recorded(), seen.now);
    let last = latest(seen.runs(), run, since).metadata.name.as_deref() == Some(name);
    last && hash.is_some_and(|hash| hash == seen.new_hash())
}
