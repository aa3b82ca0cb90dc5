//! When a status that only counts pods is written: with what comes with them, or after a quarter of a second.
//!
//! Pods become ready one after the other; a write for each would be most of what an update writes.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::plan::{COUNTS_MAY_WAIT, Plan, Urgency};
use tokio::time::Instant;

use crate::task::Task;

/// The tasks whose counts were put off, and since when.
#[derive(Debug, Default)]
pub struct Counts {
    waiting: BTreeMap<Task, Instant>,
}

impl Counts {
    /// How long the status of this plan still waits; `None`: it is to be written now, or there is none.
    pub fn wait(&mut self, task: &Task, plan: &Plan, now: Instant) -> Option<Duration> {
        let may_wait = plan.status.is_some() && plan.urgency == Urgency::CountsMayWait;
        if may_wait {
            let since = *self.waiting.entry(task.clone()).or_insert(now);
            let left = COUNTS_MAY_WAIT.saturating_sub(now.duration_since(since));
            if !left.is_zero() {
                return Some(left);
            }
        }
        self.waiting.remove(task);
        None
    }

    /// Forgets a task whose object is gone.
    pub fn forget(&mut self, task: &Task) {
        self.waiting.remove(task);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::Name;

    #[test]
    fn counts_wait_from_the_first_change_and_whatever_hurries_takes_them_along() {
        let (mut counts, start) = (Counts::default(), Instant::now());
        let task = Task::Rollout(Name::new("shop", "web"));
        let plan = |urgency| Plan {
            status: Some(json!({"readyReplicas": 1})),
            urgency,
            ..Plan::default()
        };
        let (slow, quick) = (plan(Urgency::CountsMayWait), plan(Urgency::AtOnce));
        let table = [
            (0, &slow, Some(250)),
            (100, &slow, Some(150)),
            (250, &slow, None),
            (260, &slow, Some(250)),
            (300, &quick, None),
            (600, &slow, Some(250)),
            (700, &Plan::default(), None),
            (900, &slow, Some(250)),
        ];
        for (at, plan, expected) in table {
            let left = counts.wait(&task, plan, start + Duration::from_millis(at));
            assert_eq!(left, expected.map(Duration::from_millis), "at {at} ms");
        }
    }
}
