//! Who is at work: at most one controller writes, and only while its lease lasts.

pub mod claim;
mod fence;
mod gate;

use chrono::SecondsFormat;
use kube::Client;
use kube::api::PostParams;
use kube::core::Request as Builder;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::{Clock, Election};
use crate::error::Error;
use crate::kind::{Kind, Name};
use crate::lower;
use claim::{Claim, Role, Seen};
pub use fence::Fence;
pub use gate::{Gate, Shut};

/// A candidate for the lease. It has a connection of its own, no limiter and no retries: nothing else may delay a renewal.
pub struct Candidate {
    client: Client,
    config: Election,
    clock: Clock,
    fence: Fence,
    seen: Option<Seen>,
}

impl Candidate {
    /// A candidate that opens and closes this fence.
    pub fn new(client: Client, config: Election, clock: Clock, fence: Fence) -> Self {
        Candidate {
            client,
            config,
            clock,
            fence,
            seen: None,
        }
    }

    /// Waits until the lease is ours. Returns from when on it counts.
    pub async fn win(&mut self) -> Instant {
        let mut said = String::new();
        loop {
            match self.attempt(Role::Follower).await {
                Ok(Attempt::Held { since }) => return since,
                Ok(Attempt::Following | Attempt::Lost) => said.clear(),
                Err(error) => {
                    let why = why_no_lease(&self.config, &error);
                    if said != why {
                        tracing::warn!("no lease, so nothing is done: {why}");
                    }
                    said = why;
                }
            }
            sleep(self.config.retry_period).await;
        }
    }

    /// Renews the lease, which counts from `held` on, until it is lost, and says so: no later than the renew deadline
    /// after its last renewal, whatever the API server does or does not answer.
    pub async fn hold(&mut self, held: Instant) -> Error {
        let mut renewed = held;
        loop {
            let deadline = renewed + self.config.renew_deadline;
            sleep(self.config.retry_period).await;
            match timeout_at(deadline, self.attempt(Role::Leader)).await {
                Ok(Ok(Attempt::Held { since })) => renewed = since,
                Ok(Ok(Attempt::Following | Attempt::Lost)) | Err(_) => break,
                Ok(Err(error)) => tracing::warn!(%error, "the lease was not renewed"),
            }
        }
        self.fence.close();
        Error::LeaseLost {
            lease: format!("{}/{}", self.config.namespace, self.config.name),
        }
    }

    async fn attempt(&mut self, role: Role) -> Result<Attempt, Error> {
        let name = Name::new(&self.config.namespace, &self.config.name);
        let read = self.call("read the lease", lower::get(Kind::Lease, &name)).await;
        let started = Instant::now();
        self.seen = match read {
            Ok(object) => Some(claim::see(self.seen.take(), object, started)),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        match claim::claim(self.seen.as_ref(), started, &self.config.identity, role) {
            Claim::Take | Claim::Renew => {
                self.write(&name, started).await?;
                Ok(Attempt::Held { since: started })
            }
            Claim::Follow { .. } => Ok(Attempt::Following),
            Claim::Lost => Ok(Attempt::Lost),
        }
    }

    async fn write(&mut self, name: &Name, started: Instant) -> Result<(), Error> {
        let Election {
            identity,
            lease_duration,
            ..
        } = &self.config;
        let stamp = self.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let body = claim::body(
            self.seen.as_ref(),
            &name.name,
            &name.namespace,
            identity,
            *lease_duration,
            &stamp,
        );
        let request = if self.seen.is_some() {
            let bytes = body.to_string().into_bytes();
            Builder::new(Kind::Lease.path(&name.namespace)).replace(&name.name, &PostParams::default(), bytes)
        } else {
            lower::create(Kind::Lease, &name.namespace, &body)
        };
        let written = self.call("write the lease", request).await?;
        // From when the request was begun: the server may have counted from then.
        self.fence.open_until(started, *lease_duration);
        self.seen = Some(claim::see(self.seen.take(), written, started));
        Ok(())
    }

    async fn call(&self, attempt: &str, request: crate::server::Written) -> Result<Value, Error> {
        let limit = self.config.renew_deadline / 3;
        let request = request.map_err(|source| Error::Unwritable {
            attempt: attempt.to_owned(),
            source,
        })?;
        let answer = timeout(limit, self.client.request::<Value>(request)).await;
        answer
            .map_err(|_| Error::NoAnswer {
                attempt: attempt.to_owned(),
                after: limit,
            })?
            .map_err(|error| Error::from_kube(attempt, error))
    }
}

/// What went wrong, and what to do about it.
fn why_no_lease(election: &Election, error: &Error) -> String {
    let Election { namespace, name, .. } = election;
    if error.is_not_found() {
        return format!(
            "namespace {namespace:?} does not exist: create it (`kubectl create namespace {namespace}`), or name the \
             controller's own in the variable POD_NAMESPACE; a controller that is the only one needs no lease \
             (--leader-elect=false)"
        );
    }
    if error.is_forbidden() {
        return format!(
            "{}; grant create, get and update on leases in namespace {namespace:?} (the chart's role has them for {name:?})",
            error.cause()
        );
    }
    error.to_string()
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Held { since: Instant },
    Following,
    Lost,
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_lease_that_cannot_be_had_comes_with_its_remedy() {
        let election = Election::new("sluice", "blue", "host");
        let refused = |code: u16, message: &str| Error::Refused {
            attempt: "write the lease".to_owned(),
            status: Status::failure(message, "Because").with_code(code).boxed(),
        };
        assert_eq!(
            why_no_lease(&election, &refused(404, "namespaces \"sluice\" not found")),
            "namespace \"sluice\" does not exist: create it (`kubectl create namespace sluice`), or name the controller's own \
             in the variable POD_NAMESPACE; a controller that is the only one needs no lease (--leader-elect=false)"
        );
        assert_eq!(
            why_no_lease(&election, &refused(403, "leases is forbidden")),
            "leases is forbidden; grant create, get and update on leases in namespace \"sluice\" (the chart's role has them \
             for \"argo-rollouts-controller-lock-blue\")"
        );
        assert_eq!(
            why_no_lease(&election, &refused(503, "later")),
            "could not write the lease: later: Because"
        );
    }
}
