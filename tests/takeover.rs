//! A cluster left by Argo Rollouts is continued: nothing is touched on the first look, and every way on ends where it must.
//!
//! `SLUICE_TAKEOVER=DIR cargo test takeover` runs further states; `SLUICE_STATE=NAME` only those of such a name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::hands::{caught, on_all_cores};
use crate::model::Model;
use expected::{End, Way, end, new_template};
use recorded::{Recorded, hash_label, is_controlled_by, is_over, size, template_path};

mod expected;
mod handover;
mod recorded;

/// The directory that `SLUICE_TAKEOVER` names, from the workspace's root where that is how it was meant.
fn directory() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(named) = std::env::var_os("SLUICE_TAKEOVER").map(PathBuf::from) else {
        return here.join("takeover");
    };
    if named.is_relative() && !named.exists() {
        here.join("..").join(named)
    } else {
        named
    }
}

/// The states, by name.
fn files() -> Vec<PathBuf> {
    let directory = directory();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|e| panic!("could not read the states in {}: {e}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no states", directory.display());
    let only = std::env::var("SLUICE_STATE").unwrap_or_default();
    files.retain(|file| file.to_string_lossy().contains(&only));
    files
}

/// Said whether the test passes or not: the test runner captures only what the print macros write.
fn say(line: &str) {
    use std::io::Write as _;
    // a closed standard output is no reason to fail
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[test]
fn every_recorded_state_is_taken_over() {
    let files = files();
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let outcomes = match Recorded::read(file) {
            Ok(state) => all_ways(&state),
            Err(why) => vec![("read".to_owned(), Err(why))],
        };
        let mut told = Vec::new();
        for (way, outcome) in outcomes {
            match outcome {
                Ok(note) => told.push(format!("{way}: {note}")),
                Err(why) => {
                    told.push(format!("{way}: WRONG"));
                    wrong.push(format!("{name}, {way}: {why}"));
                }
            }
        }
        say(&format!("{name}: {}", told.join("; ")));
    }
    say(&format!(
        "takeover: {} states run from {}",
        files.len(),
        directory().display()
    ));
    assert!(
        wrong.is_empty(),
        "{} ways are wrong:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

/// A newer Sluice takes over from an older one in the middle of whatever it does: the same rules hold.
///
/// A moment and a way on of each continuation; all of them with `SLUICE_MOMENTS=all` (a quarter of an hour).
#[test]
fn what_we_leave_behind_is_taken_over_too() {
    let begun: Vec<(usize, (PathBuf, Way))> = files()
        .into_iter()
        .flat_map(|file| WAYS_LEFT.map(|way| (file.clone(), way)))
        .enumerate()
        .collect();
    let handed: Vec<(usize, Vec<String>)> = on_all_cores(&begun, |(turn, (file, way))| handed_over(*turn, file, *way));
    let moments: usize = handed.iter().map(|(moments, _)| moments).sum();
    let wrong: Vec<String> = handed.into_iter().flat_map(|(_, wrong)| wrong).collect();
    say(&format!("takeover: {moments} moments in between"));
    assert!(
        wrong.is_empty(),
        "{} ways are wrong:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

/// One continuation left at one of its moments, or at each: how many moments, and what went wrong.
fn handed_over(turn: usize, file: &Path, way: Way) -> (usize, Vec<String>) {
    let all = std::env::var("SLUICE_MOMENTS").is_ok_and(|moments| moments == "all");
    let (mut wrong, mut moments) = (Vec::new(), 0);
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let left = caught(|| left_behind(&Recorded::read(file)?, way));
    let left = left.unwrap_or_else(|why| panic!("{name}, {way:?}: {why}"));
    let chosen = turn.checked_rem(left.len()).unwrap_or(0);
    for (offset, state) in left
        .iter()
        .skip(if all { 0 } else { chosen })
        .take(if all { left.len() } else { 1 })
    {
        moments += 1;
        let outcomes = if all {
            all_ways(state)
        } else {
            vec![one_way(state, Way::ALL[turn % Way::ALL.len()])]
        };
        for (on, outcome) in outcomes {
            if let Err(why) = outcome {
                wrong.push(format!("{name}, {way:?} left at {offset}, {on}: {why}"));
            }
        }
    }
    (moments, wrong)
}

/// What is going on when the controller is replaced.
const WAYS_LEFT: [Way; 3] = [Way::Promote, Way::Abort, Way::Image];

/// States in the middle of a continuation, each with its offset.
fn left_behind(state: &Recorded, way: Way) -> Result<Vec<(String, Recorded)>, String> {
    let mut takeover = Takeover::of(state)?;
    takeover.first_look()?;
    takeover.begin(way)?;
    let mut left = Vec::new();
    let until = takeover.model.now() + TimeDelta::minutes(2);
    while takeover.model.step(until) {
        let moment = Recorded::from_cluster(&takeover.model, &state.place().namespace)?;
        if moment.is_observed() {
            left.push((takeover.model.offset(), moment));
        }
    }
    Ok(left)
}

/// The first look, then every way on; each in a cluster of its own.
fn all_ways(state: &Recorded) -> Vec<(String, Result<String, String>)> {
    let looks = caught(|| Takeover::of(state)?.first_look());
    let ways = Way::ALL
        .into_iter()
        .filter(|way| *way != Way::Retry || state.status().abort);
    let outcomes = ways.map(|way| one_way(state, way));
    [("first look".to_owned(), looks)].into_iter().chain(outcomes).collect()
}

fn one_way(state: &Recorded, way: Way) -> (String, Result<String, String>) {
    let outcome = caught(|| {
        let mut takeover = Takeover::of(state)?;
        takeover.first_look()?;
        takeover.go(way)
    });
    (format!("{way:?}").to_lowercase(), outcome)
}

/// A state in a cluster of its own.
struct Takeover<'s> {
    state: &'s Recorded,
    model: Model,
}

impl<'s> Takeover<'s> {
    fn of(state: &'s Recorded) -> Result<Self, String> {
        let model = state.cluster()?;
        Ok(Takeover { state, model })
    }

    /// Nothing is touched that was left in order; what was left under way goes on and keeps what it has.
    fn first_look(&mut self) -> Result<String, String> {
        let state = self.state;
        let left = handover::faults(
            &state.object,
            &state.owned("ReplicaSet").collect::<Vec<_>>(),
            &[],
            &state.template(),
        );
        if state.is_at_rest() && !left.is_empty() {
            return Err(format!(
                "what was left is not as the contract has it: {}",
                left.join("; ")
            ));
        }
        self.model.settle();
        self.broken()?;
        let writes = self.model.writes;
        if state.is_at_rest() && writes > 0 {
            return Err(format!("{writes} writes, none expected\n{}", self.model.tail()));
        }
        self.keeps_templates()?;
        self.keeps_pods()?;
        self.keeps_progress()?;
        Ok(format!("{writes} writes"))
    }

    /// No ReplicaSet is new, gone, or of another template.
    fn keeps_templates(&self) -> Result<(), String> {
        let templates = |sets: Vec<&Value>| -> BTreeMap<String, Value> {
            let named = |set: &&Value| set["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            sets.iter()
                .map(|set| (named(set), set["spec"]["template"].clone()))
                .collect()
        };
        let before = templates(self.state.owned("ReplicaSet").collect());
        let sets = self.sets();
        let after = templates(sets.iter().collect());
        if before == after {
            Ok(())
        } else {
            Err(format!("ReplicaSets were {before:?}, and are {after:?}"))
        }
    }

    /// No pod is gone, on its way out, or changed in anything but its status.
    fn keeps_pods(&self) -> Result<(), String> {
        for pod in self.state.items.iter().filter(|item| item["kind"] == "Pod") {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let Some(now) = self.model.object("pods", &self.state.place().namespace, name) else {
                return Err(format!("pod {name} is gone"));
            };
            let same = ["uid", "labels", "annotations", "ownerReferences", "deletionTimestamp"]
                .iter()
                .all(|key| now["metadata"][key] == pod["metadata"][key]);
            if !same || now["spec"] != pod["spec"] {
                return Err(format!("pod {name} was changed"));
            }
        }
        Ok(())
    }

    /// Hashes, cursor, pauses with their clocks, and runs are what they were.
    fn keeps_progress(&self) -> Result<(), String> {
        let (before, after) = (&self.state.object["status"], &self.rollout()["status"]);
        for field in ["currentPodHash", "stableRS", "currentStepHash", "abort", "abortedAt"] {
            if before[field] != after[field] {
                return Err(format!("{field} was {}, and is {}", before[field], after[field]));
            }
        }
        let moving = !self.state.is_at_rest();
        let over = self.state.pause_end().is_some_and(|at| at < self.model.now());
        let index = |status: &Value| status["currentStepIndex"].as_i64();
        let ahead = match (index(before), index(after)) {
            (Some(before), Some(after)) => after - before,
            (before, after) if before == after => 0,
            (before, after) => return Err(format!("the cursor was {before:?}, and is {after:?}")),
        };
        if ahead != 0 && !(moving && ahead == 1) {
            return Err(format!("the cursor moved by {ahead}"));
        }
        if before["pauseConditions"] != after["pauseConditions"] && !over && before["pauseConditions"].is_array() {
            return Err(format!("pauses became {}", after["pauseConditions"]));
        }
        for run in self.state.owned("AnalysisRun") {
            let name = run["metadata"]["name"].as_str().unwrap_or_default();
            let now = self.object("analysisruns.argoproj.io", name);
            if now["metadata"]["uid"] != run["metadata"]["uid"] || now["spec"] != run["spec"] {
                return Err(format!("run {name} is not what it was"));
            }
        }
        Ok(())
    }

    /// Does what a way begins with.
    fn begin(&mut self, way: Way) -> Result<(), String> {
        let place = self.state.place();
        match way {
            Way::Time => self.clocks_are_kept()?,
            Way::Promote => self.model.promote(&place),
            Way::Abort => self.model.patch_status(&place, &json!({ "abort": true })),
            Way::Retry => self.model.patch_status(&place, &json!({ "abort": false })),
            Way::Image => self.new_image(),
        }
        Ok(())
    }

    /// Continues the state to its end.
    fn go(&mut self, way: Way) -> Result<String, String> {
        let place = self.state.place();
        self.begin(way)?;
        // more pauses than any recorded rollout has steps
        for _ in 0..50 {
            self.model.advance(self.state.horizon());
            self.broken()?;
            if !way.promotes() || self.rollout()["status"]["phase"] != "Paused" {
                break;
            }
            self.model.promote(&place);
        }
        self.is_at(&end(self.state, way))?;
        self.runs_went_on(way)?;
        let before = self.model.writes;
        self.model.advance(TimeDelta::minutes(30));
        if self.model.writes != before {
            return Err(format!("writes at the end\n{}", self.model.tail()));
        }
        let (rollout, sets, services) = (self.rollout(), self.sets(), self.services());
        let faults = handover::faults(
            &rollout,
            &sets.iter().collect::<Vec<_>>(),
            &services.iter().collect::<Vec<_>>(),
            &self.template(),
        );
        if !faults.is_empty() {
            return Err(format!("nobody could take this over: {}", faults.join("; ")));
        }
        let status = &rollout["status"];
        let message = status["message"].as_str().unwrap_or_default();
        let text = format!("{} {message}", status["phase"].as_str().unwrap_or_default());
        Ok(text.trim_end().to_owned())
    }

    /// A pause ends when its clock says, and a delay too, neither earlier nor a second later.
    fn clocks_are_kept(&mut self) -> Result<(), String> {
        let index = |this: &Self| this.rollout()["status"]["currentStepIndex"].clone();
        if let Some(end) = self.state.pause_end().filter(|end| *end > self.model.now()) {
            let before = index(self);
            let pauses = self.rollout()["status"]["pauseConditions"].clone();
            self.model.advance(end - self.model.now());
            if index(self) != before || self.rollout()["status"]["pauseConditions"] != pauses {
                return Err(format!("the pause was over before {end}"));
            }
            self.model.advance(TimeDelta::seconds(1));
            if self.rollout()["status"]["pauseConditions"] == pauses {
                return Err(format!("the pause went on after {end}"));
            }
        }
        let waiting = self.state.sets().into_iter().filter(|set| set.size > 0);
        for set in waiting.collect::<Vec<_>>() {
            let Some(deadline) = set.deadline.filter(|at| *at > self.model.now()) else {
                continue;
            };
            let pods = |this: &Self| this.sets().iter().find(|one| hash_label(one) == set.hash).map(size);
            self.model
                .advance(deadline - self.model.now() - TimeDelta::milliseconds(1));
            if pods(self) != Some(set.size) {
                return Err(format!("{} was scaled down before {deadline}", set.hash));
            }
            self.model.advance(TimeDelta::seconds(2));
            if pods(self) != Some(0) {
                return Err(format!("{} was not scaled down after {deadline}", set.hash));
            }
        }
        Ok(())
    }

    /// A run under way is the one that goes on: never a second one, and its measurements count.
    fn runs_went_on(&self, way: Way) -> Result<(), String> {
        for run in self.state.runs().iter().filter(|run| !is_over(run)) {
            let name = run.metadata.name.as_deref().unwrap_or_default();
            let now = self.object("analysisruns.argoproj.io", name);
            let phase = now["status"]["phase"].as_str().unwrap_or("gone");
            let second = self.object("analysisruns.argoproj.io", &format!("{name}.1"));
            if !second.is_null() && way != Way::Retry {
                return Err(format!("run {name} was begun a second time"));
            }
            for (metric, result) in run
                .spec
                .metrics
                .iter()
                .zip(now["status"]["metricResults"].as_array().into_iter().flatten())
            {
                let wanted = metric.count.as_ref().map(ToString::to_string);
                let wanted = wanted.and_then(|text| text.parse::<u64>().ok());
                if way == Way::Time && phase == "Successful" && result["count"].as_u64() != wanted {
                    return Err(format!("run {name} measured {} times, not {wanted:?}", result["count"]));
                }
            }
            if ["Running", "Pending"].contains(&phase) && self.rollout()["status"]["phase"] != "Paused" {
                return Err(format!("run {name} is {phase} at the end"));
            }
        }
        Ok(())
    }

    /// Whether all that can be seen is as expected.
    fn is_at(&self, wanted: &End) -> Result<(), String> {
        let rollout = self.rollout();
        let status = &rollout["status"];
        let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
        let condition = |kind: &'static str| {
            let all = status["conditions"].as_array().into_iter().flatten();
            let found = all.clone().find(|condition| condition["type"] == kind);
            found.map(|found| (found["status"].clone(), found["reason"].clone()))
        };
        let kept = |(kind, status, reason): &(&'static str, &'static str, &'static str)| {
            condition(kind) == Some((json!(status), json!(reason)))
        };
        let sets = self.sets();
        let pods = sets.iter().map(|set| (hash_label(set).to_owned(), size(set)));
        let services = self.services();
        let pointed = |name: &String| {
            let found = services.iter().find(|service| service["metadata"]["name"] == **name);
            let hash = found.map(|service| &service["spec"]["selector"][api::keys::POD_TEMPLATE_HASH]);
            hash.and_then(Value::as_str).unwrap_or("(none)").to_owned()
        };
        let index = status["currentStepIndex"]
            .as_i64()
            .and_then(|index| i32::try_from(index).ok());
        let revision = rollout["metadata"]["annotations"][api::keys::REVISION].as_str();
        let message = text("message");
        let got = End {
            phase: ["Healthy", "Degraded", "Paused", "Progressing"]
                .into_iter()
                .find(|phase| status["phase"] == *phase)
                .unwrap_or("(none)"),
            message: if message.starts_with(&wanted.message) && (message.is_empty() || !wanted.message.is_empty()) {
                wanted.message.clone()
            } else {
                message
            },
            current: text("currentPodHash"),
            stable: text("stableRS"),
            index,
            revision: revision.and_then(|text| text.parse().ok()).unwrap_or(0),
            pause: status["pauseConditions"][0]["reason"].as_str().map(str::to_owned),
            pods: pods.filter(|(_, size)| *size > 0).collect(),
            services: wanted
                .services
                .keys()
                .map(|name| (name.clone(), pointed(name)))
                .collect(),
            conditions: wanted.conditions.iter().filter(|one| kept(one)).copied().collect(),
            workload: wanted
                .workload
                .map(|_| self.workload().map_or(-1, |workload| size(&workload))),
        };
        if got != *wanted {
            return Err(format!("ends as {got:#?}\nnot as {wanted:#?}\n{}", self.model.tail()));
        }
        let sum = |field: &str| sets.iter().filter_map(|set| set["status"][field].as_i64()).sum::<i64>();
        let exist = i64::from(wanted.pods.values().sum::<i32>());
        let counted = [sum("replicas"), status["replicas"].as_i64().unwrap_or(0)];
        if counted != [exist; 2] || sum("availableReplicas") != exist {
            return Err(format!("{exist} pods expected, {counted:?} counted"));
        }
        Ok(())
    }

    fn new_image(&mut self) {
        let template = new_template(self.state);
        match self.state.workload() {
            None => self
                .model
                .patch(&self.state.place(), &json!({ "spec": { "template": template } })),
            Some(workload) => {
                let kind = workload["kind"].as_str().unwrap_or_default().to_lowercase();
                let version = workload["apiVersion"].as_str().unwrap_or_default();
                let root = if version.contains('/') { "apis" } else { "api" };
                let metadata = &workload["metadata"];
                let text = |key: &str| metadata[key].as_str().unwrap_or_default();
                let path = format!(
                    "/{root}/{version}/namespaces/{}/{kind}s/{}",
                    text("namespace"),
                    text("name")
                );
                let body = match template_path(workload) {
                    "/template" => json!({ "template": template }),
                    _ => json!({ "spec": { "template": template } }),
                };
                self.model.user(sim::Request::merge_patch(&path, &body));
            }
        }
    }

    fn broken(&self) -> Result<(), String> {
        let broken = &self.model.checks.broken;
        if broken.is_empty() {
            return Ok(());
        }
        Err(format!(
            "invariants broken:\n{}\n{}",
            broken.join("\n"),
            self.model.tail()
        ))
    }

    fn rollout(&self) -> Value {
        self.model.rollout_at(&self.state.place())
    }

    fn object(&self, resource: &str, name: &str) -> Value {
        let found = self.model.object(resource, &self.state.place().namespace, name);
        found.cloned().unwrap_or(Value::Null)
    }

    fn sets(&self) -> Vec<Value> {
        let uid = &self.state.object["metadata"]["uid"];
        let ours = |set: &&Value| is_controlled_by(set, uid);
        self.listed("replicasets.apps").iter().filter(ours).cloned().collect()
    }

    fn services(&self) -> Vec<Value> {
        self.listed("services")
    }

    fn listed(&self, resource: &str) -> Vec<Value> {
        let namespace = self.state.place().namespace;
        let store = self.model.world.api.store();
        store
            .list(resource, Some(&namespace))
            .map(|object| Value::clone(object))
            .collect()
    }

    fn workload(&self) -> Option<Value> {
        let recorded = self.state.workload()?;
        let resource = match recorded["kind"].as_str()? {
            "Deployment" => "deployments.apps",
            "ReplicaSet" => "replicasets.apps",
            _ => "podtemplates",
        };
        Some(self.object(resource, recorded["metadata"]["name"].as_str()?))
    }

    /// The pod template the Rollout runs now.
    fn template(&self) -> Value {
        match self.workload() {
            Some(workload) => workload
                .pointer(template_path(&workload))
                .cloned()
                .unwrap_or(Value::Null),
            None => self.rollout()["spec"]["template"].clone(),
        }
    }
}
