//! Whether our own last writes have come back yet, so that no decision is made on a world from before them.
//!
//! Never waits for ever: an event of ours may have been skipped by a gap of the watch, so after [`PATIENCE`] the object
//! is read live. Source: field-lessons A1, R16.

use std::collections::BTreeMap;
use std::time::Duration;

use super::shelf::Stamp;
use super::shelves::Shelves;
use super::version::Version;
use crate::kind::{Kind, Name};
use crate::metrics::Histogram;
use crate::task::Task;
use tokio::time::Instant;

/// How long a write is waited for before the object is read live.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The first and the longest wait between two looks; arrival of the write itself wakes the task earlier.
const WAITS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// The writes that have not come back yet, by whom they concern.
#[derive(Debug)]
pub struct Freshness {
    awaited: BTreeMap<Task, BTreeMap<(Kind, Name), Awaited>>,
    echoes: Histogram,
}

impl Default for Freshness {
    fn default() -> Self {
        Freshness {
            awaited: BTreeMap::new(),
            echoes: Histogram::new(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]),
        }
    }
}

/// What a write of ours left behind.
#[derive(Clone, Debug, PartialEq)]
pub enum Echo {
    /// The object at this version or newer.
    Version(Version),
    /// No object of this uid, or this version of it, which is being deleted.
    Gone { uid: String, version: Version },
    /// Nobody knows: there was no answer, or what is known was refused. Only a live read tells.
    Unknown,
}

#[derive(Debug)]
struct Awaited {
    echo: Echo,
    since: Instant,
    looks: u32,
}

/// Whether to decide now.
#[derive(Clone, Debug, PartialEq)]
pub enum Fresh {
    Yes,
    /// Look again after this long.
    Wait(Duration),
    /// Read these live, take in what is found, and go on.
    Read(Vec<(Kind, Name)>),
}

impl Freshness {
    /// A write for `task` was accepted, and left `echo` behind at `name`.
    pub fn wrote(&mut self, task: &Task, kind: Kind, name: Name, echo: Echo, now: Instant) {
        let awaited = self.awaited.entry(task.clone()).or_default();
        awaited.insert(
            (kind, name),
            Awaited {
                echo,
                since: now,
                looks: 0,
            },
        );
    }

    /// Whether everything written for `task` has come back.
    pub fn check(&mut self, task: &Task, shelves: &Shelves, now: Instant) -> Fresh {
        let Some(awaited) = self.awaited.get_mut(task) else {
            return Fresh::Yes;
        };
        awaited.retain(|(kind, name), awaited| {
            let come = awaited.echo.has_come(shelves.stamp(*kind, name).as_ref());
            if come {
                self.echoes.observe(now.duration_since(awaited.since).as_secs_f64());
            }
            !come
        });
        let late: Vec<_> = awaited
            .iter()
            .filter(|(_, awaited)| awaited.echo == Echo::Unknown || now.duration_since(awaited.since) >= PATIENCE)
            .map(|(place, _)| place.clone())
            .collect();
        if !late.is_empty() {
            // They are not awaited any more: whatever the live read shows is what there is.
            awaited.retain(|place, _| !late.contains(place));
            return Fresh::Read(late);
        }
        let wait = awaited.values_mut().map(Awaited::wait).min();
        if awaited.is_empty() {
            self.awaited.remove(task);
        }
        wait.map_or(Fresh::Yes, Fresh::Wait)
    }

    /// Seconds from our writes to the looks that saw them come back.
    pub fn echoes(&self) -> &Histogram {
        &self.echoes
    }

    /// When to look at a task again at the latest, because of what is awaited for it.
    pub fn deadline(&self, task: &Task) -> Option<Instant> {
        let awaited = self.awaited.get(task)?;
        let patience = |awaited: &Awaited| match awaited.echo {
            Echo::Unknown => awaited.since,
            Echo::Version(_) | Echo::Gone { .. } => awaited.since + PATIENCE,
        };
        awaited.values().map(patience).min()
    }

    /// Forgets a task whose object is gone.
    pub fn forget(&mut self, task: &Task) {
        self.awaited.remove(task);
    }
}

impl Awaited {
    fn wait(&mut self) -> Duration {
        let wait = WAITS.0.saturating_mul(1 << self.looks.min(16)).min(WAITS.1);
        self.looks += 1;
        wait
    }
}

impl Echo {
    fn has_come(&self, known: Option<&Stamp>) -> bool {
        match (self, known) {
            (Echo::Version(wanted), Some(known)) => known.version.has_reached(wanted),
            // Deleted by someone since, or not arrived: the two cannot be told apart, so time decides.
            (Echo::Version(_), None) => false,
            (Echo::Gone { uid, version }, Some(known)) => known.uid != *uid || known.version.has_reached(version),
            (Echo::Gone { .. }, None) => true,
            (Echo::Unknown, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task() -> Task {
        Task::Rollout(Name::new("shop", "web"))
    }

    fn replica_set(version: &str) -> serde_json::Value {
        json!({"metadata": {"namespace": "shop", "name": "web-1", "uid": "u", "resourceVersion": version}})
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_write_is_waited_for_until_it_comes_back() {
        let (mut freshness, mut shelves, now) = (Freshness::default(), Shelves::default(), Instant::now());
        let place = Name::new("shop", "web-1");
        shelves.put(Kind::ReplicaSet, replica_set("9"));
        freshness.wrote(&task(), Kind::ReplicaSet, place, Echo::Version(Version::new("10")), now);
        let looks: Vec<Fresh> = (0..8).map(|_| freshness.check(&task(), &shelves, now)).collect();
        let waits = [10, 20, 40, 80, 160, 320, 500, 500].map(|wait| Fresh::Wait(ms(wait)));
        assert_eq!(looks, waits);
        shelves.put(Kind::ReplicaSet, replica_set("11"));
        assert_eq!(freshness.check(&task(), &shelves, now), Fresh::Yes);
    }

    #[test]
    fn after_patience_the_object_is_read_once() {
        let (mut freshness, shelves, now) = (Freshness::default(), Shelves::default(), Instant::now());
        let place = Name::new("shop", "web-1");
        freshness.wrote(
            &task(),
            Kind::ReplicaSet,
            place.clone(),
            Echo::Version(Version::new("10")),
            now,
        );
        assert_eq!(freshness.deadline(&task()), Some(now + PATIENCE));
        assert_eq!(freshness.check(&task(), &shelves, now + ms(4999)), Fresh::Wait(ms(10)));
        assert_eq!(
            freshness.check(&task(), &shelves, now + PATIENCE),
            Fresh::Read(vec![(Kind::ReplicaSet, place)])
        );
        assert_eq!(freshness.check(&task(), &shelves, now + PATIENCE), Fresh::Yes);
    }

    #[test]
    fn a_deletion_has_come_when_the_uid_is_gone() {
        let (mut freshness, mut shelves, now) = (Freshness::default(), Shelves::default(), Instant::now());
        let gone = Echo::Gone {
            uid: "u".to_owned(),
            version: Version::new("12"),
        };
        shelves.put(Kind::ReplicaSet, replica_set("9"));
        freshness.wrote(&task(), Kind::ReplicaSet, Name::new("shop", "web-1"), gone, now);
        assert_eq!(freshness.check(&task(), &shelves, now), Fresh::Wait(ms(10)));
        shelves.remove(Kind::ReplicaSet, &replica_set("12"));
        assert_eq!(freshness.check(&task(), &shelves, now), Fresh::Yes);
    }

    #[test]
    fn a_write_without_an_answer_is_read_before_anything_is_decided() {
        let (mut freshness, shelves, now) = (Freshness::default(), Shelves::default(), Instant::now());
        let place = Name::new("shop", "web-1");
        freshness.wrote(&task(), Kind::ReplicaSet, place.clone(), Echo::Unknown, now);
        assert_eq!(
            freshness.check(&task(), &shelves, now),
            Fresh::Read(vec![(Kind::ReplicaSet, place)])
        );
    }

    #[test]
    fn one_tasks_writes_do_not_hold_another() {
        let (mut freshness, shelves, now) = (Freshness::default(), Shelves::default(), Instant::now());
        let echo = Echo::Version(Version::new("10"));
        freshness.wrote(&task(), Kind::ReplicaSet, Name::new("shop", "web-1"), echo, now);
        let other = Task::Rollout(Name::new("shop", "other"));
        assert_eq!(freshness.check(&other, &shelves, now), Fresh::Yes);
    }
}
