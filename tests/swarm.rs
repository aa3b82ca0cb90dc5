//! Random histories in the model ring: every one breaks no invariant, ends where it should, and is the same twice.
//!
//! `SLUICE_SWARM=200 cargo test --release swarm` (or `just swarm 200`) plays so many seeds; `SLUICE_SEED=7` replays one.

use std::collections::BTreeMap;
use std::io::Write as _;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sim::{Fault, Request, Rng, Rule};
use std::time::Duration;

use crate::hands::on_all_cores;
use crate::model::{AGENT, Model};
use crate::scenarios::reach;

/// Seeds every run plays, beside those that once failed (`seeds.txt`).
const DEFAULT: u64 = 12;

#[test]
fn random_histories_break_no_invariant() {
    let seeds = seeds();
    let mut coverage = Coverage::default();
    let mut failures = Vec::new();
    for outcome in on_all_cores(&seeds, |seed| twice(*seed)) {
        match outcome {
            Ok(history) => coverage.add(&history),
            Err(why) => failures.push(why),
        }
    }
    let said = format!("{coverage}\nswarm: {} seeds, {} failures", seeds.len(), failures.len());
    // the test runner captures only what the print macros write; a closed standard output is no reason to fail
    let _ = writeln!(std::io::stdout(), "{said}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Plays a seed two times, which must be the same.
fn twice(seed: u64) -> Result<History, String> {
    let history = play(seed).map_err(|why| format!("SLUICE_SEED={seed} cargo test swarm\n{why}"))?;
    let again = play(seed).unwrap_or_default();
    if history.trace == again.trace {
        Ok(history)
    } else {
        Err(format!("seed {seed}: two runs of one seed differ"))
    }
}

fn seeds() -> Vec<u64> {
    if let Some(seed) = number("SLUICE_SEED") {
        return vec![seed];
    }
    let kept = include_str!("seeds.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok());
    kept.chain(0..number("SLUICE_SWARM").unwrap_or(DEFAULT)).collect()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// One history that went well.
#[derive(Default)]
pub(crate) struct History {
    pub trace: Vec<String>,
    /// Kinds of write, by the phase they were made in and the fault that was at work.
    covered: BTreeMap<(String, String, &'static str), u32>,
}

/// Plays one seed; the error is what went wrong, with the end of the trace.
pub(crate) fn play(seed: u64) -> Result<History, String> {
    let outcome = std::panic::catch_unwind(|| Swarm::new(seed).play());
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_default())
    })
}

struct Swarm {
    model: Model,
    rng: Rng,
    history: History,
    images: u32,
    fault: &'static str,
    seen: usize,
    /// What users ask for, apart from everything else: a seed does what it did before there were autoscalers.
    users: Rng,
    /// Which measurements prove nothing, likewise.
    doubts: Rng,
    autoscaling: Autoscaling,
}

/// Whether the rollout has a HorizontalPodAutoscaler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Autoscaling {
    On,
    Off,
}

const GOOD: [&str; 3] = ["v", "w", "slow-start-"];
const BAD: [&str; 3] = ["never-ready-", "crash-", "flapping-"];

impl Swarm {
    fn new(seed: u64) -> Self {
        Swarm {
            model: Model::new(seed),
            rng: Rng::new(seed ^ 0x5157_4152_4d00),
            history: History::default(),
            images: 0,
            fault: "none",
            seen: 0,
            users: Rng::new(seed ^ 0x4c4f_4144),
            doubts: Rng::new(seed ^ 0x4455_4249),
            autoscaling: Autoscaling::Off,
        }
    }

    fn play(mut self) -> Result<History, String> {
        let objects = self.objects();
        for object in objects.iter().chain(&self.autoscaler(&objects)) {
            let path = collection(object);
            self.model.user(Request::post(&path, object));
        }
        self.pass(20_000)?;
        let actions = 6 + self.below(14);
        for _ in 0..actions {
            self.act();
            self.ask();
            let wait = [0, 50, 700, 2_000, 15_000, 90_000][self.below(6)];
            self.pass(wait)?;
        }
        self.end()
    }

    /// Everything is well again: a good image, promoted in full, ends healthy with exactly its pods.
    fn end(mut self) -> Result<History, String> {
        self.model.world.api.faults.clear();
        if self.model.crash_after.is_some() {
            self.model.restart();
        }
        self.fault = "none";
        for metric in ["errors", "smoke"] {
            self.model.metrics.set(metric, vec![json!(1)]);
        }
        self.patch(&json!({ "spec": { "paused": false } }));
        self.image("v");
        self.pass(30_000)?;
        for _ in 0..40 {
            let status = self.rollout()["status"].clone();
            if status["phase"] == "Healthy" && status["currentPodHash"] == status["stableRS"] {
                break;
            }
            if status["abort"] == true {
                self.status(&json!({ "abort": false }));
            } else if status["currentPodHash"] != status["stableRS"] {
                self.status(&json!({ "promoteFull": true }));
            }
            self.pass(60_000)?;
        }
        self.pass(120_000)?;
        if self.autoscaling == Autoscaling::On {
            // the load stays: halved every five minutes, six pods are one after three times
            self.pass(1_200_000)?;
        }
        let rollout = self.rollout();
        let (wanted, status) = (rollout["spec"]["replicas"].as_i64(), &rollout["status"]);
        if status["phase"] != "Healthy" {
            return Err(format!("never healthy: {}\n{}", status, self.model.tail()));
        }
        let pods = self.model.world.api.store().list("pods", Some("default"));
        let pods = pods
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .count();
        if i64::try_from(pods).ok() != wanted {
            return Err(format!(
                "{pods} pods at the end, {wanted:?} wanted\n{}",
                self.model.tail()
            ));
        }
        let before = self.model.writes;
        self.pass(600_000)?;
        if self.model.writes != before {
            return Err(format!("writes at rest\n{}", self.model.tail()));
        }
        let events = self.model.world.api.store().list("events", Some("default"));
        let rescales = events.filter(|event| event["reason"] == "SuccessfulRescale").count();
        let key = ("rescale Rollout".to_owned(), "any".to_owned(), "none");
        *self.history.covered.entry(key).or_default() += u32::try_from(rescales).unwrap_or(u32::MAX);
        self.history.trace = self.model.trace;
        Ok(self.history)
    }

    fn act(&mut self) {
        match self.below(17) {
            0..=3 => {
                let name = GOOD[self.below(GOOD.len())];
                self.image(name);
            }
            4 => {
                let name = BAD[self.below(BAD.len())];
                self.image(name);
            }
            5 => self.status(&json!({ "abort": true })),
            6 => self.status(&json!({ "abort": false })),
            7 => self.status(&json!({ "pauseConditions": null })),
            8 => {
                let status = self.rollout()["status"].clone();
                if status["currentPodHash"] != status["stableRS"] {
                    self.status(&json!({ "promoteFull": true }));
                }
            }
            9 => {
                let paused = self.below(2) == 0;
                self.patch(&json!({ "spec": { "paused": paused } }));
            }
            10 => {
                let replicas = 1 + self.below(6);
                self.patch(&json!({ "spec": { "replicas": replicas } }));
            }
            11 => self.kill_pod(),
            12 => {
                let value = [json!(1), json!(0), json!("error: no answer"), Value::Null][self.below(4)].clone();
                let doubtful = value == 0 && self.doubts.below(2) == 0;
                let value = if doubtful { json!(0.5) } else { value };
                let metric = ["errors", "smoke"][self.below(2)];
                self.model.metrics.set(metric, vec![value]);
            }
            13 => self.model.restart(),
            14 => {
                if self.model.crash_after.take().is_some() {
                    self.model.restart();
                }
                self.model.crash_after = Some(self.model.writes + self.below(4) as u64);
            }
            _ => self.break_something(),
        }
        if self.model.crash_after.is_some_and(|at| at < self.model.writes) {
            self.model.restart();
        }
    }

    fn break_something(&mut self) {
        self.model.world.api.faults.clear();
        let stale = Fault::Stale(Duration::from_millis(200 + 700 * self.below(6) as u64));
        let faults: [(&'static str, Fault, &[&str], f64); 11] = [
            ("none", Fault::Conflict, &[], 0.0),
            ("stale", stale, &["watch"], 0.3),
            ("cut", Fault::Cut, &["watch"], 0.2),
            ("drop", Fault::Drop, &["watch"], 0.1),
            ("duplicate", Fault::Duplicate, &["watch"], 0.3),
            ("conflict", Fault::Conflict, &["patch", "create"], 0.3),
            (
                "busy",
                Fault::TooManyRequests { retry_after: 1 },
                &["patch", "create"],
                0.3,
            ),
            ("error", Fault::ErrorBefore, &["patch", "create", "list"], 0.2),
            ("error-after", Fault::ErrorAfter, &["patch", "create"], 0.2),
            ("hang-after", Fault::HangAfter, &["patch", "create"], 0.2),
            ("expired", Fault::Expired, &["watch"], 0.2),
        ];
        let (name, fault, verbs, chance) = faults[self.below(faults.len())];
        self.fault = name;
        for verb in verbs {
            let rule = Rule::new(fault).agent(AGENT).verb(verb).chance(chance);
            self.model.world.api.faults.add(rule);
        }
    }

    fn pass(&mut self, milliseconds: i64) -> Result<(), String> {
        let until = self.model.now() + TimeDelta::milliseconds(milliseconds);
        loop {
            let more = self.model.step(until);
            self.note();
            if !self.model.checks.broken.is_empty() {
                let broken = self.model.checks.broken.join("\n");
                return Err(format!("{broken}\n{}", self.model.tail()));
            }
            if self.model.has_crashed() {
                self.model.restart();
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Counts what the controller wrote, by phase and fault.
    fn note(&mut self) {
        if self.seen >= self.model.trace.len() {
            return;
        }
        let phase = self.rollout()["status"]["phase"].as_str().unwrap_or("none").to_owned();
        for line in &self.model.trace[self.seen..] {
            let mut words = line.split_whitespace().skip(1);
            let (verb, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if ["create", "scale", "annotate", "point", "delete", "terminate", "adopt"].contains(&verb) {
                let key = (format!("{verb} {kind}"), phase.clone(), self.fault);
                *self.history.covered.entry(key).or_default() += 1;
            }
        }
        self.seen = self.model.trace.len();
    }

    fn objects(&mut self) -> Vec<Value> {
        let service = |name: &str| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
                   "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}})
        };
        let template = |name: &str, metric: &str, count: Value| {
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
                   "metadata": {"name": name, "namespace": "default"},
                   "spec": {"metrics": [{"name": metric, "interval": "7s", "count": count, "failureLimit": 1,
                       "successCondition": "result == 1", "failureCondition": "result == 0",
                       "provider": {"prometheus": {"address": "http://prometheus", "query": "q"}}}]}})
        };
        let mut objects = vec![
            service("one"),
            service("two"),
            template("smoke", "smoke", json!(2)),
            template("errors", "errors", Value::Null),
        ];
        objects[3]["spec"]["metrics"][0]
            .as_object_mut()
            .expect("a metric")
            .remove("count");
        let strategy = self.strategy();
        let replicas = 1 + self.below(6);
        let min_ready_seconds = [0, 0, 2][self.below(3)];
        objects.push(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "revisionHistoryLimit": 2 + self.below(4),
                "progressDeadlineSeconds": 60,
                "progressDeadlineAbort": self.below(3) == 0,
                "minReadySeconds": min_ready_seconds,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "app", "image": "shop/web:v0", "ports": [{"containerPort": 8080}]}]}},
                "strategy": strategy,
            },
        }));
        objects
    }

    /// One rollout in three has an autoscaler, by one metric or by two.
    fn autoscaler(&mut self, objects: &[Value]) -> Option<Value> {
        let mut below = |bound| usize::try_from(self.users.below(bound)).expect("a small number");
        if below(3) != 0 {
            return None;
        }
        let queue =
            |target: Value| json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": target}});
        let target = [
            json!({"type": "AverageValue", "averageValue": "10"}),
            json!({"type": "Value", "value": "20"}),
        ];
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "50m"}}});
        let queue = queue(target[below(2)].clone());
        let metrics = [vec![queue.clone()], vec![cpu.clone()], vec![queue, cpu]][below(3)].clone();
        let rollout = objects
            .iter()
            .find(|object| object["kind"] == "Rollout")
            .expect("a Rollout");
        let mut autoscaler = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"},
                "minReplicas": 1, "maxReplicas": 8, "metrics": metrics,
            },
        });
        if below(2) == 0 {
            let window = [0, 20, 60][below(3)];
            autoscaler["spec"]["behavior"] = json!({"scaleDown": {"stabilizationWindowSeconds": window}});
        }
        self.autoscaling = Autoscaling::On;
        let load = &mut self.model.world.crew.load;
        load.set_cpu("default", reach(rollout), 150);
        load.set_value("default", "queue", 30_000);
        Some(autoscaler)
    }

    /// Now and then users ask for more, or for less.
    fn ask(&mut self) {
        if self.autoscaling == Autoscaling::Off {
            return;
        }
        let load = &mut self.model.world.crew.load;
        let mut amount = || i64::try_from(self.users.below(9)).expect("a small number");
        match amount() {
            0..=2 => load.set_value("default", "queue", amount() * 10_000),
            3..=5 => {
                let rollout = self
                    .model
                    .world
                    .api
                    .store()
                    .get("rollouts.argoproj.io", "default", "web");
                let reach = rollout.map(|rollout| reach(rollout));
                let total = amount() * 50;
                reach
                    .into_iter()
                    .for_each(|reach| load.set_cpu("default", reach, total));
            }
            _ => {}
        }
    }

    fn strategy(&mut self) -> Value {
        let smoke = json!({ "templates": [{ "templateName": "smoke" }] });
        let errors = json!({ "templates": [{ "templateName": "errors" }] });
        if self.below(3) == 0 {
            let mut strategy = json!({ "activeService": "one", "scaleDownDelaySeconds": 5 + self.below(30),
                "abortScaleDownDelaySeconds": 1 + self.below(30), "autoPromotionEnabled": self.below(2) == 0 });
            for (key, value) in [
                ("previewService", json!("two")),
                ("prePromotionAnalysis", smoke.clone()),
                ("postPromotionAnalysis", smoke),
                ("autoPromotionSeconds", json!(20)),
                ("previewReplicaCount", json!(1)),
            ] {
                if self.below(2) == 0 {
                    strategy[key] = value;
                }
            }
            return json!({ "blueGreen": strategy });
        }
        let amounts = [json!(0), json!(1), json!("25%"), json!("50%"), json!(3)];
        let mut surge = amounts[self.below(amounts.len())].clone();
        let unavailable = amounts[self.below(amounts.len())].clone();
        if surge == json!(0) && unavailable == json!(0) {
            surge = json!(1);
        }
        let mut steps = Vec::new();
        for weight in [20, 50, 100] {
            steps.push(json!({ "setWeight": weight }));
            match self.below(4) {
                0 => steps.push(json!({ "pause": {} })),
                1 => steps.push(json!({ "pause": { "duration": 10 } })),
                2 => steps.push(json!({ "analysis": smoke.clone() })),
                _ => {}
            }
        }
        steps.truncate(self.below(steps.len() + 1));
        let mut strategy = json!({ "maxSurge": surge, "maxUnavailable": unavailable, "steps": steps });
        if self.below(2) == 0 {
            strategy["stableService"] = json!("one");
            strategy["canaryService"] = json!("two");
        }
        if self.below(2) == 0 {
            strategy["analysis"] = errors;
        }
        json!({ "canary": strategy })
    }

    fn image(&mut self, name: &str) {
        self.images += 1;
        // now and then back to an image that was there before
        let number = if self.below(4) == 0 { 0 } else { self.images };
        let image = if number == 0 {
            "shop/web:v0".to_owned()
        } else {
            format!("shop/web:{name}{number}")
        };
        let mut template = self.rollout()["spec"]["template"].clone();
        template["spec"]["containers"][0]["image"] = json!(image);
        self.patch(&json!({ "spec": { "template": template } }));
    }

    fn kill_pod(&mut self) {
        let pods = self.model.world.api.store().list("pods", Some("default"));
        let names: Vec<String> = pods
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        if names.is_empty() {
            return;
        }
        let name = &names[self.below(names.len())];
        let path = format!("/api/v1/namespaces/default/pods/{name}?gracePeriodSeconds=0");
        self.model.user(Request::delete(&path));
    }

    fn rollout(&self) -> Value {
        self.model
            .object("rollouts.argoproj.io", "default", "web")
            .cloned()
            .unwrap_or(Value::Null)
    }

    fn patch(&mut self, patch: &Value) {
        self.model.user(Request::merge_patch(
            "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web",
            patch,
        ));
    }

    fn status(&mut self, fields: &Value) {
        let path = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web/status";
        self.model
            .user(Request::merge_patch(path, &json!({ "status": fields })));
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).expect("a small number")
    }
}

fn collection(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
    match object["apiVersion"].as_str().unwrap_or_default() {
        "v1" => format!("/api/v1/namespaces/default/{kind}s"),
        version => format!("/apis/{version}/namespaces/default/{kind}s"),
    }
}

/// What the histories reached: op x phase x fault.
#[derive(Default)]
struct Coverage(BTreeMap<(String, String, &'static str), u32>);

impl Coverage {
    fn add(&mut self, history: &History) {
        for (key, count) in &history.covered {
            *self.0.entry(key.clone()).or_default() += count;
        }
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for ((op, phase, fault), count) in &self.0 {
            lines.entry((op, phase)).or_default().push(format!("{fault}={count}"));
        }
        writeln!(f, "covered (op x phase: fault=times):")?;
        for ((op, phase), faults) in lines {
            writeln!(f, "  {op:<24} {phase:<12} {}", faults.join(" "))?;
        }
        Ok(())
    }
}
