//! What every part of the edge shares: what is known, what is due, and the ways to the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::plan::{Notice, Plan};
use engine::snapshot::Observed;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cache::freshness::{Echo, Fresh, Freshness};
use crate::cache::{Change, Shelves};
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::kind::{Kind, Name};
use crate::lower::{self, Subject};
use crate::measure::{Dial, Measuring};
use crate::metrics::{Beside, Metrics, Total};
use crate::notify::Listener;
use crate::queue::{Again, Queue};
use crate::server::Server;
use crate::sight::{self, Seeing, Sight};
use crate::status::Counts;
use crate::task::Task;

/// Shared by everything that runs.
pub struct Edge {
    pub config: Config,
    pub server: Server,
    pub transport: providers::Transport,
    pub dial: Arc<dyn Dial>,
    pub listener: Arc<dyn Listener>,
    pub events: Events,
    pub metrics: Arc<Metrics>,
    /// Rollouts and Services.
    pub rollouts: Queue,
    /// AnalysisRuns.
    pub runs: Queue,
    pub measuring: Measuring,
    /// The kinds of workload that Rollouts refer to, or once did.
    referred: watch::Sender<BTreeSet<Kind>>,
    shelves: Mutex<Shelves>,
    freshness: Mutex<Freshness>,
    decided: Mutex<BTreeMap<Task, Decided>>,
    /// What a human was last told to see to, by task.
    told: Mutex<BTreeMap<Task, String>>,
    sight: Mutex<Sight>,
    counts: Mutex<Counts>,
}

/// The last decision about a task.
#[derive(Clone, Debug)]
struct Decided {
    /// `None`: what was decided was put off, so the same inputs may be decided on again.
    fingerprint: Option<u64>,
    at: Instant,
}

/// Decisions on identical inputs are this far apart (invariant I6).
const REST: Duration = Duration::from_secs(1);

impl Edge {
    /// Knows nothing yet.
    pub fn new(
        config: Config,
        server: Server,
        transport: providers::Transport,
        dial: Arc<dyn Dial>,
        listener: Arc<dyn Listener>,
        events: Events,
        metrics: Arc<Metrics>,
    ) -> Self {
        Edge {
            config,
            server,
            transport,
            dial,
            listener,
            events,
            metrics,
            rollouts: Queue::default(),
            runs: Queue::default(),
            measuring: Measuring::default(),
            referred: watch::Sender::default(),
            shelves: Mutex::default(),
            freshness: Mutex::default(),
            decided: Mutex::default(),
            told: Mutex::default(),
            sight: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// Looks at what is known.
    pub fn know<T>(&self, look: impl FnOnce(&Shelves) -> T) -> T {
        look(&lock(&self.shelves))
    }

    /// Changes what is known, and wakes whom it concerns. Returns how many differences there were.
    pub fn learn(&self, kind: Kind, change: impl FnOnce(&mut Shelves) -> Change) -> u64 {
        let change = {
            let mut shelves = lock(&self.shelves);
            let change = change(&mut shelves);
            if kind == Kind::Rollout {
                self.refer(&shelves);
            }
            change
        };
        for (name, why) in &change.undecodable {
            tracing::warn!(%kind, %name, why, "an object does not decode and is left out");
        }
        for subject in &change.left {
            let Name { namespace, name } = &subject.name;
            // The order of the two is the contract's (8.2).
            self.tell(
                subject,
                &Notice::normal("RolloutDeleted", format!("Rollout {name}/{namespace} is deleted.")),
            );
        }
        for subject in &change.arrived {
            let message = format!("Rollout resource added to informer: {}", subject.name);
            self.tell(subject, &Notice::normal("RolloutAddedToInformer", message));
        }
        self.wake(change.tasks);
        change.differences
    }

    /// A kind could not be listed or watched; a human is told when that is news.
    pub fn cannot_see(&self, kind: Kind, error: &Error) {
        if let Some(why) = lock(&self.sight).lost(kind, error, Instant::now()) {
            tracing::warn!(%kind, "{why}; until then {}", sight::without(kind));
        }
    }

    /// A kind was listed or is watched; whoever was held back without it is looked at.
    pub fn sees(&self, kind: Kind) {
        if lock(&self.sight).regained(kind) {
            tracing::info!(%kind, "can be seen now");
            self.wake(self.know(|shelves| shelves.tasks()));
        }
    }

    /// Whether everything that a rollout needs can be seen.
    pub fn seeing(&self, observed: &Observed) -> Seeing {
        lock(&self.sight).of(observed, Instant::now())
    }

    /// Hears of the kinds of workload that Rollouts refer to.
    pub fn referred(&self) -> watch::Receiver<BTreeSet<Kind>> {
        self.referred.subscribe()
    }

    fn refer(&self, shelves: &Shelves) {
        self.referred.send_if_modified(|known| {
            let before = known.len();
            known.extend(Kind::WORKLOADS.into_iter().filter(|kind| shelves.refers_to(*kind)));
            known.len() > before
        });
    }

    /// Puts tasks in their queues.
    pub fn wake(&self, tasks: impl IntoIterator<Item = Task>) {
        let (runs, rollouts): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| matches!(task, Task::Run(_)));
        self.runs.wake(runs);
        self.rollouts.wake(rollouts);
    }

    /// Tells people about a subject: an Event, and whoever listens.
    pub fn tell(&self, subject: &Subject, notice: &Notice) {
        if subject.kind == Kind::Rollout {
            self.metrics.noticed(&subject.name, notice);
        }
        self.listener.hear(subject, notice);
        self.events.publish(subject, notice);
    }

    /// A write for a task left this behind.
    pub fn wrote(&self, task: &Task, kind: Kind, name: Name, echo: Echo) {
        lock(&self.freshness).wrote(task, kind, name, echo, Instant::now());
    }

    /// Waits for our own last writes; `Some` when it is too early to decide.
    pub async fn freshen(&self, task: &Task) -> Option<Again> {
        let fresh = self.know(|shelves| lock(&self.freshness).check(task, shelves, Instant::now()));
        match fresh {
            Fresh::Yes => None,
            Fresh::Wait(wait) => {
                self.metrics.count(Total::StaleDeferrals, 1);
                Some(Again::NotNow(wait))
            }
            Fresh::Read(places) => {
                for (kind, name) in places {
                    if let Err(error) = self.reread(kind, &name).await {
                        tracing::warn!(%task, %error, "what became of a write is not known");
                        self.wrote(task, kind, name, Echo::Unknown);
                        return Some(Again::Failed);
                    }
                }
                None
            }
        }
    }

    /// The same next look, but no later than when a write that did not come back is to be read live.
    pub fn no_later_than_patience(&self, task: &Task, again: Again) -> Again {
        let Some(deadline) = lock(&self.freshness).deadline(task) else {
            return again;
        };
        let patience = deadline.saturating_duration_since(Instant::now());
        match again {
            Again::OnEvent => Again::After(patience),
            Again::After(wait) => Again::After(wait.min(patience)),
            Again::NotNow(_) | Again::Failed | Again::Never => again,
        }
    }

    /// Reads one object live and takes in what is found. Returns how many differences there were.
    ///
    /// # Errors
    /// The object could not be read; that there is none is no error.
    pub async fn reread(&self, kind: Kind, name: &Name) -> Result<u64, Error> {
        let before = self.know(|shelves| shelves.stamp(kind, name));
        let read = self
            .server
            .read(&format!("read {kind} {name}"), lower::get(kind, name))
            .await;
        let found = match read {
            Ok(object) => Some(object),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(self.learn(kind, |shelves| shelves.repair(kind, name, found, before.as_ref())))
    }

    /// How long to rest before a decision on these inputs; notes the decision when there is no need to.
    pub fn rest(&self, task: &Task, fingerprint: u64) -> Option<Duration> {
        let (mut decided, now) = (lock(&self.decided), Instant::now());
        match decided.get_mut(task) {
            Some(last) if last.fingerprint == Some(fingerprint) && now.duration_since(last.at) < REST => {
                Some(REST - now.duration_since(last.at))
            }
            Some(last) => {
                (last.fingerprint, last.at) = (Some(fingerprint), now);
                None
            }
            None => {
                decided.insert(
                    task.clone(),
                    Decided {
                        fingerprint: Some(fingerprint),
                        at: now,
                    },
                );
                None
            }
        }
    }

    /// How long the status of a plan waits for what comes with it; `None` when it is to be written now.
    pub fn put_off(&self, task: &Task, plan: &Plan) -> Option<Duration> {
        let wait = lock(&self.counts).wait(task, plan, Instant::now())?;
        if let Some(last) = lock(&self.decided).get_mut(task) {
            last.fingerprint = None;
        }
        self.metrics.count(Total::CountsPutOff, 1);
        Some(wait)
    }

    /// Tells people what they have to see to, once; `None` when there is nothing any more.
    pub fn tell_once(&self, task: &Task, subject: &Subject, trouble: Option<Notice>) {
        let Some(notice) = trouble else {
            lock(&self.told).remove(task);
            return;
        };
        let before = lock(&self.told).insert(task.clone(), notice.message.clone());
        if before.as_ref() != Some(&notice.message) {
            self.tell(subject, &notice);
        }
    }

    /// The page of metrics.
    pub fn page(&self) -> String {
        let mut queues = self.rollouts.tallies();
        queues.extend(self.runs.tallies());
        let beside = Beside {
            queues,
            echoes: lock(&self.freshness).echoes().clone(),
            leading: self.server.leading(),
        };
        self.know(|shelves| self.metrics.page(shelves, &beside))
    }

    /// Forgets a task whose object is gone.
    pub fn forget(&self, task: &Task) {
        lock(&self.freshness).forget(task);
        lock(&self.decided).remove(task);
        lock(&self.told).remove(task);
        lock(&self.counts).forget(task);
        match task {
            Task::Rollout(name) => self.metrics.ended(Kind::Rollout, name),
            Task::Run(name) => {
                self.metrics.ended(Kind::AnalysisRun, name);
                self.measuring.forget(name);
            }
            Task::Service(name) => self.metrics.ended(Kind::Service, name),
        }
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic has interrupted is at worst a change that a later event or listing makes again.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
