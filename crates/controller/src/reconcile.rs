//! One look at one object: observe, decide, audit, apply, write the status, say what happened, name the next look.

mod rollout;
mod run;
mod service;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use tokio::time::{Instant, timeout};

use crate::edge::Edge;
use crate::error::{Error, Remedy};
use crate::kind::Kind;
use crate::metrics::Total;
use crate::queue::Again;
use crate::task::Task;

/// The longest a look may take; every call within has a shorter limit of its own.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Looks at a task. Never panics and always ends: a failure concerns this task alone.
pub async fn look(edge: &Arc<Edge>, task: &Task) -> Again {
    let started = Instant::now();
    let look = async {
        match task {
            Task::Rollout(name) => rollout::look(edge, task, name).await,
            Task::Run(name) => run::look(edge, task, name).await,
            Task::Service(name) => service::look(edge, task, name).await,
        }
    };
    let again = match AssertUnwindSafe(timeout(LONGEST_LOOK, look)).catch_unwind().await {
        Ok(Ok(again)) => again,
        Ok(Err(_)) => {
            tracing::warn!(%task, "a look took more than {} s and was given up", LONGEST_LOOK.as_secs());
            Again::Failed
        }
        Err(panic) => {
            edge.metrics.count(Total::Panics, 1);
            tracing::error!(%task, panic = words_of(&*panic), "a look panicked; only this object is held back");
            Again::Failed
        }
    };
    let again = edge.no_later_than_patience(task, again);
    let kind = match task {
        Task::Rollout(_) => Kind::Rollout,
        Task::Run(_) => Kind::AnalysisRun,
        Task::Service(_) => Kind::Service,
    };
    if !matches!(again, Again::NotNow(_) | Again::Never) {
        edge.metrics.looked(kind, task.name(), started.elapsed());
        if again == Again::Failed {
            edge.metrics.failed(kind, task.name());
        }
    }
    again
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> &str {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

/// The next look after a failure.
fn after(task: &Task, error: &Error) -> Again {
    match error.remedy() {
        Remedy::LookAgain => {
            tracing::debug!(%task, %error, "looking again");
            Again::After(Duration::from_secs(1))
        }
        Remedy::BackOff | Remedy::TellUser => {
            tracing::warn!(%task, %error, "will be tried again");
            Again::Failed
        }
    }
}

/// The next look at the time a plan named.
fn at(wake: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Again {
    wake.map_or(Again::OnEvent, |wake| {
        Again::After((wake - now).to_std().unwrap_or_default())
    })
}
