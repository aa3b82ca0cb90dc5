//! The order of the line, as a pure value: time comes in, tasks come out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::tally::{Tallies, queue_of, seconds};
use crate::task::Task;

/// Two looks at one task are at least this far apart, however many events arrive.
pub(super) const GAP: Duration = Duration::from_millis(20);
/// A look that no event asked for comes at least this long after the one before (invariant I6).
pub(super) const REST: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// The tasks that wait, that are timed, and that are being looked at.
#[derive(Debug, Default)]
pub struct Line {
    /// When each task is due, and what for.
    due: BTreeMap<Task, Due>,
    /// The same, in order.
    order: BTreeSet<(Instant, u64, Task)>,
    past: BTreeMap<Task, Past>,
    running: BTreeSet<Task>,
    /// Tasks that were woken while they were being looked at.
    woken: BTreeSet<Task>,
    arrivals: u64,
    tallies: Tallies,
}

/// Why a task is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something changed.
    Event,
    /// A time it named has come, or a failure is tried again.
    Time,
}

/// When a task that was just looked at is looked at again, if nothing changes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Not until something changes.
    OnEvent,
    /// After this long, and never sooner than a second after the last look.
    After(Duration),
    /// Nothing was decided, because it was too early: after this long.
    NotNow(Duration),
    /// It failed: after a wait that doubles with every failure in a row.
    Failed,
    /// The object is gone.
    Never,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    arrival: u64,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, Default)]
struct Past {
    last_start: Option<Instant>,
    failures: u32,
}

impl Line {
    /// Something `task` depends on has changed.
    pub fn wake(&mut self, task: Task, now: Instant) {
        if self.running.contains(&task) {
            self.woken.insert(task);
            return;
        }
        let past = self.past.get(&task).copied().unwrap_or_default();
        let mut at = past.last_start.map_or(now, |last| now.max(last + GAP));
        if past.failures > 0 {
            // What keeps failing is not tried at every event: one bad object must not take the turns of the others.
            at = at.max(past.last_start.map_or(now, |last| last + REST));
        }
        self.schedule(task, at, Cause::Event);
    }

    /// Takes the task that has been due for longest.
    pub fn take(&mut self, now: Instant) -> Option<(Task, Cause)> {
        let first = self.order.first().filter(|(at, _, _)| *at <= now)?.clone();
        self.order.remove(&first);
        let task = first.2;
        let cause = self.due.remove(&task).map_or(Cause::Time, |due| due.cause);
        self.tally(&task).waited.observe(seconds(first.0, now));
        let past = self.past.entry(task.clone()).or_default();
        past.last_start = Some(now);
        self.running.insert(task.clone());
        Some((task, cause))
    }

    /// When the next task is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.order.first().map(|(at, _, _)| *at)
    }

    /// A task was looked at.
    pub fn done(&mut self, task: &Task, again: Again, now: Instant) {
        self.running.remove(task);
        let started = self.past.get(task).and_then(|past| past.last_start);
        let tally = self.tally(task);
        tally
            .worked
            .observe(started.map_or(0.0, |started| seconds(started, now)));
        tally.retries += u64::from(again == Again::Failed);
        let past = self.past.entry(task.clone()).or_default();
        if !matches!(again, Again::NotNow(_)) {
            past.failures = if again == Again::Failed {
                past.failures.saturating_add(1)
            } else {
                0
            };
        }
        let rested = past.last_start.map_or(now, |last| now.max(last + REST));
        match again {
            Again::OnEvent => {}
            Again::After(wait) => {
                let at = rested.max(now + wait);
                self.schedule(task.clone(), at, Cause::Time);
            }
            Again::NotNow(wait) => self.schedule(task.clone(), now + wait.max(GAP / 2), Cause::Event),
            Again::Failed => {
                let at = rested.max(now + backoff(past.failures));
                self.schedule(task.clone(), at, Cause::Time);
            }
            Again::Never => {
                self.past.remove(task);
            }
        }
        if self.woken.remove(task) {
            self.wake(task.clone(), now);
        }
    }

    /// What was done so far and what waits now, by kind.
    pub fn tallies(&self, now: Instant) -> Tallies {
        let mut tallies = self.tallies.clone();
        for (_, _, task) in self.order.iter().take_while(|(at, _, _)| *at <= now) {
            tallies.entry(queue_of(task)).or_default().depth += 1;
        }
        for task in &self.running {
            let started = self.past.get(task).and_then(|past| past.last_start);
            let lasting = started.map_or(0.0, |started| seconds(started, now));
            let tally = tallies.entry(queue_of(task)).or_default();
            tally.unfinished += lasting;
            tally.longest = tally.longest.max(lasting);
        }
        tallies
    }

    fn tally(&mut self, task: &Task) -> &mut super::Tally {
        self.tallies.entry(queue_of(task)).or_default()
    }

    /// An earlier time wins, whatever asked for it.
    fn schedule(&mut self, task: Task, at: Instant, cause: Cause) {
        if let Some(known) = self.due.get_mut(&task) {
            if known.at <= at {
                // An event that falls together with a timer makes it a look that was asked for.
                if cause == Cause::Event {
                    known.cause = Cause::Event;
                }
                return;
            }
            self.order.remove(&(known.at, known.arrival, task.clone()));
        } else {
            self.tally(&task).adds += 1;
        }
        self.arrivals += 1;
        self.order.insert((at, self.arrivals, task.clone()));
        self.due.insert(
            task,
            Due {
                at,
                arrival: self.arrivals,
                cause,
            },
        );
    }
}

/// 1 s, 2 s, 4 s, 8 s, 10 s. The first is [`REST`]: nothing has changed, so nothing sooner is allowed.
fn backoff(failures: u32) -> Duration {
    REST.saturating_mul(1 << failures.saturating_sub(1).min(8))
        .min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests;
