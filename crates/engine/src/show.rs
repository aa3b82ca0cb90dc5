//! A plan as plain text: for goldens, `explain` and logs.

use std::fmt::Write;

use crate::plan::{Action, Claim, Notice, Plan};

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
        Action::CreateReplicaSet { name, .. } => format!("create ReplicaSet {name}"),
        Action::ScaleReplicaSet { name, from, to, .. } => format!("scale ReplicaSet {name} {from} -> {to}"),
        Action::AnnotateReplicaSet {
            name,
            annotations,
            min_ready_seconds,
            ..
        } => {
            let mut text = format!("annotate ReplicaSet {name}");
            for (key, value) in annotations {
                let _ = match value {
                    Some(value) => write!(text, " {key}={value}"),
                    None => write!(text, " -{key}"),
                };
            }
            if let Some(seconds) = min_ready_seconds {
                let _ = write!(text, " minReadySeconds={seconds}");
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
        Action::AnnotateRollout { annotations } => {
            let pairs: Vec<String> = annotations
                .iter()
                .map(|(key, value)| {
                    value
                        .as_ref()
                        .map_or(format!("-{key}"), |value| format!("{key}={value}"))
                })
                .collect();
            format!("annotate Rollout {}", pairs.join(" "))
        }
        Action::DefaultReplicas { replicas } => format!("set spec.replicas to {replicas}"),
        Action::EvictPod { name, .. } => format!("evict Pod {name}"),
    }
}

fn notice(notice: &Notice) -> String {
    format!("event {} {}: {}", notice.level.as_str(), notice.reason, notice.message)
}
