//! One call to the API server: paced, with a time limit, fenced by the lease if it writes, and its failure named.

mod pace;

use std::sync::Arc;
use std::time::Duration;

use api::nesting::Lean;
use futures::TryStreamExt;
use futures::stream::{BoxStream, try_unfold};
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::election::Fence;
use crate::error::Error;
use crate::metrics::{Asked, Leading, Metrics};
pub use pace::Pace;

/// The longest a call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A way to the API server.
#[derive(Clone)]
pub struct Server {
    client: Client,
    pace: Pace,
    fence: Fence,
    metrics: Arc<Metrics>,
}

/// What an accepted write answers, as far as anybody reads it: the object that was written comes back by its watch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Answer {
    metadata: AnswerMetadata,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AnswerMetadata {
    resource_version: String,
}

impl Answer {
    /// The version the write left its object at; `None` when the answer carries none.
    pub fn version(&self) -> Option<&str> {
        Some(self.metadata.resource_version.as_str()).filter(|version| !version.is_empty())
    }
}

/// What a watch delivers.
pub type Events = BoxStream<'static, Result<WatchEvent<Value>, kube::Error>>;

/// A request, or why it could not be written.
pub type Written = Result<Request<Vec<u8>>, kube::core::request::Error>;

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("pace", &self.pace)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Over this client, at this pace, writing only while the fence is open.
    pub fn new(client: Client, pace: Pace, fence: Fence, metrics: Arc<Metrics>) -> Self {
        Server {
            client,
            pace,
            fence,
            metrics,
        }
    }

    /// Whether a write would be sent now.
    pub fn leading(&self) -> Leading {
        if self.fence.is_open_for(CALL_TIMEOUT) {
            Leading::Yes
        } else {
            Leading::No
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// Names the attempt.
    pub async fn read(&self, attempt: &str, request: Written) -> Result<Value, Error> {
        self.pace.turn().await;
        self.call::<Lean>(attempt, request).await.map(|answer| answer.0)
    }

    /// Reads, and leaves the answer as text.
    ///
    /// # Errors
    /// Names the attempt.
    pub async fn read_text(&self, attempt: &str, request: Written) -> Result<String, Error> {
        self.pace.turn().await;
        let request = written(attempt, request)?;
        let asked = Asked::of(request.method(), request.uri());
        let answer = timeout(CALL_TIMEOUT, self.client.request_text(request)).await;
        self.answered(attempt, asked, answer.map_err(|_| no_answer(attempt)))
    }

    /// Writes, if the lease is ours for long enough that the write ends before it does.
    ///
    /// # Errors
    /// Names the attempt.
    pub async fn write(&self, attempt: &str, request: Written) -> Result<Answer, Error> {
        self.pace.turn().await;
        if self.leading() == Leading::No {
            return Err(Error::NotLeading {
                attempt: attempt.to_owned(),
            });
        }
        self.call(attempt, request).await
    }

    /// Opens a watch. Lines that are no events are errors of the stream.
    ///
    /// # Errors
    /// Names the attempt.
    pub async fn watch(&self, attempt: &str, request: Written) -> Result<Events, Error> {
        let request = written(attempt, request)?;
        let asked = Asked::of(request.method(), request.uri());
        let opened = timeout(CALL_TIMEOUT, self.client.request_events::<Lean>(request)).await;
        let stream = self.answered(attempt, asked, opened.map_err(|_| no_answer(attempt)))?;
        Ok(Box::pin(try_unfold(Box::pin(stream), |mut stream| async move {
            Ok(stream.try_next().await?.map(|event| (whole(event), stream)))
        })))
    }

    async fn call<T: DeserializeOwned>(&self, attempt: &str, request: Written) -> Result<T, Error> {
        let request = written(attempt, request)?;
        let asked = Asked::of(request.method(), request.uri());
        let answer = timeout(CALL_TIMEOUT, self.client.request::<T>(request)).await;
        self.answered(attempt, asked, answer.map_err(|_| no_answer(attempt)))
    }

    /// Counts a request by how it ended. The client tells the code of refusals only: what is not refused is done.
    fn answered<T>(&self, attempt: &str, asked: Asked, answer: Result<kube::Result<T>, Error>) -> Result<T, Error> {
        let answer = answer.and_then(|answer| answer.map_err(|error| Error::from_kube(attempt, error)));
        let code = match &answer {
            Ok(_) if asked.creates() => 201,
            Ok(_) => 200,
            Err(Error::Refused { status, .. }) => status.code,
            Err(Error::NotLeading { .. }) => return answer,
            Err(_) => 0,
        };
        self.metrics.asked(asked, code);
        answer
    }
}

fn written(attempt: &str, request: Written) -> Result<Request<Vec<u8>>, Error> {
    request.map_err(|source| Error::Unwritable {
        attempt: attempt.to_owned(),
        source,
    })
}

/// The event with its object as a plain value.
fn whole(event: WatchEvent<Lean>) -> WatchEvent<Value> {
    match event {
        WatchEvent::Added(object) => WatchEvent::Added(object.0),
        WatchEvent::Modified(object) => WatchEvent::Modified(object.0),
        WatchEvent::Deleted(object) => WatchEvent::Deleted(object.0),
        WatchEvent::Bookmark(bookmark) => WatchEvent::Bookmark(bookmark),
        WatchEvent::Error(status) => WatchEvent::Error(status),
    }
}

fn no_answer(attempt: &str) -> Error {
    Error::NoAnswer {
        attempt: attempt.to_owned(),
        after: CALL_TIMEOUT,
    }
}

impl Pace {
    async fn turn(&self) {
        let wait = self.reserve(tokio::time::Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}
