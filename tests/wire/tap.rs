//! What stands between a controller and the API server: it notes every request, and somebody else may act just before one
//! arrives.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use sim::service::SimBody;
use sim::{ApiServer, Service};

/// All requests of a ring's controllers pass here. Clones are the same tap.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Pipe>>);

#[derive(Default)]
struct Pipe {
    /// What somebody does before a request; tried in order, one for each request.
    waiting: VecDeque<Waiting>,
    /// The codes of all answers, oldest first.
    answered: Vec<u16>,
}

struct Waiting {
    at: Box<dyn Fn(&Asked) -> bool + Send>,
    act: Box<dyn FnOnce(&mut ApiServer) + Send>,
    then: Then,
}

/// What becomes of the request that was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It arrives.
    Pass,
    /// The code that sent it panics.
    Panic,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The method and the path without its query: `PATCH /apis/.../rollouts/web/status`.
    pub(super) line: String,
    /// Null where there is none.
    pub(super) body: Value,
}

impl Asked {
    /// A write of the status of this Rollout.
    pub(super) fn is_status_of(&self, rollout: &str) -> bool {
        self.line.starts_with("PATCH") && self.line.ends_with(&format!("/rollouts/{rollout}/status"))
    }

    /// Anything that changes an object, Events and leases apart.
    pub(super) fn is_write(&self) -> bool {
        let aside = self.line.ends_with("/events") || self.line.contains("/leases");
        !self.line.starts_with("GET") && !aside
    }
}

/// The n-th request of this kind from now on, counted from 0.
pub(super) fn nth(
    nth: usize,
    is_one: impl Fn(&Asked) -> bool + Send + 'static,
) -> impl Fn(&Asked) -> bool + Send + 'static {
    let seen = AtomicUsize::new(0);
    move |asked| is_one(asked) && seen.fetch_add(1, Ordering::Relaxed) == nth
}

impl Tap {
    /// Just before the next request of this kind arrives, `act` is done. Several that wait for the same go one by one.
    pub(super) fn before(
        &self,
        at: impl Fn(&Asked) -> bool + Send + 'static,
        act: impl FnOnce(&mut ApiServer) + Send + 'static,
    ) {
        self.wait(Waiting {
            at: Box::new(at),
            act: Box::new(act),
            then: Then::Pass,
        });
    }

    /// The code that sends the next request of this kind panics.
    pub(super) fn panic_at(&self, at: impl Fn(&Asked) -> bool + Send + 'static) {
        self.wait(Waiting {
            at: Box::new(at),
            act: Box::new(|_| {}),
            then: Then::Panic,
        });
    }

    /// How many are still waited for.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// How many requests were answered with this code.
    pub(super) fn answered(&self, code: u16) -> usize {
        self.lock()
            .answered
            .iter()
            .filter(|answered| **answered == code)
            .count()
    }

    /// Stands before `service` from now on.
    pub(super) fn on(&self, service: Service) -> Tapped {
        Tapped {
            tap: self.clone(),
            service,
        }
    }

    fn wait(&self, waiting: Waiting) {
        self.lock().waiting.push_back(waiting);
    }

    fn take(&self, asked: &Asked) -> Option<Waiting> {
        let mut pipe = self.lock();
        let found = pipe.waiting.iter().position(|waiting| (waiting.at)(asked))?;
        pipe.waiting.remove(found)
    }

    fn lock(&self) -> MutexGuard<'_, Pipe> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An API server behind the tap.
#[derive(Clone)]
pub(super) struct Tapped {
    tap: Tap,
    service: Service,
}

impl<B> tower::Service<http::Request<B>> for Tapped
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<SimBody>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Tapped { tap, mut service } = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let asked = Asked {
                line: format!("{} {}", head.method, head.uri.path()),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            if let Some(waiting) = tap.take(&asked) {
                service.shared().with(waiting.act);
                assert!(waiting.then == Then::Pass, "on purpose, at {}", asked.line);
            }
            let answer = service.call(http::Request::from_parts(head, Full::new(body))).await?;
            tap.lock().answered.push(answer.status().as_u16());
            Ok(answer)
        })
    }
}
