//! What stands between one controller and the API server: its writes are counted, and on purpose it dies before or with one
//! of them, or hears late of what happens.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use kube::Client;
use kube::client::{Body, ClientBuilder};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tower::{BoxError, Layer, Service};

/// Shared by all clients that were made with it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<State>>, Arc<Notify>);

#[derive(Debug, Default)]
struct State {
    writes: u64,
    /// No write beyond this number goes out, and nothing after it.
    last: Option<u64>,
    /// The write of this number goes out, and its answer is not heard.
    unheard: Option<u64>,
    dead: bool,
    /// It died with a write, and another is to begin at once.
    fallen: bool,
    /// Until then, watches of ReplicaSets deliver nothing.
    silent: Option<Instant>,
}

impl Gate {
    /// A client that goes through this gate.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn client(&self, config: kube::Config) -> anyhow::Result<Client> {
        Ok(ClientBuilder::try_from(config)?.with_layer(self).build())
    }

    /// Writes that went out so far; Events and Leases apart.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// So many writes still go out; with the next one the controller is dead to the API server.
    pub fn die_after(&self, writes: u64) {
        let mut state = self.state();
        state.last = Some(state.writes + writes);
    }

    /// The write of this number, from 0, goes out; the controller is dead before it hears of it.
    pub fn die_with(&self, write: u64) {
        self.state().unheard = Some(write);
    }

    /// Waits until the controller has died with a write.
    pub async fn died(&self) {
        loop {
            let told = self.1.notified();
            if self.state().fallen {
                return;
            }
            told.await;
        }
    }

    /// Watches of ReplicaSets deliver late from now on for so long; `None`: at once what is held back.
    pub fn silence(&self, span: Option<Duration>) {
        self.state().silent = span.map(|span| Instant::now() + span);
    }

    /// A new controller: it lives.
    pub fn revive(&self) {
        let mut state = self.state();
        (state.dead, state.fallen, state.last) = (false, false, None);
    }

    /// What becomes of this request.
    fn way<B>(&self, request: &Request<B>) -> Way {
        let path = request.uri().path();
        let counts = ![Method::GET, Method::HEAD].contains(request.method())
            && !path.contains("/events")
            && !path.contains("/leases");
        let mut state = self.state();
        if !counts || state.dead {
            return if state.dead { Way::Nowhere } else { Way::There };
        }
        if state.last == Some(state.writes) {
            state.dead = true;
            return Way::Nowhere;
        }
        state.writes += 1;
        if state.unheard == Some(state.writes - 1) {
            state.unheard = None;
            return Way::Unheard;
        }
        Way::There
    }

    fn die(&self) {
        {
            let mut state = self.state();
            (state.dead, state.fallen) = (true, true);
        }
        self.1.notify_waiters();
    }

    async fn sound(&self) {
        loop {
            let until = self.state().silent.filter(|until| *until > Instant::now());
            let Some(until) = until else { return };
            sleep_until(until.min(Instant::now() + Duration::from_millis(200))).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    /// It is sent and answered, and nobody hears the answer.
    Unheard,
    Nowhere,
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            inner,
            gate: self.clone(),
        }
    }
}

/// A client's way to the server with a gate before it.
#[derive(Clone, Debug)]
pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

impl<S, B> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let way = self.gate.way(&request);
        if way == Way::Nowhere {
            return Box::pin(std::future::pending());
        }
        let unheard = (way == Way::Unheard).then(|| self.gate.clone());
        let watches = request.uri().query().is_some_and(|query| query.contains("watch="));
        let held = (watches && request.uri().path().ends_with("/replicasets")).then(|| self.gate.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into)?;
            if let Some(gate) = unheard {
                gate.die();
                return std::future::pending().await;
            }
            Ok(answer.map(|body| match held {
                None => body.map_err(Into::into).boxed_unsync(),
                Some(gate) => {
                    let pieces = body.map_err(Into::into).into_data_stream();
                    let late = pieces.then(move |piece| {
                        let gate = gate.clone();
                        async move {
                            gate.sound().await;
                            piece.map(Frame::data)
                        }
                    });
                    StreamBody::new(late).boxed_unsync()
                }
            }))
        })
    }
}
