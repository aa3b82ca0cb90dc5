//! What can go wrong at the API server, in words for a person at a terminal.

use std::time::Duration;

use kube::core::Status;

use super::Kind;
use crate::words::said_once;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server's own words.
    #[error("{}", message(.0))]
    Refused(Box<Status>),
    /// The server was not reached.
    #[error("could not reach the API server at {server}: {}", root(.error))]
    Unreachable { server: String, error: Box<kube::Error> },
    /// What came back was no answer, or nobody could say who is asking.
    #[error("could not talk to the API server at {server}: {}", said_once(.error))]
    Misunderstood { server: String, error: Box<kube::Error> },
    #[error("the API server did not answer within {0:?} (see --request-timeout)")]
    TimedOut(Duration),
    #[error("could not write the request: {0}")]
    Request(String),
}

impl Failure {
    pub(super) fn request(error: http::Error) -> Self {
        Failure::Request(error.to_string())
    }

    /// What a client's error means for the one who asked `server`.
    pub(super) fn of(error: kube::Error, server: &str) -> Self {
        let server = server.to_owned();
        match error {
            kube::Error::Api(status) => Failure::Refused(status),
            kube::Error::Service(_) | kube::Error::HyperError(_) => Failure::Unreachable {
                server,
                error: Box::new(error),
            },
            other => Failure::Misunderstood {
                server,
                error: Box::new(other),
            },
        }
    }

    /// The object is not there, as a cache would say it: `rollout.argoproj.io "web" not found` (wire-contract 7.4).
    pub fn absent(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.full_name());
        Failure::Refused(Status::failure(&message, "NotFound").with_code(404).boxed())
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Failure::Refused(status) if status.is_not_found())
    }

    /// The object has changed since it was read.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Failure::Refused(status) if status.is_conflict())
    }
}

impl From<kube::core::request::Error> for Failure {
    fn from(error: kube::core::request::Error) -> Self {
        Failure::Request(error.to_string())
    }
}

fn message(status: &Status) -> &str {
    match status.message.as_str() {
        "" => &status.reason,
        message => message,
    }
}

/// What lies under all the rest: the layers of the client say nothing to a person.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
