//! The invariants, checked from outside after every write: a second opinion that shares nothing with the audit.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use controller::kind::{Kind, Name};
use engine::Observed;
use engine::plan::{Action, Notice, Plan};
use serde_json::Value;
use sim::selector::LabelSelector;

/// What was seen so far, and every invariant that was broken.
#[derive(Default)]
pub struct Checks {
    /// Broken invariants, in order.
    pub broken: Vec<String>,
    last: BTreeMap<Name, (u64, DateTime<Utc>)>,
    completed: BTreeMap<String, u32>,
    /// The newest version of each object that we wrote.
    written: BTreeMap<(Kind, Name), u64>,
    /// When each pause began, by rollout uid, pod hash and step.
    pauses: BTreeMap<(String, String, i64), String>,
}

impl Checks {
    /// I6: two looks at the same things are at least a second apart.
    pub(super) fn reconciled(&mut self, name: &Name, fingerprint: u64, now: DateTime<Utc>, plan: &Plan) {
        if let Some((before, at)) = self.last.insert(name.clone(), (fingerprint, now))
            && before == fingerprint
            && now - at < TimeDelta::seconds(1)
            && !plan.is_quiet()
        {
            let shown = engine::show::plan(plan);
            let after = now - at;
            self.broken.push(format!(
                "I6 {name}: writes again after {after} on the same input:\n{shown}"
            ));
        }
    }

    /// What was decided was put off: the same inputs are decided on again.
    pub(super) fn put_off(&mut self, name: &Name) {
        self.last.remove(name);
    }

    /// A write was refused or its outcome is unknown: looking again at the same things is right.
    pub(super) fn forget_inputs(&mut self) {
        self.last.clear();
    }

    /// The audit refused a plan: the decision was wrong.
    pub(super) fn refused(&mut self, violation: &str) {
        self.broken.push(format!("refused by the audit: {violation}"));
    }

    /// A step is done once in an attempt.
    pub(super) fn heard(&mut self, notice: &Notice) {
        if notice.reason == "RolloutStepCompleted" {
            let times = self.completed.entry(notice.message.clone()).or_default();
            *times += 1;
            if *times > 1 {
                self.broken.push(format!("step repeated: {}", notice.message));
            }
        }
    }

    /// A write of ours left this version behind.
    pub(super) fn wrote(&mut self, kind: Kind, name: &Name, version: &str) {
        // a run is written by its own task, which reads it live
        if kind != Kind::AnalysisRun {
            self.written.insert((kind, name.clone()), version.parse().unwrap_or(0));
        }
    }

    /// Objects whose last write of ours may not have come back.
    pub(super) fn awaited(&self) -> Vec<(Kind, Name)> {
        self.written.keys().cloned().collect()
    }

    /// A decision is about to be made on this version.
    pub(super) fn seen(&mut self, kind: Kind, name: &Name, version: Option<&str>) {
        let key = (kind, name.clone());
        let seen = version.and_then(|version| version.parse::<u64>().ok());
        if let (Some(seen), Some(wrote)) = (seen, self.written.remove(&key))
            && seen < wrote
        {
            self.broken.push(format!(
                "stale: decides on {name} at {seen}, our own write made it {wrote}"
            ));
        }
    }

    /// A resize was accepted: the ReplicaSet must have had the size that was seen.
    pub(super) fn resized(&mut self, action: &Action, actual: Option<i64>) {
        if let (Action::ScaleReplicaSet { name, from, to, .. }, Some(actual)) = (action, actual)
            && actual != i64::from(*from)
        {
            self.broken.push(format!(
                "precondition: {name} went to {to} from {actual}, but {from} was seen"
            ));
        }
    }

    pub(crate) fn before_write(&mut self, observed: &Observed, action: &Action, now: DateTime<Utc>) {
        match action {
            Action::ScaleReplicaSet { name, from, to, .. } if to < from => self.scale_down(observed, name, *to, now),
            Action::ScaleReplicaSet { name, to, .. } => self.scale_up(observed, name, *to),
            Action::CreateReplicaSet { name, body } => {
                let size = body["spec"]["replicas"].as_i64().unwrap_or(0) as i32;
                self.scale_up(observed, name, size);
            }
            Action::PointService { name, to, .. } => self.point(observed, name, to),
            Action::ScaleWorkload { name, to, .. } => self.give_up(observed, name, *to),
            _ => {}
        }
    }

    fn scale_down(&mut self, observed: &Observed, name: &str, to: i32, now: DateTime<Utc>) {
        let spec = &observed.rollout.spec;
        let replicas = spec.replicas.unwrap_or(1);
        if replicas == 0 {
            return;
        }
        let uid = observed.rollout.metadata.uid.as_deref().unwrap_or_default();
        let ours = |rs: &&std::sync::Arc<engine::seen::ReplicaSet>| {
            rs.metadata.controller().is_some_and(|owner| owner.uid == uid)
        };
        let kept = |rs: &engine::seen::ReplicaSet, size: i32| rs.status.available_replicas.min(size);
        let (mut before, mut after) = (0, 0);
        for rs in observed.replica_sets.iter().filter(ours) {
            let size = rs.spec.replicas.unwrap_or(0);
            before += kept(rs, size);
            after += kept(rs, if rs.metadata.name == name { to } else { size });
        }
        let minimum = replicas - spec.max_unavailable();
        if after < minimum && after < before {
            self.broken.push(format!(
                "I5 {name} to {to}: {after} available pods stay, {minimum} must"
            ));
        }
        let Some(target) = observed.replica_sets.iter().find(|rs| rs.metadata.name == name) else {
            return;
        };
        if to == 0 && kept(target, target.spec.replicas.unwrap_or(0)) > 0 {
            let exempt = replicas == 1 && spec.max_surge() == 0 && spec.strategy.canary.is_some();
            for service in live_services(observed) {
                let named = observed
                    .services
                    .get(&service)
                    .and_then(|s| s.as_ref())
                    .and_then(|s| s.hash());
                if named == Some(target.metadata.hash()) && !exempt {
                    self.broken
                        .push(format!("I2 {name} to 0: Service {service} still names it"));
                }
            }
        }
        if let Some(deadline) = target.metadata.annotations.get(api::keys::SCALE_DOWN_DEADLINE)
            && let Ok(deadline) = DateTime::parse_from_rfc3339(deadline)
            && to == 0
            && deadline > now
            && spec
                .strategy
                .blue_green
                .as_ref()
                .is_some_and(|bg| bg.scale_down_delay_revision_limit.is_none())
        {
            self.broken
                .push(format!("delay {name} to 0 before its scale-down deadline {deadline}"));
        }
    }

    fn scale_up(&mut self, observed: &Observed, name: &str, to: i32) {
        let spec = &observed.rollout.spec;
        if spec.strategy.canary.is_none() {
            return;
        }
        let uid = observed.rollout.metadata.uid.as_deref().unwrap_or_default();
        let rest: i32 = observed
            .replica_sets
            .iter()
            .filter(|rs| rs.metadata.controller().is_some_and(|owner| owner.uid == uid) && rs.metadata.name != name)
            .map(|rs| rs.spec.replicas.unwrap_or(0))
            .sum();
        let most = spec.replicas.unwrap_or(1) + spec.max_surge();
        if to > 0 && rest + to > most {
            self.broken
                .push(format!("I5 {name} to {to}: {} pods, at most {most}", rest + to));
        }
    }

    fn point(&mut self, observed: &Observed, service: &str, to: &str) {
        if !live_services(observed).iter().any(|live| live == service) || observed.rollout.spec.replicas == Some(0) {
            return;
        }
        let ready = observed.replica_sets.iter().filter(|rs| rs.metadata.hash() == to);
        if ready.map(|rs| rs.status.available_replicas).sum::<i32>() == 0 {
            self.broken
                .push(format!("I4 Service {service} to {to}: no available pod there"));
        }
    }

    /// The pods of the workload go only where enough of ours are there.
    fn give_up(&mut self, observed: &Observed, name: &str, to: i32) {
        let spec = &observed.rollout.spec;
        let uid = observed.rollout.metadata.uid.as_deref().unwrap_or_default();
        let ours = observed
            .replica_sets
            .iter()
            .filter(|rs| rs.metadata.controller().is_some_and(|owner| owner.uid == uid));
        let ours: i32 = ours
            .map(|rs| rs.status.available_replicas.min(rs.spec.replicas.unwrap_or(0)))
            .sum();
        let theirs = observed.workload.as_ref().map_or(0, |workload| workload.available);
        let minimum = spec.replicas.unwrap_or(1) - spec.max_unavailable();
        let stays = ours + theirs.min(to);
        if stays < minimum && stays < ours + theirs {
            self.broken.push(format!(
                "I5 Deployment {name} to {to}: {stays} available pods stay, {minimum} must"
            ));
        }
    }

    pub(crate) fn before_status(&mut self, observed: &Observed, difference: &Value, _: DateTime<Utc>) {
        let status = observed.rollout.status.clone().unwrap_or_default();
        let begins = difference["currentStepIndex"] == 0 || difference["currentPodHash"].is_string();
        let promoted = difference["stableRS"].is_string();
        if begins || promoted || difference["currentStepHash"].is_string() {
            self.completed.clear();
        }
        let gone = difference.get("abort").is_some_and(Value::is_null);
        let same = status.current_pod_hash
            == difference["currentPodHash"]
                .as_str()
                .unwrap_or(&status.current_pod_hash);
        let back = status.stable_rs == status.current_pod_hash;
        let steps = difference["currentStepHash"].is_string();
        if gone && status.abort && same && !back && !steps && !status.promote_full && !promoted {
            self.broken.push("lost abort: nobody took it back".to_owned());
        }
        if let Some(stable) = difference["stableRS"].as_str() {
            let spec = &observed.rollout.spec;
            let new = observed.replica_sets.iter().find(|rs| rs.metadata.hash() == stable);
            let available = new.map_or(0, |rs| rs.status.available_replicas);
            let first = status.stable_rs.is_empty();
            if !first && spec.strategy.canary.is_some() && available < spec.replicas.unwrap_or(1) {
                self.broken.push(format!(
                    "ahead of the world: {stable} stable with {available} available pods"
                ));
            }
        }
        let uid = observed.rollout.metadata.uid.clone().unwrap_or_default();
        let Some(pauses) = difference["pauseConditions"].as_array() else {
            return;
        };
        for pause in pauses {
            let index = difference["currentStepIndex"]
                .as_i64()
                .or(status.current_step_index.map(i64::from));
            let hash = difference["currentPodHash"]
                .as_str()
                .unwrap_or(&status.current_pod_hash);
            let key = (uid.clone(), hash.to_owned(), index.unwrap_or(-1));
            let began = pause["startTime"].as_str().unwrap_or_default().to_owned();
            let held = status
                .pause_conditions
                .iter()
                .any(|known| Some(known.reason.as_str()) == pause["reason"].as_str());
            let before = self.pauses.insert(key, began.clone());
            if let Some(before) = before.filter(|before| held && *before != began) {
                self.broken
                    .push(format!("pause clock restarted: {before} became {began}"));
            }
        }
    }
}

impl Checks {
    /// The selector and the count that an autoscaler goes by are of the same pods (field-lessons A5): of those that were
    /// seen. Who looks on from outside sees pods that the write could not know of yet.
    pub(super) fn autoscaled(&mut self, observed: &Observed, difference: &Value) {
        let status = observed.rollout.status.clone().unwrap_or_default();
        let selector = match difference.get("selector") {
            Some(selector) => selector.as_str().unwrap_or_default(),
            None => &status.selector,
        };
        let count = match difference.get("HPAReplicas") {
            Some(count) => count.as_i64().unwrap_or(0),
            None => i64::from(status.hpa_replicas),
        };
        let uid = observed.rollout.metadata.uid.as_deref().unwrap_or_default();
        let named = LabelSelector::parse(selector).ok().filter(|_| !selector.is_empty());
        let of_it = observed.replica_sets.iter().filter(|rs| {
            let ours = rs.metadata.controller().is_some_and(|owner| owner.uid == uid);
            let labels = serde_json::json!(rs.metadata.labels);
            ours && named.as_ref().is_some_and(|named| named.matches_labels(&labels))
        });
        let pods: i64 = of_it.map(|rs| i64::from(rs.status.replicas)).sum();
        if count != pods {
            self.broken.push(format!(
                "A5 HPAReplicas {count}, but the selector {selector} names {pods} pods"
            ));
        }
    }
}

fn live_services(observed: &Observed) -> Vec<String> {
    let strategy = &observed.rollout.spec.strategy;
    let canary = strategy
        .canary
        .iter()
        .flat_map(|canary| [&canary.canary_service, &canary.stable_service]);
    let blue_green = strategy.blue_green.iter().map(|blue_green| &blue_green.active_service);
    canary
        .chain(blue_green)
        .filter(|name| !name.is_empty())
        .cloned()
        .collect()
}
