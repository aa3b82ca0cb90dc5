//! Carrying out the writes of a plan: in order, stopping at the first refusal.

use engine::plan::{Action, Notice, Op, Plan};
use engine::snapshot::Observed;
use engine::{Cause, show};
use serde_json::Value;

use crate::cache::Version;
use crate::cache::freshness::Echo;
use crate::edge::Edge;
use crate::error::{Error, Remedy, trouble_of};
use crate::kind::{Kind, Name};
use crate::lower::{self, Subject};
use crate::server::Answer;
use crate::task::Task;

/// Carries out ops. The subject follows its own writes, so that its status can be written after them.
///
/// # Errors
/// The first refusal; nothing after it was attempted.
pub async fn ops(edge: &Edge, task: &Task, subject: &mut Subject, ops: &[Op]) -> Result<(), Box<Refusal>> {
    for op in ops {
        let attempt = show::action(&op.action);
        let sent = edge.server.write(&attempt, lower::action(subject, &op.action)).await;
        let (kind, name) = target(subject, &op.action);
        match sent {
            Ok(answer) => {
                if let Some(echo) = echo(&op.action, &answer) {
                    edge.wrote(task, kind, name.clone(), echo);
                }
                if name == subject.name
                    && kind == subject.kind
                    && let Some(version) = answer.version()
                {
                    subject.resource_version = version.to_owned();
                }
                for notice in &op.notices {
                    edge.tell(subject, notice);
                }
            }
            Err(Error::Refused { attempt, status }) if lower::concerns_one_pod(&op.action, status.code) => {
                tracing::info!(%task, %attempt, why = %status.message, "tried again later");
            }
            Err(error) => {
                let error = outdated(&op.action, error);
                after_refusal(edge, task, kind, name, &error).await;
                let action = op.action.clone();
                return Err(Box::new(Refusal { action, error }));
            }
        }
    }
    Ok(())
}

/// A write that was not accepted.
#[derive(Debug)]
pub struct Refusal {
    pub action: Action,
    pub error: Error,
}

impl Refusal {
    /// What a human should be told, when only a human can change the outcome.
    pub fn trouble(&self) -> Option<Notice> {
        match &self.action {
            _ if !self.is_told() => None,
            Action::CreateReplicaSet { name, .. } => {
                let message = format!("Failed to create new replica set {name:?}: {}", self.cause());
                Some(Notice::warning("ReplicaSetCreateError", message))
            }
            _ => trouble_of(&self.error),
        }
    }

    /// Whether people hear of it. Of a new revision that the API server fails to create they always do: a webhook that is
    /// down holds the update up for as long as that lasts. Source: wire-contract 2.3 "Creation collisions".
    fn is_told(&self) -> bool {
        let create = matches!(self.action, Action::CreateReplicaSet { .. });
        self.error.remedy() == Remedy::TellUser || (create && self.error.is_failure_of_server())
    }

    /// The API server's own words, where there are any.
    pub fn cause(&self) -> String {
        self.error.cause()
    }

    /// What is to be written to the status: what was planned, and the refusal when only a human can change the outcome.
    pub fn status(&self, observed: &Observed, plan: &Plan) -> Option<Value> {
        if !self.is_told() {
            return plan.status.clone();
        }
        let cause = if self.error.is_forbidden() {
            Cause::Forbidden
        } else {
            Cause::Refused
        };
        engine::refused(observed, plan.status.as_ref(), &self.action, cause, &self.cause())
    }

    /// Whether nothing at all may be written.
    pub fn is_not_leading(&self) -> bool {
        matches!(self.error, Error::NotLeading { .. })
    }
}

/// Finds out, where that is possible, what there is instead of what was expected.
pub(crate) async fn after_refusal(edge: &Edge, task: &Task, kind: Kind, name: Name, error: &Error) {
    match error {
        // The write may have been done: nothing is decided before the object was read.
        Error::NoAnswer { .. } | Error::Broken { .. } => edge.wrote(task, kind, name, Echo::Unknown),
        Error::Refused { status, .. } if status.code >= 500 => edge.wrote(task, kind, name, Echo::Unknown),
        Error::Refused { .. } | Error::Outdated { .. } if error.remedy() == Remedy::LookAgain => {
            if let Err(error) = edge.reread(kind, &name).await {
                tracing::debug!(%task, %error, "not reread after a refusal");
                edge.wrote(task, kind, name, Echo::Unknown);
            }
        }
        Error::Refused { .. }
        | Error::Outdated { .. }
        | Error::Unwritable { .. }
        | Error::NotLeading { .. }
        | Error::LeaseLost { .. }
        | Error::Rival { .. }
        | Error::Listen { .. } => {}
    }
}

/// Which object an action writes.
fn target(subject: &Subject, action: &Action) -> (Kind, Name) {
    let (kind, name) = match action {
        Action::CreateReplicaSet { name, .. }
        | Action::ScaleReplicaSet { name, .. }
        | Action::AnnotateReplicaSet { name, .. }
        | Action::ClaimReplicaSet { name, .. }
        | Action::DeleteReplicaSet { name, .. } => (Kind::ReplicaSet, name),
        Action::PointService { name, .. } => (Kind::Service, name),
        Action::CreateRun { name, .. } | Action::TerminateRun { name, .. } | Action::DeleteRun { name, .. } => {
            (Kind::AnalysisRun, name)
        }
        Action::AnnotateRollout { .. } | Action::DefaultReplicas { .. } => (Kind::Rollout, &subject.name.name),
        Action::EvictPod { name, .. } | Action::RelabelPod { name, .. } => (Kind::Pod, name),
        Action::ScaleWorkload { name, .. } => (Kind::Deployment, name),
    };
    (kind, Name::new(&subject.name.namespace, name))
}

/// What an accepted action is to be waited for by; `None`: its object is not watched.
fn echo(action: &Action, answer: &Answer) -> Option<Echo> {
    let version = answer.version().map(Version::new);
    match action {
        Action::DeleteReplicaSet { uid, .. } | Action::DeleteRun { uid, .. } => Some(Echo::Gone {
            uid: uid.clone(),
            version: version.unwrap_or_default(),
        }),
        Action::EvictPod { .. } | Action::RelabelPod { .. } => None,
        Action::CreateReplicaSet { .. }
        | Action::ScaleReplicaSet { .. }
        | Action::AnnotateReplicaSet { .. }
        | Action::ClaimReplicaSet { .. }
        | Action::PointService { .. }
        | Action::CreateRun { .. }
        | Action::TerminateRun { .. }
        | Action::AnnotateRollout { .. }
        | Action::DefaultReplicas { .. }
        | Action::ScaleWorkload { .. } => version.map(Echo::Version),
    }
}

/// A failed `test` of a JSON patch is 422, like an invalid object; here it means that the size was another one.
fn outdated(action: &Action, error: Error) -> Error {
    match (action, error) {
        (Action::ScaleReplicaSet { .. } | Action::ScaleWorkload { .. }, Error::Refused { attempt, status })
            if status.code == 422 =>
        {
            Error::Outdated { attempt, status }
        }
        (_, error) => error,
    }
}
