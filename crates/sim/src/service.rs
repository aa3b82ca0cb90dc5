//! The API server as a `tower::Service`, so that a real Kubernetes client talks to it without a socket.

mod body;

pub use body::SimBody;

use crate::apiserver::{Answer, Body, Request, Response};
use crate::world::Shared;
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use std::io;
use std::task::{Context, Poll};

/// Serves HTTP requests from a shared server. Clones serve the same one.
///
/// Nothing here reads a clock of its own or opens a socket, so it works under a paused tokio runtime (with
/// [`crate::Clock::tokio`]). An error occurs only if a request body breaks off.
#[derive(Clone, Debug)]
pub struct Service {
    shared: Shared,
    agent: String,
}

impl Service {
    /// `agent` is who is asking, for requests that bring no `User-Agent`: the trace and the fault rules go by it.
    pub fn new(shared: Shared, agent: &str) -> Self {
        Service {
            shared,
            agent: agent.to_owned(),
        }
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<B> tower::Service<http::Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<SimBody>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let request = read(&head, &body, &service.agent);
            match service.shared.with(|server| server.handle(request)) {
                Response::Answer(answer) => write(answer).map_err(io::Error::other),
                Response::Watch(cursor) => {
                    let body = SimBody::watch(service.shared, *cursor);
                    http::Response::builder()
                        .header("content-type", "application/json")
                        .body(body)
                        .map_err(io::Error::other)
                }
                Response::Hung => std::future::pending().await,
            }
        })
    }
}

fn read(head: &http::request::Parts, body: &[u8], agent: &str) -> Request {
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = Request::new(head.method.as_str(), target);
    request.content_type = header("content-type").to_owned();
    request.accept = header("accept").to_owned();
    request.agent = Some(header("user-agent"))
        .filter(|agent| !agent.is_empty())
        .unwrap_or(agent)
        .to_owned();
    request.body = body.to_vec();
    request
}

fn write(answer: Answer) -> Result<http::Response<SimBody>, http::Error> {
    let (media, bytes) = match answer.body {
        Body::Json(value) => ("application/json", value.to_string()),
        Body::Text(text) => ("text/plain; charset=utf-8", text),
    };
    let mut response = http::Response::builder()
        .status(answer.code)
        .header("content-type", media);
    if let Some(seconds) = answer.retry_after {
        response = response.header("retry-after", seconds);
    }
    for warning in answer.warnings {
        response = response.header("warning", format!("299 - {warning:?}"));
    }
    response.body(SimBody::whole(bytes))
}

#[cfg(test)]
mod tests;
