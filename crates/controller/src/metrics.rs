//! Counters and histograms of the controller, and the text they are served as.
//!
//! Written by hand rather than by a library: the contract's counters have no `_total` suffix, and series must vanish
//! with the object they are about. Source: wire-contract 8.4, field-lessons A12.

mod durations;
mod gauges;
mod histogram;
mod objects;
mod process;
mod queues;
mod requests;
mod text;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::rollout::RolloutStatus;
use engine::plan::Notice;
use serde_json::Value;
use tokio::time::Instant;

use crate::cache::Shelves;
use crate::kind::{Kind, Name};
use crate::queue::Tallies;
pub use histogram::Histogram;
pub use requests::Asked;
use text::Page;

/// What is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    objects: objects::Objects,
    requests: requests::Requests,
    durations: durations::Durations,
    totals: BTreeMap<Total, u64>,
}

/// Counters of the whole controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Total {
    /// Looks put off because our own last writes had not come back.
    StaleDeferrals,
    /// Statuses that waited for what came with them.
    CountsPutOff,
    /// Differences between what was known and what the API server lists.
    CacheRepairs,
    /// Plans that broke an invariant; nothing of them was applied.
    RefusedPlans,
    /// Looks, and watches, that ended in a panic.
    Panics,
}

impl Total {
    const ALL: [Total; 5] = [
        Total::StaleDeferrals,
        Total::CountsPutOff,
        Total::CacheRepairs,
        Total::RefusedPlans,
        Total::Panics,
    ];

    fn name_and_help(self) -> (&'static str, &'static str) {
        match self {
            Total::StaleDeferrals => (
                "sluice_stale_deferrals_total",
                "Looks put off because our own last writes had not come back.",
            ),
            Total::CountsPutOff => (
                "sluice_counts_put_off_total",
                "Statuses that only counted pods and waited a moment for what came with them.",
            ),
            Total::CacheRepairs => (
                "sluice_cache_repairs_total",
                "Differences found between what was known and what the API server lists.",
            ),
            Total::RefusedPlans => (
                "sluice_refused_plans_total",
                "Plans that broke an invariant; nothing of them was applied.",
            ),
            Total::Panics => (
                "sluice_panics_total",
                "Looks at one object, or watches of one kind, that ended in a panic.",
            ),
        }
    }
}

impl Metrics {
    /// Counts one of the totals.
    pub fn count(&self, total: Total, by: u64) {
        *self.lock().totals.entry(total).or_default() += by;
    }

    /// A look at a Rollout or an AnalysisRun took this long.
    pub fn looked(&self, kind: Kind, name: &Name, took: Duration) {
        self.lock().objects.looked(kind, name, took);
    }

    /// A look at a Rollout or an AnalysisRun failed.
    pub fn failed(&self, kind: Kind, name: &Name) {
        self.lock().objects.failed(kind, name);
    }

    /// An Event about a Rollout was recorded.
    pub fn noticed(&self, rollout: &Name, notice: &Notice) {
        self.lock().objects.noticed(Kind::Rollout, rollout, notice);
    }

    /// An object is gone; its series follow it.
    pub fn ended(&self, kind: Kind, name: &Name) {
        let mut counts = self.lock();
        counts.objects.ended(kind, name, Instant::now());
        if kind == Kind::Rollout {
            counts.requests.forget(name);
        }
    }

    /// A request was answered with this code; 0: it was not answered.
    pub fn asked(&self, asked: Asked, code: u16) {
        self.lock().requests.count(asked, code);
    }

    /// The status of a Rollout was written.
    pub fn recorded(&self, before: Option<&RolloutStatus>, difference: &Value) {
        self.lock().durations.recorded(before, difference);
    }

    /// How often a total was counted.
    pub fn total(&self, total: Total) -> u64 {
        self.lock().totals.get(&total).copied().unwrap_or_default()
    }

    /// The page that is served.
    pub fn page(&self, shelves: &Shelves, beside: &Beside) -> String {
        let mut page = Page::default();
        gauges::write(&mut page, shelves);
        let mut counts = self.lock();
        counts.objects.bury(Instant::now());
        counts.objects.write(&mut page);
        counts.durations.write(&mut page);
        counts.requests.write(&mut page, shelves);
        queues::write(&mut page, &beside.queues);
        for total in Total::ALL {
            let (name, help) = total.name_and_help();
            page.family(name, "counter", help);
            page.sample(name, &[], counts.totals.get(&total).copied().unwrap_or_default() as f64);
        }
        drop(counts);
        let family = "sluice_write_echo_seconds";
        page.family(
            family,
            "histogram",
            "Seconds until a look saw a write of ours come back.",
        );
        beside.echoes.write(&mut page, family, &[]);
        let leads = f64::from(u8::from(beside.leading == Leading::Yes));
        page.family("sluice_leading", "gauge", "Whether this controller may write.");
        page.sample("sluice_leading", &[], leads);
        built(&mut page);
        process::write(&mut page);
        page.into_text()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told on the page and counted elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    pub queues: Tallies,
    /// Seconds from our writes to the looks that saw them come back.
    pub echoes: Histogram,
    pub leading: Leading,
}

/// Whether a controller may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leading {
    Yes,
    #[default]
    No,
}

/// What runs. The labels are the original's; this program was not built by its compiler.
fn built(page: &mut Page) {
    let version = env!("CARGO_PKG_VERSION");
    page.family("argo_rollouts_controller_info", "gauge", "The controller that runs.");
    page.sample("argo_rollouts_controller_info", &[("version", version)], 1.0);
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = [
        ("version", version),
        ("goversion", ""),
        ("goarch", architecture),
        ("commit", option_env!("SLUICE_COMMIT").unwrap_or_default()),
    ];
    page.family("build_info", "gauge", "How the controller was built.");
    page.sample("build_info", &labels, 1.0);
}

/// The labels of an object, and more.
fn named<'a>(name: &'a Name, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("namespace", name.namespace.as_str()), ("name", name.name.as_str())];
    own.into_iter().chain(more.iter().copied()).collect()
}

#[cfg(test)]
mod tests;
