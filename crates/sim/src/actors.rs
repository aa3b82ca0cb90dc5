//! The controllers a rollout leans on: who they are, what they see, and how one turn of all of them goes.
//!
//! Each actor is level based: it looks at one object, compares, and asks for writes. A change in the store only decides
//! who looks at what; the order of looks is fixed, so one seed gives one history.

pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod garbage_collector;
pub mod horizontal_pod_autoscaler;
pub mod job;
pub mod node;
pub mod replica_set;
pub mod scheduler;
pub mod seen;
pub mod write;

use crate::apiserver::ApiServer;
use crate::load::Load;
use crate::store::Change;
use chrono::{DateTime, TimeDelta, Utc};
use seen::{Owned, Seen};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use write::{Key, Write};

/// One controller.
pub trait Actor: Send {
    /// Its name and user agent.
    fn name(&self) -> &'static str;

    /// What it should look at because of a change of `resource`.
    fn touched(&self, resource: &str, change: &Change, seen: &Seen<'_>) -> Vec<Key>;

    /// Looks at one object (which may be gone) and says what to do now and when to look again.
    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look;

    /// Hears that a write of its last look was refused, with the server's Status. It looks again by itself.
    fn refused(&mut self, _key: &Key, _write: &Write, _status: &Value) {}
}

/// What one look came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// In order; the rest is dropped at the first refusal, and the actor looks again later.
    pub writes: Vec<Write>,
    pub wake: Option<DateTime<Utc>>,
}

/// All actors of a cluster, what they have seen, and what they still have to look at.
pub struct Crew {
    /// What users ask of the apps; autoscalers go by it.
    pub load: Load,
    actors: Vec<Box<dyn Actor>>,
    lag: BTreeMap<&'static str, Duration>,
    owned: Owned,
    revision: u64,
    queue: BTreeSet<(usize, Key)>,
    wakes: BTreeSet<(DateTime<Utc>, usize, Key)>,
}

/// When an actor looks again after a refusal.
const RETRY: TimeDelta = TimeDelta::seconds(1);

/// More rounds than this in one turn mean that two actors undo each other's writes for ever.
const ROUNDS: usize = 10_000;

impl Crew {
    /// These actors; where two have something to look at, the earlier one in the list goes first.
    pub fn new(actors: Vec<Box<dyn Actor>>) -> Self {
        Crew {
            load: Load::default(),
            actors,
            lag: BTreeMap::new(),
            owned: Owned::default(),
            revision: 0,
            queue: BTreeSet::new(),
            wakes: BTreeSet::new(),
        }
    }

    /// From now on the named actor hears of every change this much later.
    pub fn slow(&mut self, actor: &'static str, lag: Duration) {
        self.lag.insert(actor, lag);
    }

    /// Lets everybody who has something to do at the server's time do it, in rounds, until nobody has. What happens in
    /// one round is heard of in the next, so that an actor looks once at what ten others have changed.
    pub fn turn(&mut self, api: &mut ApiServer) {
        let now = api.clock().now();
        for _ in 0..ROUNDS {
            self.hear(api, now);
            while self.wakes.first().is_some_and(|(due, ..)| *due <= now) {
                self.queue
                    .extend(self.wakes.pop_first().map(|(_, actor, key)| (actor, key)));
            }
            if self.queue.is_empty() {
                return;
            }
            for (actor, key) in std::mem::take(&mut self.queue) {
                self.look(api, actor, key, now);
            }
        }
        tracing::warn!("the actors of the simulated cluster do not come to rest");
    }

    fn look(&mut self, api: &mut ApiServer, at: usize, key: Key, now: DateTime<Utc>) {
        let seen = Seen {
            store: api.store(),
            kinds: api.kinds(),
            owned: &self.owned,
            load: &self.load,
            now,
        };
        let actor = &mut self.actors[at];
        let look = actor.look(&key, &seen);
        self.wakes.extend(look.wake.map(|due| (due, at, key.clone())));
        for write in look.writes {
            if let Err(status) = api.handle(write.request().agent(actor.name())).object() {
                tracing::debug!(actor = actor.name(), object = %key, %status, "refused; looking again later");
                actor.refused(&key, &write, &status);
                self.wakes.insert((now + RETRY, at, key));
                return;
            }
        }
    }

    /// When somebody next has something to do, if nothing changes before.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.wakes.first().map(|(due, ..)| *due)
    }

    /// Takes in what has changed since the last time.
    fn hear(&mut self, api: &ApiServer, now: DateTime<Utc>) {
        if self.revision == api.store().revision() {
            return;
        }
        let mut resources: Vec<String> = api.kinds().iter().map(|kind| kind.resource().to_owned()).collect();
        resources.dedup();
        for resource in resources {
            let news = news(api, &resource, self.revision);
            for change in &news {
                self.owned.follow(&resource, change);
            }
            let seen = Seen {
                store: api.store(),
                kinds: api.kinds(),
                owned: &self.owned,
                load: &self.load,
                now,
            };
            for (at, actor) in self.actors.iter().enumerate() {
                let lag = self.lag.get(actor.name()).copied().unwrap_or_default();
                for key in news.iter().flat_map(|change| actor.touched(&resource, change, &seen)) {
                    if lag.is_zero() {
                        self.queue.insert((at, key));
                    } else {
                        let due = now + TimeDelta::from_std(lag).unwrap_or(TimeDelta::MAX / 4);
                        self.wakes.insert((due, at, key));
                    }
                }
            }
        }
        self.revision = api.store().revision();
    }
}

/// The changes of a resource after `revision`. If some have been forgotten, everything counts as just created.
fn news(api: &ApiServer, resource: &str, revision: u64) -> Vec<Change> {
    if let Some(changes) = api.store().changes_after(resource, revision) {
        return changes.cloned().collect();
    }
    let created = |object: &std::sync::Arc<serde_json::Value>| Change {
        revision: api.store().revision(),
        before: None,
        after: Some(object.clone()),
        last: object.clone(),
    };
    api.store().list(resource, None).map(created).collect()
}
