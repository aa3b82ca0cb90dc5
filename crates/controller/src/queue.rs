//! Which task is looked at next, and when: no task twice at once, none forgotten, none in a hot loop.
//!
//! There is no way to ask for an immediate repetition: a task runs again because something about it changed
//! ([`Queue::wake`]), because a time it named has come, or because it failed. Source: field-lessons A2.

mod line;
mod tally;

use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::task::Task;
pub use line::{Again, Cause, Line};
pub use tally::{Tallies, Tally};

/// A line of tasks that several may wake and one takes from.
#[derive(Debug, Default)]
pub struct Queue {
    line: Mutex<Line>,
    news: Notify,
}

impl Queue {
    /// Something these tasks depend on has changed.
    pub fn wake(&self, tasks: impl IntoIterator<Item = Task>) {
        let now = Instant::now();
        self.with(|line| tasks.into_iter().for_each(|task| line.wake(task, now)));
        self.news.notify_one();
    }

    /// The next task that is due; waits until there is one. The taker must give it back with [`Queue::done`].
    pub async fn next(&self) -> (Task, Cause) {
        loop {
            let now = Instant::now();
            let due = match self.with(|line| line.take(now).ok_or_else(|| line.next_due())) {
                Ok(taken) => return taken,
                Err(due) => due,
            };
            match due {
                None => self.news.notified().await,
                Some(due) => {
                    let news = self.news.notified();
                    // Either may come first; both lead back to the line.
                    let _ = timeout_at(due, news).await;
                }
            }
        }
    }

    /// A task was looked at; when is it to be looked at again?
    pub fn done(&self, task: &Task, again: Again) {
        let now = Instant::now();
        self.with(|line| line.done(task, again, now));
        self.news.notify_one();
    }

    /// What was done so far and what waits now, by kind.
    pub fn tallies(&self) -> Tallies {
        self.with(|line| line.tallies(Instant::now()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Line) -> T) -> T {
        // A panic while the lock is held leaves the line as it was: it holds no invariant across calls.
        act(&mut self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
