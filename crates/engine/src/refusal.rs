//! What the status says when something that only a person can mend keeps a sound rollout from being carried out.
//!
//! Source: wire-contract 2.3 "Creation collisions"; the condition `Withheld` is ours.

use api::condition::{Condition, kind, reason};
use api::duration::Time;
use api::rollout::RolloutStatus;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use crate::draft::Draft;
use crate::plan::{Action, Held, Plan, Reason};
use crate::snapshot::Observed;
use crate::status::{conditions, merge_patch};

/// What keeps the controller from carrying out a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    pub cause: Cause,
    /// What is denied and what to do about it, for people.
    pub message: String,
}

/// Why something is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The controller may not do or see what is needed.
    Forbidden,
    /// A kind that is needed is not known to the API server.
    NotInstalled,
    /// The API server does not take what has to be written.
    Refused,
    /// An analysis cannot be made from its templates and arguments.
    AnalysisRunCreateError,
}

impl Cause {
    /// The reason of the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Forbidden => reason::FORBIDDEN,
            Cause::NotInstalled => reason::NOT_INSTALLED,
            Cause::Refused => reason::REFUSED,
            Cause::AnalysisRunCreateError => reason::ANALYSIS_RUN_CREATE_ERROR,
        }
    }
}

/// How long until a rollout that is withheld is looked at again though nothing was heard.
const LOOK_AGAIN: Duration = Duration::seconds(30);

/// The plan of a rollout of which something that a decision needs cannot be seen: say so, touch nothing.
pub(crate) fn withhold(observed: &Observed, withheld: &Withheld) -> Plan {
    let recorded = observed.rollout.status.clone().unwrap_or_default();
    let mut next = recorded.clone();
    say(&mut next, &recorded, observed.now, withheld);
    Plan {
        status: merge_patch(&recorded, &next),
        held: vec![Held {
            what: "the rollout".to_owned(),
            why: Reason::Withheld(withheld.message.clone()),
            until: None,
        }],
        wake: Some(observed.now + LOOK_AGAIN),
        ..Plan::default()
    }
}

/// The plan that stops here, with what has been decided so far: say why.
pub(crate) fn stop(mut d: Draft<'_>, withheld: &Withheld) -> Plan {
    let counted = &d.next;
    let mut next = RolloutStatus {
        observed_generation: d.seen.generation.to_string(),
        replicas: counted.replicas,
        updated_replicas: counted.updated_replicas,
        ready_replicas: counted.ready_replicas,
        available_replicas: counted.available_replicas,
        hpa_replicas: counted.hpa_replicas,
        selector: counted.selector.clone(),
        ..d.recorded.clone()
    };
    say(&mut next, &d.recorded, d.seen.now, withheld);
    let until = Some(d.seen.now + LOOK_AGAIN);
    d.hold_until("the rollout", Reason::Withheld(withheld.message.clone()), until);
    let status = merge_patch(&d.recorded, &next);
    // what would be said of this pass is not recorded, and would be said again
    let notices = Vec::new();
    Plan {
        notices,
        ..d.plan(status)
    }
}

/// The difference of `status` after `action` was refused: what was planned for it, and that it was refused.
pub fn refused(
    observed: &Observed,
    planned: Option<&Value>,
    action: &Action,
    cause: Cause,
    why: &str,
) -> Option<Value> {
    let recorded = observed.rollout.status.clone().unwrap_or_default();
    let mut next = planned.map_or_else(|| recorded.clone(), |planned| merged(&recorded, planned));
    match action {
        Action::CreateReplicaSet { name, .. } => {
            let message = format!("Failed to create new replica set {name:?}: {why}");
            let cause = reason::REPLICA_SET_CREATE_ERROR;
            conditions::set(&mut next, observed.now, kind::PROGRESSING, "False", cause, &message);
        }
        Action::ScaleReplicaSet { .. }
        | Action::AnnotateReplicaSet { .. }
        | Action::ClaimReplicaSet { .. }
        | Action::DeleteReplicaSet { .. }
        | Action::PointService { .. }
        | Action::CreateRun { .. }
        | Action::TerminateRun { .. }
        | Action::DeleteRun { .. }
        | Action::AnnotateRollout { .. }
        | Action::DefaultReplicas { .. }
        | Action::ScaleWorkload { .. }
        | Action::EvictPod { .. }
        | Action::RelabelPod { .. } => {
            let message = format!("could not {}: {why}", crate::show::action(action));
            say(&mut next, &recorded, observed.now, &Withheld { cause, message });
        }
    }
    merge_patch(&recorded, &next)
}

/// Adds the condition, as it was recorded where it says the same.
fn say(next: &mut RolloutStatus, recorded: &RolloutStatus, now: DateTime<Utc>, withheld: &Withheld) {
    let now = Time::new(now);
    let new = Condition {
        r#type: kind::WITHHELD.to_owned(),
        status: "True".to_owned(),
        last_update_time: now,
        last_transition_time: now,
        reason: withheld.cause.as_str().to_owned(),
        message: withheld.message.clone(),
    };
    let old = conditions::get(&recorded.conditions, kind::WITHHELD);
    let old = old.filter(|old| old.reason == new.reason && old.message == new.message);
    let condition = old.cloned().unwrap_or(new);
    next.conditions.retain(|condition| condition.r#type != kind::WITHHELD);
    next.message = format!("{}: {}", kind::WITHHELD, condition.message);
    next.conditions.push(condition);
}

/// A status with a merge patch applied; unchanged where the patch does not fit.
fn merged(recorded: &RolloutStatus, patch: &Value) -> RolloutStatus {
    let mut tree = serde_json::to_value(recorded).unwrap_or_default();
    merge(&mut tree, patch);
    serde_json::from_value(tree).unwrap_or_else(|_| recorded.clone())
}

fn merge(into: &mut Value, patch: &Value) {
    let (Value::Object(fields), Value::Object(changes)) = (&mut *into, patch) else {
        *into = patch.clone();
        return;
    };
    for (key, change) in changes {
        match change {
            Value::Null => {
                fields.remove(key);
            }
            Value::Object(_) => merge(fields.entry(key.clone()).or_insert(Value::Null), change),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                fields.insert(key.clone(), change.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn observed(status: Value) -> Observed {
        let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
                             "spec": {}, "status": status});
        Observed {
            now: DateTime::UNIX_EPOCH,
            rollout: Arc::new(serde_json::from_value(rollout).expect("a Rollout")),
            ..Observed::default()
        }
    }

    fn delete() -> Action {
        Action::DeleteReplicaSet {
            name: "web-1".to_owned(),
            uid: "u".to_owned(),
        }
    }

    /// The status after a difference was written.
    fn after(before: &Value, difference: Option<&Value>) -> Value {
        let mut status = before.clone();
        if let Some(difference) = difference {
            merge(&mut status, difference);
        }
        status
    }

    #[test]
    fn a_refusal_is_said_beside_what_was_planned_and_written_once() {
        let before = json!({"phase": "Progressing", "replicas": 1, "updatedReplicas": 1});
        let planned = json!({"replicas": 2, "updatedReplicas": null});
        let why = "not yours";
        let first = refused(
            &observed(before.clone()),
            Some(&planned),
            &delete(),
            Cause::Forbidden,
            why,
        );
        let after = after(&before, first.as_ref());
        assert_eq!(after["replicas"], 2);
        assert_eq!(after["conditions"][0]["type"], "Withheld");
        assert_eq!(after["conditions"][0]["reason"], "Forbidden");
        let message = after["message"].as_str().expect("a message");
        assert!(
            message.starts_with("Withheld: could not ") && message.ends_with("web-1: not yours"),
            "{message}"
        );
        let again = json!({"conditions": [], "message": ""});
        let second = refused(&observed(after), Some(&again), &delete(), Cause::Forbidden, why);
        assert_eq!(second, None);
    }

    #[test]
    fn what_cannot_be_seen_holds_the_rollout_and_touches_nothing() {
        let mut seen = observed(json!({"phase": "Healthy"}));
        let withheld = Withheld {
            cause: Cause::NotInstalled,
            message: "no Services".to_owned(),
        };
        seen.withheld = Some(withheld);
        let plan = crate::decide(&seen);
        assert_eq!(plan.ops, []);
        let status = plan.status.expect("a status");
        assert_eq!(status["conditions"][0]["reason"], "NotInstalled");
        assert_eq!(status["message"], "Withheld: no Services");
        assert_eq!(status.get("phase"), None);
    }
}
