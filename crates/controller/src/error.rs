//! What can go wrong at the edge, and what is to be done about each.

use std::time::Duration;

use engine::plan::Notice;
use kube::core::Status;

use crate::kind::Name;

use crate::election::Shut;

/// A failed attempt; its text names the attempt.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server said no.
    #[error("could not {attempt}: {status}")]
    Refused { attempt: String, status: Box<Status> },
    /// A precondition did not hold: the world has moved on since it was seen.
    #[error("could not {attempt}: what it was decided on has changed: {status}")]
    Outdated { attempt: String, status: Box<Status> },
    /// No answer in time; whether it was done is not known.
    #[error("could not {attempt}: no answer within {} s", after.as_secs())]
    NoAnswer { attempt: String, after: Duration },
    /// The API server could not be reached, or its answer not be read.
    #[error("could not {attempt}: {source}")]
    Broken { attempt: String, source: Box<kube::Error> },
    /// The request could not even be written.
    #[error("could not {attempt}: {source}")]
    Unwritable {
        attempt: String,
        source: kube::core::request::Error,
    },
    /// We are not the leader, or soon may not be.
    #[error("did not {attempt}: the lease is not ours for long enough")]
    NotLeading { attempt: String },
    /// The lease was lost; another controller may be at work.
    #[error("lost the lease {lease}")]
    LeaseLost { lease: String },
    /// Another controller leads on the same rollouts.
    #[error(
        "another controller leads: {holder} renews the Lease {lease}, and two controllers on the same rollouts undo each \
         other's work. Stop that one first (`kubectl -n {} get deployments`, then `scale` it to 0; `sluice preflight` has the \
         whole way), or give one of the two an --instance-id. If it looks after other namespaces only: --beside {}",
        lease.namespace, lease.namespace
    )]
    Rival { lease: Name, holder: String },
    /// A listener could not be opened.
    #[error("could not listen on {address}: {source}")]
    Listen {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
}

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The world is not what it was: look again when the news has come, and in a second at the latest.
    LookAgain,
    /// Try again, later and later.
    BackOff,
    /// Only a person can change the outcome: say so, and try again, later and later.
    TellUser,
}

impl Error {
    /// What is to be done.
    pub fn remedy(&self) -> Remedy {
        match self {
            Error::Outdated { .. } => Remedy::LookAgain,
            Error::Refused { status, .. } => match status.code {
                404 | 409 => Remedy::LookAgain,
                400 | 401 | 403 | 405 | 413 | 422 => Remedy::TellUser,
                _ => Remedy::BackOff,
            },
            Error::NoAnswer { .. } | Error::Broken { .. } | Error::NotLeading { .. } => Remedy::BackOff,
            Error::Unwritable { .. } | Error::Rival { .. } | Error::LeaseLost { .. } | Error::Listen { .. } => {
                Remedy::TellUser
            }
        }
    }

    /// Whether the object was already there.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Error::Refused { status, .. } if status.is_already_exists())
    }

    /// Whether the object was not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Refused { status, .. } if status.code == 404)
    }

    /// Whether we may not do that.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Error::Refused { status, .. } if status.code == 403)
    }

    /// Whether the API server, or something that it asks, has failed.
    pub fn is_failure_of_server(&self) -> bool {
        matches!(self, Error::Refused { status, .. } if status.code >= 500)
    }

    /// The API server's own words, where there are any.
    pub fn cause(&self) -> String {
        match self {
            Error::Refused { status, .. } => status.message.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the version asked for is too old for the server.
    pub fn is_expired(&self) -> bool {
        matches!(self, Error::Refused { status, .. } if status.code == 410)
    }

    /// The answer was no JSON of the shape that was asked for.
    pub(crate) fn unreadable(attempt: &str, error: serde_json::Error) -> Self {
        Error::Broken {
            attempt: attempt.to_owned(),
            source: Box::new(kube::Error::SerdeError(error)),
        }
    }

    pub(crate) fn from_kube(attempt: &str, error: kube::Error) -> Self {
        if is_shut(&error) {
            return Error::NotLeading {
                attempt: attempt.to_owned(),
            };
        }
        match error {
            kube::Error::Api(status) => Error::Refused {
                attempt: attempt.to_owned(),
                status,
            },
            other => Error::Broken {
                attempt: attempt.to_owned(),
                source: Box::new(other),
            },
        }
    }
}

/// What a human should be told about an error, when only a human can change the outcome.
pub fn trouble_of(error: &Error) -> Option<Notice> {
    (error.remedy() == Remedy::TellUser).then(|| reconciliation_error(error))
}

/// That an object is not looked after, and why.
pub fn reconciliation_error(why: impl std::fmt::Display) -> Notice {
    Notice::warning(
        "ReconciliationError",
        format!("Reconciliation failed with error: {why}"),
    )
}

/// Whether the gate before the API server kept the request back.
fn is_shut(error: &kube::Error) -> bool {
    let kube::Error::Service(error) = error else {
        return false;
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    while let Some(error) = cause {
        if error.is::<Shut>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_remedy() {
        let table = [
            (404, Remedy::LookAgain),
            (409, Remedy::LookAgain),
            (403, Remedy::TellUser),
            (422, Remedy::TellUser),
            (429, Remedy::BackOff),
            (500, Remedy::BackOff),
            (503, Remedy::BackOff),
        ];
        for (code, remedy) in table {
            let status = Status::failure("no", "Because").with_code(code).boxed();
            let error = Error::Refused {
                attempt: "scale ReplicaSet web-abc to 3".to_owned(),
                status,
            };
            assert_eq!(error.remedy(), remedy, "{code}");
            assert_eq!(
                error.to_string(),
                "could not scale ReplicaSet web-abc to 3: no: Because"
            );
        }
    }
}
