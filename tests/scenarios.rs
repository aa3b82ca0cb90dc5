//! Every scenario file in the model ring: the steps hold, no invariant breaks, and the trace is the one in the file.
//!
//! `SLUICE_TRACE=write cargo test scenarios` writes traces into files that have an empty trace block, for review by hand.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use controller::kind::Name;
use serde_json::{Value, json};
use sim::load::Reach;
use sim::selector::LabelSelector;
use sim::{Fault, Request, Rule};

pub(crate) use crate::model::people::{Promotion, full_promotion, promotion, skipped, undone};
use crate::model::{AGENT, Model};
use crate::scenario::{PodGroup, Scenario, Step, all, tag};

/// How long `until` waits, in virtual time.
const PATIENCE: TimeDelta = TimeDelta::hours(2);

#[test]
fn every_scenario_holds_in_the_model_ring() {
    let mut wrong = Vec::new();
    let files = all();
    assert!(!files.is_empty(), "no scenario files");
    let only = std::env::var("SLUICE_SCENARIO").unwrap_or_default();
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let outcome = std::panic::catch_unwind(|| play(&file)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_default())
        });
        if let Err(why) = outcome {
            wrong.push(format!("{name}: {why}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} scenarios fail:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

/// Plays a scenario without looking at its trace: what does not hold, if anything.
pub(crate) fn invariants(file: &std::path::Path) -> Result<(), String> {
    let outcome = std::panic::catch_unwind(|| {
        let scenario = Scenario::read(file.to_owned())?;
        steps(&scenario).map(|_| ())
    });
    outcome.unwrap_or_else(|_| Err("never comes to rest".to_owned()))
}

fn play(file: &std::path::Path) -> Result<(), String> {
    let scenario = Scenario::read(file.to_owned())?;
    let run = steps(&scenario)?;
    let got = run.model.trace.join("\n");
    let expected = scenario.trace.trim();
    if expected.is_empty() && std::env::var("SLUICE_TRACE").is_ok_and(|v| v == "write") {
        let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
        let written = text.replace("```trace\n```", &format!("```trace\n{got}\n```"));
        return std::fs::write(file, written).map_err(|e| e.to_string());
    }
    if expected != got.trim() {
        let difference = similar::TextDiff::from_lines(expected, got.trim())
            .unified_diff()
            .to_string();
        return Err(format!("the trace differs (- expected, + got):\n{difference}"));
    }
    Ok(())
}

/// Plays the steps; the error is the first that does not hold, or an invariant that was broken.
fn steps(scenario: &Scenario) -> Result<Run<'_>, String> {
    let mut run = Run::new(scenario);
    for (line, step) in &scenario.steps {
        run.step(step)
            .map_err(|why| format!("line {line}: {why}\n{}", run.model.tail()))?;
    }
    let broken = &run.model.checks.broken;
    if broken.is_empty() {
        return Ok(run);
    }
    Err(format!(
        "invariants broken:\n{}\n{}",
        broken.join("\n"),
        run.model.tail()
    ))
}

pub(crate) struct Run<'s> {
    scenario: &'s Scenario,
    pub(crate) model: Model,
    pub(crate) namespace: String,
    name: String,
}

impl<'s> Run<'s> {
    pub(crate) fn new(scenario: &'s Scenario) -> Self {
        let metadata = &scenario.rollout()["metadata"];
        let text = |key: &str, default: &str| metadata[key].as_str().unwrap_or(default).to_owned();
        Run {
            scenario,
            model: Model::new(1),
            namespace: text("namespace", "default"),
            name: text("name", ""),
        }
    }

    fn path(&self) -> String {
        format!(
            "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{}",
            self.namespace, self.name
        )
    }

    pub(crate) fn rollout(&self) -> Value {
        let found = self.model.object("rollouts.argoproj.io", &self.namespace, &self.name);
        found.cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply => {
                for manifest in &self.scenario.manifests {
                    let path = collection(manifest, &self.namespace);
                    self.model.user(Request::post(&path, manifest));
                }
            }
            Step::Image(image) => {
                let mut rollout = self.rollout();
                rollout["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
                let patch = json!({ "spec": { "template": rollout["spec"]["template"] } });
                self.model.user(Request::merge_patch(&self.path(), &patch));
            }
            Step::ImageOf(kind, name, image) => {
                let path = self.other(kind, name);
                let object = self.model.user(Request::get(&path));
                self.model
                    .user(Request::merge_patch(&path, &with_image(&object, image)));
            }
            Step::Patch(patch) => {
                self.model.user(Request::merge_patch(&self.path(), patch));
            }
            Step::PatchStatus(patch) => {
                let path = format!("{}/status", self.path());
                self.model.user(Request::merge_patch(&path, patch));
            }
            Step::PatchOther(kind, name, patch) => {
                let path = self.other(kind, name);
                self.model.user(Request::merge_patch(&path, patch));
            }
            Step::Delete(kind, name) => {
                let path = self.other(kind, name);
                self.model.user(Request::delete(&path));
            }
            Step::Promote => self.send(&promotion(&self.rollout())),
            Step::PromoteFull => self.send(&full_promotion(&self.rollout())),
            Step::Skip(skip) => self.send(&[skipped(&self.rollout(), *skip)]),
            Step::Undo(to) => {
                let store = self.model.world.api.store();
                let sets = store.list("replicasets.apps", Some(&self.namespace));
                let patch = undone(sets.map(AsRef::as_ref), *to).ok_or("no such revision")?;
                self.send(&[patch]);
            }
            Step::Abort => self.status(json!({ "abort": true })),
            Step::Retry => self.status(json!({ "abort": false })),
            Step::Until(phase, message) => return self.until(phase, message),
            Step::Advance(by) => {
                self.model.advance(TimeDelta::from_std(*by).map_err(|e| e.to_string())?);
                return Ok(());
            }
            Step::Quiet(by) => {
                self.model.settle();
                let before = self.model.writes;
                self.model.advance(TimeDelta::from_std(*by).map_err(|e| e.to_string())?);
                let wrote = self.model.writes - before;
                return if wrote == 0 {
                    Ok(())
                } else {
                    Err(format!("{wrote} writes, none expected"))
                };
            }
            Step::Metric(name, values) => self.model.metrics.set(name, values.clone()),
            Step::Expect(path, wanted) => return self.expect(path, wanted),
            Step::Pods(group, wanted) => return self.pods(group, wanted),
            Step::Service(name, tag) => return self.service(name, tag),
            Step::Stale(span) => {
                self.model.settle();
                self.model.world.api.faults.clear();
                if let Some(span) = span {
                    let rule = Rule::new(Fault::Stale(*span)).agent(AGENT).verb("watch").once();
                    self.model.world.api.faults.add(rule.resource("replicasets.apps"));
                }
            }
            Step::Resize(wanted, size) => {
                let name = self.replica_set(wanted).ok_or("no such ReplicaSet")?;
                let path = self.other("replicaset", &name);
                let patch = json!({ "spec": { "replicas": size } });
                self.model.user(Request::merge_patch(&path, &patch));
            }
            Step::RestartPods => {
                let at = api::duration::Time::new(self.model.now()).to_string();
                self.model.user(Request::merge_patch(
                    &self.path(),
                    &json!({ "spec": { "restartAt": at } }),
                ));
            }
            Step::Restart => self.model.restart(),
            Step::Kill(count, tag) => self.kill(*count, tag),
            Step::Crash(writes) => self.model.crash_after = Some(self.model.writes + writes),
            Step::Object(kind, name, path, wanted) => return self.object(kind, name, path, wanted),
            Step::Runs(wanted) => return self.runs(wanted),
            Step::LoadCpu(total) => {
                let reach = reach(self.scenario.rollout());
                self.model.world.crew.load.set_cpu(&self.namespace, reach, *total);
            }
            Step::LoadValue(name, value) => self.model.world.crew.load.set_value(&self.namespace, name, *value),
            Step::Sizes(least, most) => {
                self.model.settle();
                let store = self.model.world.api.store();
                let changes = store.changes_after("rollouts.argoproj.io", 0).ok_or("too long ago")?;
                let states = changes.map(|change| &*change.last);
                let of_it = states.filter(|state| state["metadata"]["name"] == self.name.as_str());
                return within(of_it, *least, *most);
            }
            Step::Event(reason, count) => {
                let said = self
                    .model
                    .trace
                    .iter()
                    .filter(|line| line.contains(&format!(" {reason}: ")))
                    .count();
                return if said == *count {
                    Ok(())
                } else {
                    Err(format!("{said} {reason} events, {count} expected"))
                };
            }
        }
        Ok(())
    }

    fn send(&mut self, patches: &[Promotion]) {
        let at = Name::new(self.namespace.clone(), self.name.clone());
        for patch in patches {
            self.model.send(&at, patch);
        }
    }

    fn status(&mut self, fields: Value) {
        let path = format!("{}/status", self.path());
        self.model
            .user(Request::merge_patch(&path, &json!({ "status": fields })));
    }

    fn until(&mut self, phase: &str, message: &str) -> Result<(), String> {
        let until = self.model.now() + PATIENCE;
        self.model.settle();
        loop {
            let rollout = self.rollout();
            let seen = rollout["metadata"]["generation"].as_i64().map(|n| n.to_string());
            let status = &rollout["status"];
            let observed = status["observedGeneration"].as_str() == seen.as_deref();
            let text = status["message"].as_str().unwrap_or_default();
            if observed && status["phase"] == phase && text.contains(message) {
                return Ok(());
            }
            if !self.model.step(until) {
                return Err(format!(
                    "not {phase} {message} within two hours, but {} {text}",
                    status["phase"]
                ));
            }
        }
    }

    fn expect(&mut self, path: &str, wanted: &str) -> Result<(), String> {
        self.model.settle();
        compare(&self.rollout(), path, wanted)
    }

    fn object(&mut self, kind: &str, name: &str, path: &str, wanted: &str) -> Result<(), String> {
        self.model.settle();
        let request = Request::get(&self.other(kind, name));
        let object = self.model.world.call(request.agent("kubectl")).object();
        let object = object.map_err(|status| format!("{kind} {name}: {}", status["message"]))?;
        compare(&object, path, wanted).map_err(|why| format!("{kind} {name}: {why}"))
    }

    fn runs(&mut self, wanted: &str) -> Result<(), String> {
        self.model.settle();
        let store = self.model.world.api.store();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for run in store.list("analysisruns.argoproj.io", Some(&self.namespace)) {
            let phase = run["status"]["phase"].as_str().unwrap_or("Pending");
            *counts.entry(phase.to_owned()).or_default() += 1;
        }
        let shown: Vec<String> = counts.iter().map(|(phase, count)| format!("{phase}={count}")).collect();
        let shown = if shown.is_empty() {
            "none".to_owned()
        } else {
            shown.join(" ")
        };
        if shown == wanted {
            Ok(())
        } else {
            Err(format!("runs are {shown}, not {wanted}"))
        }
    }

    fn pods(&mut self, group: &PodGroup, wanted: &str) -> Result<(), String> {
        self.model.settle();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for pod in self.model.world.api.store().list("pods", Some(&self.namespace)) {
            if pod["metadata"]["deletionTimestamp"].is_null() {
                *counts.entry(group.of(pod)).or_default() += 1;
            }
        }
        let shown: Vec<String> = counts.iter().map(|(tag, count)| format!("{tag}={count}")).collect();
        let shown = shown.join(" ");
        if shown == wanted {
            Ok(())
        } else {
            Err(format!("pods are {shown}, not {wanted}"))
        }
    }

    fn service(&mut self, name: &str, wanted: &str) -> Result<(), String> {
        self.model.settle();
        let service = self
            .model
            .object("services", &self.namespace, name)
            .ok_or("no such Service")?;
        let hash = service["spec"]["selector"][api::keys::POD_TEMPLATE_HASH]
            .as_str()
            .unwrap_or("(none)")
            .to_owned();
        let mut sets = self
            .model
            .world
            .api
            .store()
            .list("replicasets.apps", Some(&self.namespace));
        let named = sets.find(|rs| rs["metadata"]["labels"][api::keys::POD_TEMPLATE_HASH] == hash.as_str());
        let got = named.map_or(hash, |rs| tag(&rs["spec"]["template"]["spec"]));
        if got == wanted {
            Ok(())
        } else {
            Err(format!("Service {name} names {got}, not {wanted}"))
        }
    }

    /// The name of the ReplicaSet with this image tag.
    fn replica_set(&self, wanted: &str) -> Option<String> {
        let store = self.model.world.api.store();
        let mut sets = store.list("replicasets.apps", Some(&self.namespace));
        let found = sets.find(|rs| tag(&rs["spec"]["template"]["spec"]) == wanted)?;
        found["metadata"]["name"].as_str().map(str::to_owned)
    }

    fn kill(&mut self, count: usize, wanted: &str) {
        self.model.settle();
        let pods = self.model.world.api.store().list("pods", Some(&self.namespace));
        let names: Vec<String> = pods
            .filter(|pod| tag(&pod["spec"]) == wanted && pod["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .take(count)
            .collect();
        for name in names {
            let path = format!("/api/v1/namespaces/{}/pods/{name}?gracePeriodSeconds=0", self.namespace);
            self.model.user(Request::delete(&path));
        }
    }

    fn other(&self, kind: &str, name: &str) -> String {
        path_of(kind, &self.namespace, name)
    }
}

/// The path of an object by the word that scenarios have for its kind.
pub(crate) fn path_of(kind: &str, namespace: &str, name: &str) -> String {
    let (prefix, plural) = match kind {
        "service" => ("/api/v1", "services"),
        "pod" => ("/api/v1", "pods"),
        "replicaset" => ("/apis/apps/v1", "replicasets"),
        "deployment" => ("/apis/apps/v1", "deployments"),
        "podtemplate" => ("/api/v1", "podtemplates"),
        "slice" => ("/apis/discovery.k8s.io/v1", "endpointslices"),
        "run" => ("/apis/argoproj.io/v1alpha1", "analysisruns"),
        "template" => ("/apis/argoproj.io/v1alpha1", "analysistemplates"),
        "rollout" => ("/apis/argoproj.io/v1alpha1", "rollouts"),
        "hpa" => ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
        other => panic!("no kind {other} in scenarios"),
    };
    format!("{prefix}/namespaces/{namespace}/{plural}/{name}")
}

/// Which pods of a Rollout users reach: those behind the active Service of a blue/green, all of a canary.
pub(crate) fn reach(rollout: &Value) -> Reach {
    match rollout["spec"]["strategy"]["blueGreen"]["activeService"].as_str() {
        Some(service) => Reach::Service(service.to_owned()),
        None => Reach::Labels(LabelSelector::from_object(&rollout["spec"]["selector"]).unwrap_or_default()),
    }
}

/// Whether `spec.replicas` was within these bounds in all states of a Rollout, oldest first.
pub(crate) fn within<'r>(states: impl Iterator<Item = &'r Value>, least: i64, most: i64) -> Result<(), String> {
    let mut sizes: Vec<i64> = states.filter_map(|state| state["spec"]["replicas"].as_i64()).collect();
    sizes.dedup();
    if sizes.iter().all(|size| (least..=most).contains(size)) {
        Ok(())
    } else {
        Err(format!("spec.replicas was {sizes:?}, not {least}..{most}"))
    }
}

/// The merge patch that gives a workload's first container another image.
pub(crate) fn with_image(workload: &Value, image: &str) -> Value {
    let at_the_top = workload["kind"] == "PodTemplate";
    let holder = if at_the_top { workload } else { &workload["spec"] };
    let mut template = holder["template"].clone();
    template["spec"]["containers"][0]["image"] = json!(image);
    if at_the_top {
        json!({ "template": template })
    } else {
        json!({ "spec": { "template": template } })
    }
}

/// The path that an object is created at.
pub(crate) fn collection(manifest: &Value, namespace: &str) -> String {
    let kind = manifest["kind"].as_str().unwrap_or_default();
    let version = manifest["apiVersion"].as_str().unwrap_or_default();
    let prefix = if version.contains('/') {
        format!("/apis/{version}")
    } else {
        format!("/api/{version}")
    };
    let plural = format!("{}s", kind.to_lowercase());
    match kind {
        "ClusterAnalysisTemplate" => format!("{prefix}/{plural}"),
        _ => format!("{prefix}/namespaces/{namespace}/{plural}"),
    }
}

pub(crate) fn compare(object: &Value, path: &str, wanted: &str) -> Result<(), String> {
    let shown = match object.pointer(path) {
        None | Some(Value::Null) => "absent".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    if shown == wanted {
        Ok(())
    } else {
        Err(format!("{path} is {shown}, not {wanted}"))
    }
}
