//! A bad network between a controller and the API server: watch events are lost, late or told twice, watches are cut or
//! fall silent, writes are refused or never answered, or done and answered with an error.
//!
//! The clients of the tests themselves are made without it. What it did is counted, so that a test can say what was
//! survived.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::{Body, ClientBuilder};
use serde_json::json;
use sim::rng::Rng;
use tokio::time::sleep;
use tower::{BoxError, Layer, Service};

/// Shared by all clients that were made with it.
#[derive(Clone, Debug)]
pub(super) struct Faults(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rng: Rng,
    done: BTreeMap<&'static str, u64>,
    weather: Weather,
}

/// Whether anything goes wrong at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Foul,
    Fair,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// 409, and nothing was done.
    Conflict,
    /// 429 with Retry-After, and nothing was done.
    Busy,
    /// 500, and it was done.
    Lost,
    /// No answer, ever.
    Hung,
}

/// What becomes of one event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Told,
    Never,
    Twice,
    Late(Duration),
    /// The connection ends before it.
    Cut,
    /// The connection stays open and says nothing more.
    Silence,
}

impl Faults {
    /// The same seed does the same, as far as requests come in the same order.
    pub(super) fn new(seed: u64) -> Self {
        Faults(Arc::new(Mutex::new(State {
            rng: Rng::new(seed),
            done: BTreeMap::new(),
            weather: Weather::Foul,
        })))
    }

    /// A client behind these faults.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(super) fn client(&self, config: kube::Config) -> anyhow::Result<Client> {
        Ok(ClientBuilder::try_from(config)?.with_layer(self).build())
    }

    /// From now on all goes well, or not.
    pub(super) fn set(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// What was done, and how often.
    pub(super) fn told(&self) -> String {
        let state = self.state();
        let each = state.done.iter().map(|(what, times)| format!("{what} {times}"));
        each.collect::<Vec<_>>().join(", ")
    }

    /// Of a thousand writes a hundred conflict; of a thousand calls of any kind a few have another fate.
    fn fate<B>(&self, request: &Request<B>) -> Fate {
        let writes = ![Method::GET, Method::HEAD].contains(request.method());
        let mut state = self.state();
        if state.weather == Weather::Fair {
            return Fate::Answered;
        }
        let (fate, what) = match (state.rng.below(1000), writes) {
            (0..100, true) => (Fate::Conflict, "409"),
            (100..120, true) => (Fate::Lost, "500 after it was done"),
            (900..920, _) => (Fate::Busy, "429"),
            (920..925, _) => (Fate::Hung, "no answer"),
            _ => return Fate::Answered,
        };
        *state.done.entry(what).or_default() += 1;
        fate
    }

    /// One in a hundred events is lost, one late, one told twice; one in five hundred is the last of its connection.
    fn telling(&self) -> Telling {
        let mut state = self.state();
        if state.weather == Weather::Fair {
            return Telling::Told;
        }
        let (telling, what) = match state.rng.below(1000) {
            0..10 => (Telling::Never, "event lost"),
            10..20 => (Telling::Twice, "event told twice"),
            20..30 => {
                let millis = 200 + state.rng.below(2800);
                (Telling::Late(Duration::from_millis(millis)), "event late")
            }
            30..32 => (Telling::Cut, "watch cut"),
            32..33 => (Telling::Silence, "watch silent"),
            _ => return Telling::Told,
        };
        *state.done.entry(what).or_default() += 1;
        telling
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for Faults {
    type Service = Faulty<S>;

    fn layer(&self, inner: S) -> Faulty<S> {
        Faulty {
            inner,
            faults: self.clone(),
        }
    }
}

/// A client's way to the server, with these faults.
#[derive(Clone, Debug)]
pub(super) struct Faulty<S> {
    inner: S,
    faults: Faults,
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

impl<S, B> Service<Request<Body>> for Faulty<S>
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
        let fate = self.faults.fate(&request);
        match fate {
            Fate::Hung => return Box::pin(std::future::pending()),
            Fate::Conflict => return Box::pin(async { Ok(refusal(StatusCode::CONFLICT, "Conflict")) }),
            Fate::Busy => return Box::pin(async { Ok(refusal(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests")) }),
            Fate::Answered | Fate::Lost => {}
        }
        let watches = request.uri().query().is_some_and(|query| query.contains("watch="));
        let faults = watches.then(|| self.faults.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into)?;
            if fate == Fate::Lost {
                return Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"));
            }
            Ok(answer.map(|body| {
                let body = body.map_err(Into::into);
                match faults {
                    None => body.boxed_unsync(),
                    Some(faults) => disturbed(body.into_data_stream(), faults),
                }
            }))
        })
    }
}

/// Events are lines; each has its own fate.
fn disturbed(
    pieces: impl futures::Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
    faults: Faults,
) -> UnsyncBoxBody<Bytes, BoxError> {
    let begin = (Box::pin(pieces), BytesMut::new());
    let told = futures::stream::unfold(begin, move |(mut pieces, mut buffer)| {
        let faults = faults.clone();
        async move {
            loop {
                while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    let line = buffer.split_to(end + 1).freeze();
                    match faults.telling() {
                        Telling::Told => return Some((Ok(Frame::data(line)), (pieces, buffer))),
                        Telling::Never => {}
                        Telling::Twice => {
                            let twice = [line.as_ref(), line.as_ref()].concat();
                            return Some((Ok(Frame::data(twice.into())), (pieces, buffer)));
                        }
                        Telling::Late(span) => {
                            sleep(span).await;
                            return Some((Ok(Frame::data(line)), (pieces, buffer)));
                        }
                        Telling::Cut => return None,
                        Telling::Silence => std::future::pending::<()>().await,
                    }
                }
                match pieces.next().await? {
                    Ok(piece) => buffer.extend_from_slice(&piece),
                    Err(error) => return Some((Err(error), (pieces, buffer))),
                }
            }
        }
    });
    StreamBody::new(told).boxed_unsync()
}

fn refusal(code: StatusCode, reason: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": "by the bad network of a test", "reason": reason, "code": code.as_u16(),
    });
    let body = Full::new(Bytes::from(status.to_string())).map_err(Into::into);
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = code;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if code == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}
