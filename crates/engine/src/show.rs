//! A plan as plain text: for goldens, `explain` and logs.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::plan::{Action, Claim, MetadataChange, Notice, Plan};

/// The whole plan, one line a thing.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for op in &plan.ops {
        line(&mut text, &action(&op.action));
        for said in &op.notices {
            line(&mut text, &format!("  {}", notice(said)));
        }
    }
    if let Some(status) = &plan.status {
        line(&mut text, &format!("status {status}"));
    }
    for said in &plan.notices {
        line(&mut text, &notice(said));
    }
    for held in &plan.held {
        let until = held
            .until
            .map(|at| format!(" until {}", at.to_rfc3339()))
            .unwrap_or_default();
        line(&mut text, &format!("held: {}{until}: {}", held.what, held.why));
    }
    if let Some(wake) = plan.wake {
        line(&mut text, &format!("wake at {}", wake.to_rfc3339()));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // writing to a String cannot fail
    let _ = writeln!(text, "{line}");
}

/// One op, as a person would say it.
pub fn action(action: &Action) -> String {
    match action {
        Action::CreateReplicaSet { name, body } => {
            let size = body.pointer("/spec/replicas").and_then(serde_json::Value::as_i64);
            match size.filter(|size| *size > 0) {
                Some(size) => format!("create ReplicaSet {name} of {size}"),
                None => format!("create ReplicaSet {name}"),
            }
        }
        Action::ScaleReplicaSet { name, from, to, .. } => format!("scale ReplicaSet {name} {from} -> {to}"),
        Action::AnnotateReplicaSet {
            name,
            annotations,
            amendment,
            ..
        } => {
            let mut text = format!("annotate ReplicaSet {name}{}", changes(annotations));
            if let Some(seconds) = amendment.min_ready_seconds {
                let _ = write!(text, " minReadySeconds={seconds}");
            }
            if amendment.affinity.is_some() {
                text.push_str(" affinity");
            }
            if !amendment.metadata.is_empty() {
                let _ = write!(text, " template{}", metadata(&amendment.metadata));
            }
            text
        }
        Action::ClaimReplicaSet { name, claim, .. } => match claim {
            Claim::Adopt { .. } => format!("adopt ReplicaSet {name}"),
            Claim::Release { .. } => format!("release ReplicaSet {name}"),
        },
        Action::DeleteReplicaSet { name, .. } => format!("delete ReplicaSet {name}"),
        Action::PointService { name, from, to, .. } => {
            format!(
                "point Service {name} {} -> {to}",
                from.as_deref().unwrap_or("(all pods)")
            )
        }
        Action::CreateRun { name, .. } => format!("create AnalysisRun {name}"),
        Action::TerminateRun { name, .. } => format!("terminate AnalysisRun {name}"),
        Action::DeleteRun { name, .. } => format!("delete AnalysisRun {name}"),
        Action::AnnotateRollout { annotations } => format!("annotate Rollout{}", changes(annotations)),
        Action::DefaultReplicas { replicas } => format!("set spec.replicas to {replicas}"),
        Action::ScaleWorkload { name, from, to, .. } => format!("scale Deployment {name} {from} -> {to}"),
        Action::EvictPod { name, .. } => format!("evict Pod {name}"),
        Action::RelabelPod { name, change, .. } => format!("relabel Pod {name}{}", metadata(change)),
    }
}

fn metadata(change: &MetadataChange) -> String {
    format!("{}{}", changes(&change.labels), changes(&change.annotations))
}

/// Each with a space before it.
fn changes(changes: &BTreeMap<String, Option<String>>) -> String {
    let one = |(key, value): (&String, &Option<String>)| match value {
        Some(value) => format!(" {key}={value}"),
        None => format!(" -{key}"),
    };
    changes.iter().map(one).collect()
}

fn notice(notice: &Notice) -> String {
    format!("event {} {}: {}", notice.level.as_str(), notice.reason, notice.message)
}
