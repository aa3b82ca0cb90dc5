//! The same cluster in real time: the actors take their turn when something has changed or is due, and sleep otherwise.

use crate::actors::Crew;
use crate::apiserver::ApiServer;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// An API server that several tasks use at once, and how far it has come.
#[derive(Clone, Debug)]
pub struct Shared {
    api: Arc<Mutex<ApiServer>>,
    activity: Arc<watch::Sender<u64>>,
}

impl Shared {
    pub fn new(api: ApiServer) -> Self {
        let activity = Arc::new(watch::Sender::new(api.activity()));
        Shared {
            api: Arc::new(Mutex::new(api)),
            activity,
        }
    }

    /// Uses the server alone. If that has written anything, everybody who waits for changes is woken.
    pub fn with<T>(&self, act: impl FnOnce(&mut ApiServer) -> T) -> T {
        let mut api = self.api.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = act(&mut api);
        let activity = api.activity();
        self.activity
            .send_if_modified(|before| std::mem::replace(before, activity) != activity);
        outcome
    }

    /// Tells when something was written, or the plan of faults was changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.activity.subscribe()
    }
}

/// Lets the actors of `crew` act on `shared` in real time, until `stop`.
pub async fn live(shared: Shared, mut crew: Crew, stop: impl Future<Output = ()> + Send) {
    let mut changes = shared.changes();
    let mut stop = std::pin::pin!(stop);
    loop {
        changes.mark_unchanged();
        let (acted, sleep) = shared.with(|api| {
            let before = api.store().revision();
            crew.turn(api);
            let sleep = crew
                .next_due()
                .map(|due| (due - api.clock().now()).to_std().unwrap_or(Duration::ZERO));
            (before != api.store().revision(), sleep)
        });
        if acted {
            // Our own writes woke us too; the next turn finds nothing new and goes to sleep.
            continue;
        }
        let until_due = async {
            match sleep {
                Some(sleep) => tokio::time::sleep(sleep).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = &mut stop => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = until_due => {}
        }
    }
}

#[cfg(test)]
mod tests;
