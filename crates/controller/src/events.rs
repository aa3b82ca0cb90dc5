//! How notices become Kubernetes Events: in order, at most once, and never in anybody's way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use engine::plan::Notice;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::config::Clock;
use crate::lower::{self, Subject};
use crate::server::Server;

/// How many Events may wait for the API server; more are dropped.
const WAITING: usize = 1024;

/// Where notices are handed in.
#[derive(Debug)]
pub struct Events {
    clock: Clock,
    sender: Mutex<Option<Sender<Letter>>>,
    sequence: AtomicU64,
}

/// Sends what was handed in.
#[derive(Debug)]
pub struct Publisher {
    receiver: Receiver<Letter>,
    server: Server,
}

#[derive(Debug)]
struct Letter {
    subject: Subject,
    notice: Notice,
    at: DateTime<Utc>,
    suffix: String,
}

/// The two ends. The server has a pace of its own, so that Events never take the turns of anything else.
pub fn events(clock: Clock, server: Server) -> (Events, Publisher) {
    let (sender, receiver) = channel(WAITING);
    (
        Events {
            clock,
            sender: Mutex::new(Some(sender)),
            sequence: AtomicU64::new(0),
        },
        Publisher { receiver, server },
    )
}

impl Events {
    /// Hands in a notice; returns at once.
    pub fn publish(&self, subject: &Subject, notice: &Notice) {
        let at = self.clock.now();
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let suffix = format!("{:x}.{sequence:x}", at.timestamp_micros());
        let letter = Letter {
            subject: subject.clone(),
            notice: notice.clone(),
            at,
            suffix,
        };
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_none_or(|sender| sender.try_send(letter).is_err()) {
            tracing::debug!(subject = %subject.name, reason = notice.reason, "too many events are waiting: dropped");
        }
    }

    /// Takes no more; the publisher ends when it has sent what it has.
    pub fn close(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Publisher {
    /// Sends Events until the other end is closed and nothing is left.
    pub async fn run(mut self) {
        let mut denied = false;
        while let Some(letter) = self.receiver.recv().await {
            let attempt = format!("publish an event about {}", letter.subject.name);
            let request = lower::event(&letter.subject, &letter.notice, letter.at, &letter.suffix);
            let sent = self.server.write(&attempt, request).await;
            if let Err(error) = &sent {
                // Once is enough: nothing but `kubectl describe` is poorer for it.
                match (error.is_forbidden(), denied) {
                    (true, false) => tracing::warn!(%error, "no event is published: grant create on events"),
                    (_, _) => tracing::debug!(%error, "an event was not published"),
                }
            }
            denied = sent.is_err_and(|error| error.is_forbidden());
        }
    }
}
