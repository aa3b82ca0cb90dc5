//! Gauges about what is known now, computed at every scrape. Source: wire-contract 8.4.

use api::analysis::phase;
use api::condition::{kind, reason};
use api::rollout::Rollout;

use super::named;
use super::text::Page;
use crate::cache::Shelves;

pub(super) fn write(page: &mut Page, shelves: &Shelves) {
    page.family("rollout_info", "gauge", "Information about a Rollout.");
    for (name, seen) in shelves.rollouts.iter() {
        let rollout = &seen.object.rollout;
        let labels = [
            ("strategy", strategy(rollout)),
            ("traffic_router", traffic_router(rollout)),
            ("phase", rollout_phase(rollout)),
        ];
        page.sample("rollout_info", &named(name, &labels), 1.0);
    }
    for (suffix, help, count) in REPLICAS {
        let family = format!("rollout_info_replicas_{suffix}");
        page.family(&family, "gauge", help);
        for (name, seen) in shelves.rollouts.iter() {
            page.sample(&family, &named(name, &[]), f64::from(count(&seen.object.rollout)));
        }
    }
    page.family("analysis_run_info", "gauge", "Information about an AnalysisRun.");
    for (name, seen) in shelves.runs.iter() {
        let told = seen.object.status.as_ref().map_or("", |status| status.phase.as_str());
        let shown = if told.is_empty() { phase::PENDING } else { told };
        page.sample("analysis_run_info", &named(name, &[("phase", shown)]), 1.0);
    }
}

type Count = fn(&Rollout) -> i32;

const REPLICAS: [(&str, &str, Count); 4] = [
    ("available", "Available pods of a Rollout.", |rollout| {
        status(rollout, |status| status.available_replicas)
    }),
    ("unavailable", "Pods of a Rollout that are not available.", |rollout| {
        status(rollout, |status| status.replicas - status.available_replicas)
    }),
    ("desired", "Pods that a Rollout asks for.", |rollout| {
        rollout.spec.replicas.unwrap_or(1)
    }),
    ("updated", "Pods of a Rollout's newest revision.", |rollout| {
        status(rollout, |status| status.updated_replicas)
    }),
];

fn status(rollout: &Rollout, count: impl Fn(&api::rollout::RolloutStatus) -> i32) -> i32 {
    rollout.status.as_ref().map_or(0, count)
}

fn strategy(rollout: &Rollout) -> &'static str {
    let strategy = &rollout.spec.strategy;
    match (&strategy.blue_green, &strategy.canary) {
        (Some(_), _) => "blueGreen",
        (None, Some(_)) => "canary",
        (None, None) => "none",
    }
}

/// The last that is configured, in the contract's order.
fn traffic_router(rollout: &Rollout) -> &'static str {
    let routing = rollout
        .spec
        .strategy
        .canary
        .as_ref()
        .and_then(|canary| canary.traffic_routing.as_ref());
    let Some(routing) = routing else { return "" };
    [
        (routing.alb.is_some(), "ALB"),
        (routing.ambassador.is_some(), "Ambassador"),
        (routing.istio.is_some(), "Istio"),
        (routing.nginx.is_some(), "Nginx"),
        (routing.smi.is_some(), "SMI"),
        (routing.app_mesh.is_some(), "AppMesh"),
    ]
    .into_iter()
    .rfind(|(configured, _)| *configured)
    .map_or("", |(_, name)| name)
}

/// Not `status.phase`: made from the conditions.
fn rollout_phase(rollout: &Rollout) -> &'static str {
    let conditions = rollout.status.iter().flat_map(|status| &status.conditions);
    let mut phase = "Progressing";
    for condition in conditions {
        if condition.r#type == kind::INVALID_SPEC {
            return "InvalidSpec";
        }
        if condition.r#type == kind::PROGRESSING {
            phase = match condition.reason.as_str() {
                reason::NEW_REPLICA_SET_AVAILABLE => "Completed",
                reason::ROLLOUT_PAUSED => "Paused",
                reason::REPLICA_SET_CREATE_ERROR => "Error",
                reason::PROGRESS_DEADLINE_EXCEEDED => "Timeout",
                reason::ROLLOUT_ABORTED => "Abort",
                _ => "Progressing",
            };
        }
    }
    phase
}
