//! The model ring: the whole flow in virtual time, without a runtime. Same seed, same bytes.
//!
//! The shelves are fed from watch cursors, decisions come from the engine, requests from `lower`, and the simulated API
//! server answers them synchronously.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use controller::cache::freshness::{Echo, Fresh, Freshness};
use controller::cache::{Shelves, Version};
use controller::kind::{Kind, Name};
use controller::lower::{self, Subject};
use controller::observe;
use controller::status::Counts;
use controller::task::Task;
use engine::mutant::{Mutant, is};
use engine::plan::{Action, Notice, Plan};
use serde_json::Value;
use sim::apiserver::{Response, WatchCursor, WatchEventKind};
use sim::kubelet::Pace;
use sim::{ApiServer, Clock, Request, World};

use crate::rights;

mod checks;
pub mod metrics;
pub mod people;
mod requests;
mod runs;
mod services;

pub use checks::Checks;
pub use metrics::Metrics;
pub use requests::convert;
use requests::{concerns_one_pod, is_already_exists, show_status, without_tests};

/// Who the controller says it is.
pub const AGENT: &str = "sluice";

/// How often the shelves are compared with a listing: a lost event is healed without a restart.
const SWEEP: TimeDelta = TimeDelta::minutes(5);

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Look again when something changes, or at this instant.
    Rest(Option<DateTime<Utc>>),
    /// Look again after the back-off.
    Again,
}

/// A cluster with our controller in it.
pub struct Model {
    pub world: World,
    pub metrics: Metrics,
    pub checks: Checks,
    /// One line for every write and event of the controller.
    pub trace: Vec<String>,
    /// The controller's writes are dropped after this many (a crash between two writes).
    pub crash_after: Option<u64>,
    /// The controller dies with this write, which is accepted and of which it never hears; it starts again at once.
    pub dies_with: Option<u64>,
    pub writes: u64,
    start: DateTime<Utc>,
    instant: tokio::time::Instant,
    shelves: Shelves,
    cursors: BTreeMap<Kind, WatchCursor>,
    /// What this life of the controller has listed.
    listed: BTreeSet<Kind>,
    freshness: Freshness,
    counts: Counts,
    due: BTreeMap<Task, DateTime<Utc>>,
    failures: BTreeMap<Task, u32>,
    runs: runs::Measuring,
    crashed: bool,
    next_sweep: DateTime<Utc>,
}

impl Model {
    /// A fresh cluster with our CRDs installed.
    pub fn new(seed: u64) -> Self {
        Model::with_pace(seed, Pace::default())
    }

    /// The same with another pace of pods.
    pub fn with_pace(seed: u64, pace: Pace) -> Self {
        Model::in_world(World::new(seed, pace), seed)
    }

    /// The same in a cluster whose first instant is `start`.
    pub fn starting_at(seed: u64, start: DateTime<Utc>) -> Self {
        Model::in_world(World::starting(Clock::starting_at(start), seed, Pace::default()), seed)
    }

    fn in_world(mut world: World, seed: u64) -> Self {
        world.api = installed(seed).beginning_at(world.api.clock().clone());
        world.api.access.bind(AGENT, rights::grants("", ""));
        let start = world.now();
        Model {
            world,
            metrics: Metrics::default(),
            checks: Checks::default(),
            trace: Vec::new(),
            crash_after: None,
            dies_with: None,
            writes: 0,
            start,
            instant: tokio::time::Instant::now(),
            shelves: Shelves::default(),
            cursors: BTreeMap::new(),
            listed: BTreeSet::new(),
            freshness: Freshness::default(),
            counts: Counts::default(),
            due: BTreeMap::new(),
            failures: BTreeMap::new(),
            runs: runs::Measuring::default(),
            crashed: false,
            next_sweep: start + SWEEP,
        }
    }

    /// The controller starts again with nothing but what the API server has.
    pub fn restart(&mut self) {
        self.shelves = Shelves::default();
        self.cursors.clear();
        self.listed.clear();
        self.freshness = Freshness::default();
        self.counts = Counts::default();
        self.due.clear();
        self.failures.clear();
        self.runs = runs::Measuring::default();
        self.crashed = false;
        self.crash_after = None;
        self.checks.forget_inputs();
        self.trace
            .push(format!("{} --- the controller starts again", self.offset()));
    }

    /// Sends a request as a user does; panics with the server's words when it is refused.
    pub fn user(&mut self, request: Request) -> Value {
        let shown = format!("{} {}", request.method, request.path);
        let answer = self.world.call(request.agent("kubectl"));
        answer.object().unwrap_or_else(|status| panic!("{shown}: {status}"))
    }

    /// Lets everything happen that happens now, without time passing.
    pub fn settle(&mut self) {
        // a bound that no honest run comes near: a hot loop ends here
        for _ in 0..10_000 {
            self.world.settle();
            self.watch();
            let now = self.now();
            let Some(task) = self
                .due
                .iter()
                .filter(|(_, at)| **at <= now)
                .map(|(task, _)| task.clone())
                .next()
            else {
                return;
            };
            self.due.remove(&task);
            self.turn(&task);
            if self.dies_with.is_some_and(|last| last < self.writes) {
                self.dies_with = None;
                self.restart();
            }
        }
        panic!(
            "the controller never comes to rest at {}\n{}",
            self.offset(),
            self.tail()
        );
    }

    /// Lets time go on to the next event; `false` when nothing is due any more or `until` comes first.
    pub fn step(&mut self, until: DateTime<Utc>) -> bool {
        self.settle();
        let next = self
            .due
            .values()
            .copied()
            .chain(self.world.next_due())
            .chain([self.next_sweep])
            .min();
        match next.filter(|next| *next <= until) {
            Some(next) => {
                self.world.api.clock().advance_to(next.max(self.now()));
                self.settle();
                true
            }
            None => {
                self.world.api.clock().advance_to(until);
                self.settle();
                false
            }
        }
    }

    /// Lets this long pass.
    pub fn advance(&mut self, by: TimeDelta) {
        let until = self.now() + by;
        while self.step(until) {}
    }

    /// Now, in virtual time.
    pub fn now(&self) -> DateTime<Utc> {
        self.world.now()
    }

    /// Time since the start, as traces show it.
    pub fn offset(&self) -> String {
        format!("+{:.1}s", (self.now() - self.start).num_milliseconds() as f64 / 1000.0)
    }

    /// Whether the controller is down, because of [`Model::crash_after`].
    pub fn has_crashed(&self) -> bool {
        self.crashed
    }

    /// The last lines of the trace, for messages.
    pub fn tail(&self) -> String {
        let from = self.trace.len().saturating_sub(40);
        self.trace[from..].join("\n")
    }

    /// An object as the API server has it.
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.world.api.store().get(resource, namespace, name).map(AsRef::as_ref)
    }

    /// Takes in what the watches have delivered; opens those that are not open.
    fn watch(&mut self) {
        let sweep = self.now() >= self.next_sweep;
        if sweep {
            self.next_sweep = self.now() + SWEEP;
        }
        let referred = Kind::WORKLOADS.into_iter().filter(|kind| self.shelves.refers_to(*kind));
        let kinds: Vec<Kind> = Kind::WATCHED.into_iter().chain(referred).collect();
        for kind in kinds {
            if sweep || self.cursors.get(&kind).is_none_or(|cursor| cursor.is_closed()) {
                self.list(kind);
            }
            // Nothing is decided before everything was listed once: what fails is listed again, what is forbidden is not.
            for _ in 0..100 {
                if self.listed.contains(&kind) {
                    break;
                }
                self.list(kind);
            }
            let Some(cursor) = self.cursors.get_mut(&kind) else {
                continue;
            };
            for event in self.world.api.poll(cursor) {
                let change = match event.kind {
                    WatchEventKind::Added | WatchEventKind::Modified => self.shelves.put(kind, event.object),
                    WatchEventKind::Deleted => self.shelves.remove(kind, &event.object),
                    WatchEventKind::Bookmark => continue,
                    WatchEventKind::Error => {
                        self.cursors.remove(&kind);
                        break;
                    }
                };
                self.wake(change.tasks);
            }
        }
    }

    fn list(&mut self, kind: Kind) {
        let path = kind.path("");
        let query = match kind {
            Kind::ReplicaSet => format!("?labelSelector={}", api::keys::POD_TEMPLATE_HASH),
            _ => String::new(),
        };
        let listed = self
            .world
            .api
            .handle(Request::get(&format!("{path}{query}")).agent(AGENT));
        let Ok(list) = listed.object() else {
            return;
        };
        self.listed.insert(kind);
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or("0").to_owned();
        let objects = list["items"].as_array().cloned().unwrap_or_default();
        let change = self.shelves.replace(kind, objects, &Version::new(version.clone()));
        self.wake(change.tasks);
        let join = if query.is_empty() { "?" } else { "&" };
        let watch = format!("{path}{query}{join}watch=true&allowWatchBookmarks=true&resourceVersion={version}");
        if let Response::Watch(cursor) = self.world.api.handle(Request::get(&watch).agent(AGENT)) {
            self.cursors.insert(kind, *cursor);
        }
    }

    fn wake(&mut self, tasks: BTreeSet<Task>) {
        let now = self.now();
        for task in tasks {
            self.due.insert(task, now);
        }
    }

    fn turn(&mut self, task: &Task) {
        if self.crashed {
            return;
        }
        let now = self.now();
        match self.freshness.check(task, &self.shelves, self.instant_at(now)) {
            _ if is(Mutant::StaleRead) => {}
            Fresh::Yes => {}
            Fresh::Wait(wait) => {
                self.due
                    .insert(task.clone(), now + TimeDelta::from_std(wait).expect("a short wait"));
                return;
            }
            Fresh::Read(late) => {
                for (kind, name) in late {
                    let before = self.shelves.stamp(kind, &name);
                    let request = lower::get(kind, &name).expect("a request");
                    let answer = self.world.api.handle(convert(request)).object();
                    let change = self.shelves.repair(kind, &name, answer.ok(), before.as_ref());
                    self.wake(change.tasks);
                }
            }
        }
        let turn = match task {
            Task::Rollout(name) => self.rollout(task, name),
            Task::Run(name) => self.run(task, name),
            Task::Service(name) => self.service(task, name),
        };
        match turn {
            Turn::Rest(wake) => {
                self.failures.remove(task);
                if let Some(at) = wake.into_iter().chain(self.patience(task)).min() {
                    let known = self.due.get(task).copied();
                    self.due.insert(task.clone(), known.map_or(at, |known| known.min(at)));
                }
            }
            Turn::Again => {
                let failures = self.failures.entry(task.clone()).or_default();
                *failures += 1;
                let wait = TimeDelta::milliseconds(10_000.min(1 << (*failures).min(14)));
                self.due.insert(task.clone(), now + wait);
            }
        }
    }

    /// When a write that has not come back is to be read live, as the running controller does.
    fn patience(&self, task: &Task) -> Option<DateTime<Utc>> {
        let wait = self.freshness.deadline(task)?.duration_since(self.instant);
        Some(self.start + TimeDelta::from_std(wait).expect("a short wait"))
    }

    fn rollout(&mut self, task: &Task, name: &Name) -> Turn {
        if let Some((kind, place)) = self.shelves.lacking(name) {
            let request = lower::get(kind, &place).expect("a request");
            match self.world.api.handle(convert(request)).object() {
                Err(status) if status["code"] != 404 => return Turn::Again,
                read => {
                    let change = self.shelves.repair(kind, &place, read.ok(), None);
                    self.wake(change.tasks);
                }
            }
        }
        let Some(view) = observe::rollout(&self.shelves, name, self.now()) else {
            return Turn::Rest(None);
        };
        let (subject, mut observed) = (view.subject, view.observed);
        let mut plan = engine::decide(&observed);
        for _ in 0..4 {
            let missing: Vec<_> = plan.reads.iter().cloned().collect();
            if missing.is_empty() {
                break;
            }
            for read in missing {
                let request = lower::read(&name.namespace, &read, observed.selector()).expect("a request");
                match self.world.api.handle(convert(request)).object() {
                    Ok(answer) => observe::take_read(&mut observed, &read, &answer),
                    Err(_) => return Turn::Again,
                }
            }
            plan = engine::decide(&observed);
        }
        for (kind, place) in self.checks.awaited() {
            let stamp = self.shelves.stamp(kind, &place);
            self.checks
                .seen(kind, &place, stamp.as_ref().map(|stamp| stamp.version.as_str()));
        }
        self.checks.reconciled(name, view.fingerprint, self.now(), &plan);
        if let Err(violation) = engine::audit::check(&observed, &plan) {
            self.trace.push(format!("{} REFUSED {violation}", self.offset()));
            self.checks.refused(&violation.to_string());
            return Turn::Rest(Some(self.now() + TimeDelta::seconds(1)));
        }
        self.apply(task, &subject, &observed, &plan)
    }

    fn apply(&mut self, task: &Task, subject: &Subject, observed: &engine::Observed, plan: &Plan) -> Turn {
        let mut subject = subject.clone();
        let mut refused = false;
        for op in &plan.ops {
            let mut request = lower::action(&subject, &op.action).expect("a request");
            if is(Mutant::MissingPrecondition) {
                request = without_tests(request);
            }
            self.checks.before_write(observed, &op.action, self.now());
            let size = self.size_of(&op.action, &subject);
            let Some(answer) = self.write(&engine::show::action(&op.action), request) else {
                return Turn::Again;
            };
            match answer {
                Ok(object) => {
                    self.checks.resized(&op.action, size);
                    self.wrote(task, &op.action, &object, &mut subject);
                    self.notices(&op.notices);
                }
                Err(status) if is_already_exists(&status) => {
                    self.look_again_at(&op.action, &subject);
                    refused = true;
                    break;
                }
                Err(status) if concerns_one_pod(&op.action, &status) => {}
                Err(_) => {
                    refused = true;
                    break;
                }
            }
        }
        let put_off = self.counts.wait(task, plan, self.instant_at(self.now()));
        if put_off.is_some() {
            self.checks.put_off(&subject.name);
        } else if let Some(difference) = &plan.status {
            let request = lower::status(&subject, difference).expect("a request");
            self.checks.before_status(observed, difference, self.now());
            self.checks.autoscaled(observed, difference);
            let Some(answer) = self.write(&show_status(difference), request) else {
                return Turn::Again;
            };
            match answer {
                Ok(object) => self.expect_back(task, subject.kind, &subject.name, &object),
                Err(_) => refused = true,
            }
        }
        if refused {
            return Turn::Again;
        }
        self.notices(&plan.notices);
        let wait = put_off.map(|wait| self.now() + TimeDelta::from_std(wait).expect("a short wait"));
        Turn::Rest(plan.wake.into_iter().chain(wait).min())
    }

    /// Sends one write of the controller. `None`: the controller crashed instead.
    fn write(&mut self, shown: &str, request: http::Request<Vec<u8>>) -> Option<Result<Value, Value>> {
        if self.crash_after == Some(self.writes) {
            self.crashed = true;
            self.trace
                .push(format!("{} --- the controller crashes before: {shown}", self.offset()));
            return None;
        }
        self.writes += 1;
        let answer = self.world.api.handle(convert(request)).object();
        if answer.is_err() {
            self.checks.forget_inputs();
        }
        let refusal = answer
            .as_ref()
            .err()
            .map(|status| format!("  (refused: {})", status["reason"]));
        self.trace
            .push(format!("{} {shown}{}", self.offset(), refusal.unwrap_or_default()));
        if self.dies_with.is_some_and(|last| last < self.writes) {
            self.crashed = true;
            self.trace.push(format!("{} --- the controller dies", self.offset()));
            return None;
        }
        Some(answer)
    }

    fn wrote(&mut self, task: &Task, action: &Action, object: &Value, subject: &mut Subject) {
        let namespace = subject.name.namespace.clone();
        let (kind, name) = match action {
            Action::CreateReplicaSet { name, .. }
            | Action::ScaleReplicaSet { name, .. }
            | Action::AnnotateReplicaSet { name, .. }
            | Action::ClaimReplicaSet { name, .. }
            | Action::DeleteReplicaSet { name, .. } => (Kind::ReplicaSet, name.clone()),
            Action::PointService { name, .. } => (Kind::Service, name.clone()),
            Action::CreateRun { name, .. } | Action::TerminateRun { name, .. } | Action::DeleteRun { name, .. } => {
                (Kind::AnalysisRun, name.clone())
            }
            Action::AnnotateRollout { .. } | Action::DefaultReplicas { .. } => {
                (Kind::Rollout, subject.name.name.clone())
            }
            Action::ScaleWorkload { name, .. } => (Kind::Deployment, name.clone()),
            Action::EvictPod { .. } | Action::RelabelPod { .. } => return,
        };
        if matches!(action, Action::DeleteReplicaSet { .. } | Action::DeleteRun { .. }) {
            return;
        }
        let name = Name::new(&namespace, &name);
        self.expect_back(task, kind, &name, object);
        if kind == Kind::Rollout
            && let Some(version) = object["metadata"]["resourceVersion"].as_str()
        {
            version.clone_into(&mut subject.resource_version);
        }
    }

    /// The size of the ReplicaSet that is to be resized, as the API server has it.
    fn size_of(&self, action: &Action, subject: &Subject) -> Option<i64> {
        let Action::ScaleReplicaSet { name, .. } = action else {
            return None;
        };
        self.object("replicasets.apps", &subject.name.namespace, name)?["spec"]["replicas"].as_i64()
    }

    fn expect_back(&mut self, task: &Task, kind: Kind, name: &Name, object: &Value) {
        if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
            self.checks.wrote(kind, name, version);
            let echo = Echo::Version(Version::new(version));
            let instant = self.instant_at(self.now());
            self.freshness.wrote(task, kind, name.clone(), echo, instant);
        }
    }

    /// A name of ours exists already: whatever a live read shows is what there is.
    fn look_again_at(&mut self, action: &Action, subject: &Subject) {
        let (kind, name) = match action {
            Action::CreateReplicaSet { name, .. } => (Kind::ReplicaSet, name),
            Action::CreateRun { name, .. } => (Kind::AnalysisRun, name),
            _ => return,
        };
        let place = Name::new(&subject.name.namespace, name);
        let before = self.shelves.stamp(kind, &place);
        let request = lower::get(kind, &place).expect("a request");
        let answer = self.world.api.handle(convert(request)).object();
        let change = self.shelves.repair(kind, &place, answer.ok(), before.as_ref());
        self.wake(change.tasks);
    }

    fn notices(&mut self, notices: &[Notice]) {
        for notice in notices {
            self.checks.heard(notice);
            let (level, reason) = (notice.level.as_str(), &notice.reason);
            self.trace
                .push(format!("{}   {level} {reason}: {}", self.offset(), notice.message));
        }
    }

    fn instant_at(&self, now: DateTime<Utc>) -> tokio::time::Instant {
        self.instant + (now - self.start).to_std().unwrap_or_default()
    }
}

/// A server of this seed with our CRDs. Making and installing them takes longer than a whole scenario, so that each thread keeps
/// its last one for those who play the same seed again.
fn installed(seed: u64) -> ApiServer {
    static CRDS: LazyLock<Vec<Value>> = LazyLock::new(api::crd::all);
    thread_local! {
        static LAST: RefCell<Option<(u64, ApiServer)>> = const { RefCell::new(None) };
    }
    let known = LAST.with_borrow(|last| last.clone().filter(|(of, _)| *of == seed));
    if let Some((_, server)) = known {
        return server;
    }
    let mut server = ApiServer::new(Clock::new(), seed);
    for crd in CRDS.iter() {
        server
            .install(crd)
            .unwrap_or_else(|why| panic!("a CRD was refused: {why}"));
    }
    LAST.set(Some((seed, server.clone())));
    server
}
