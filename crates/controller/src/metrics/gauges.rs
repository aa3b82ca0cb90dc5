//! Gauges about what is known now, computed at every scrape. Source: wire-contract 8.4.

mod analysis;

use api::condition::{kind, reason};
use api::rollout::Rollout;

use super::named;
use super::text::Page;
use crate::cache::Shelves;
use crate::kind::{Kind, Name};

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
    page.family("rollout_phase", "gauge", "Deprecated: rollout_info has the phase.");
    for (name, seen) in shelves.rollouts.iter() {
        let rollout = &seen.object.rollout;
        let labels = [("strategy", strategy(rollout))];
        switched(page, "rollout_phase", name, &labels, &PHASES, rollout_phase(rollout));
    }
    analysis::write(page, shelves);
    known(page, shelves);
}

/// The phases of `rollout_phase`; an invalid rollout is in none of them.
const PHASES: [&str; 6] = ["Completed", "Progressing", "Paused", "Timeout", "Error", "Abort"];

/// One sample for each phase: 1 for the one that holds, 0 for the others.
fn switched(page: &mut Page, family: &str, name: &Name, labels: &[(&str, &str)], phases: &[&str], holds: &str) {
    for phase in phases {
        let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("phase", *phase)]).collect();
        page.sample(family, &named(name, &labels), f64::from(u8::from(*phase == holds)));
    }
}

/// How many objects are held in memory: what it is for.
fn known(page: &mut Page, shelves: &Shelves) {
    page.family("sluice_known_objects", "gauge", "Objects that are kept in memory.");
    for kind in Kind::WATCHED {
        let count = shelves.count(kind) as f64;
        page.sample("sluice_known_objects", &[("kind", kind.as_str())], count);
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
