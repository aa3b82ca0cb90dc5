//! What a queue has done, by the kind of task: what its metrics are made from.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::metrics::Histogram;
use crate::task::Task;

/// Upper bounds of times in a queue, in seconds: those of client-go.
const TIMES: &[f64] = &[1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0];

/// Counts of one kind of task.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How often a task got into the queue.
    pub adds: u64,
    /// How often a task failed and is tried again.
    pub retries: u64,
    /// Seconds from when a task was due to when it was taken.
    pub waited: Histogram,
    /// Seconds of work on a task.
    pub worked: Histogram,
    /// Tasks that are due and wait for their turn, now.
    pub depth: usize,
    /// Seconds of work that is not done yet: all of it, and the longest.
    pub unfinished: f64,
    pub longest: f64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            adds: 0,
            retries: 0,
            waited: Histogram::new(TIMES),
            worked: Histogram::new(TIMES),
            depth: 0,
            unfinished: 0.0,
            longest: 0.0,
        }
    }
}

/// Tallies by the name of the queue that the original has for the kind.
pub type Tallies = BTreeMap<&'static str, Tally>;

/// The queue that a kind of task has in the original. Source: wire-contract 8.4.
pub(super) fn queue_of(task: &Task) -> &'static str {
    match task {
        Task::Rollout(_) => "Rollouts",
        Task::Run(_) => "AnalysisRuns",
        Task::Service(_) => "Services",
    }
}

/// Seconds between two instants.
pub(super) fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}
