//! One call to the API server: paced, with a time limit, fenced by the lease if it writes, and its failure named.

mod pace;

use std::time::Duration;

use futures::TryStreamExt;
use futures::stream::{BoxStream, try_unfold};
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::election::Fence;
use crate::error::Error;
pub use pace::Pace;

/// The longest a call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A way to the API server.
#[derive(Clone)]
pub struct Server {
    client: Client,
    pace: Pace,
    fence: Fence,
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
    pub fn new(client: Client, pace: Pace, fence: Fence) -> Self {
        Server { client, pace, fence }
    }

    /// Reads.
    ///
    /// # Errors
    /// Names the attempt.
    pub async fn read(&self, attempt: &str, request: Written) -> Result<Value, Error> {
        self.pace.turn().await;
        self.call(attempt, request).await
    }

    /// Writes, if the lease is ours for long enough that the write ends before it does.
    ///
    /// # Errors
    /// Names the attempt.
    pub async fn write(&self, attempt: &str, request: Written) -> Result<Value, Error> {
        self.pace.turn().await;
        if !self.fence.is_open_for(CALL_TIMEOUT) {
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
        let opened = timeout(CALL_TIMEOUT, self.client.request_events::<Value>(request)).await;
        let stream = opened
            .map_err(|_| no_answer(attempt))?
            .map_err(|error| Error::from_kube(attempt, error))?;
        Ok(Box::pin(try_unfold(Box::pin(stream), |mut stream| async move {
            Ok(stream.try_next().await?.map(|event| (event, stream)))
        })))
    }

    async fn call(&self, attempt: &str, request: Written) -> Result<Value, Error> {
        let request = written(attempt, request)?;
        let answer = timeout(CALL_TIMEOUT, self.client.request::<Value>(request)).await;
        answer
            .map_err(|_| no_answer(attempt))?
            .map_err(|error| Error::from_kube(attempt, error))
    }
}

fn written(attempt: &str, request: Written) -> Result<Request<Vec<u8>>, Error> {
    request.map_err(|source| Error::Unwritable {
        attempt: attempt.to_owned(),
        source,
    })
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
