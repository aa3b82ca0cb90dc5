//! Counters and histograms of the controller, and the text they are served as.
//!
//! Written by hand rather than by a library: the contract's counters have no `_total` suffix, and series must vanish
//! with the object they are about. Source: wire-contract 8.4, field-lessons A12.

mod gauges;
mod text;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::plan::Notice;

use crate::cache::Shelves;
use crate::kind::{Kind, Name};
use text::Page;

/// Upper bounds of reconcile times, in seconds.
const BOUNDS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];

/// What is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    by_object: BTreeMap<(Kind, Name), ByObject>,
    events: BTreeMap<Name, BTreeMap<(String, String), u64>>,
    totals: BTreeMap<Total, u64>,
}

#[derive(Debug, Default)]
struct ByObject {
    errors: u64,
    times: Times,
}

/// A histogram of [`BOUNDS`].
#[derive(Debug, Default)]
struct Times {
    within: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
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
    /// Looks that ended in a panic.
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
            Total::Panics => ("sluice_panics_total", "Looks at one object that ended in a panic."),
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
        let mut counts = self.lock();
        let times = &mut counts.by_object.entry((kind, name.clone())).or_default().times;
        let seconds = took.as_secs_f64();
        for (within, bound) in times.within.iter_mut().zip(BOUNDS) {
            *within += u64::from(seconds <= bound);
        }
        times.count += 1;
        times.sum += seconds;
    }

    /// A look at a Rollout or an AnalysisRun failed.
    pub fn failed(&self, kind: Kind, name: &Name) {
        self.lock().by_object.entry((kind, name.clone())).or_default().errors += 1;
    }

    /// An Event about a Rollout was recorded.
    pub fn noticed(&self, rollout: &Name, notice: &Notice) {
        let key = (notice.level.as_str().to_owned(), notice.reason.clone());
        *self
            .lock()
            .events
            .entry(rollout.clone())
            .or_default()
            .entry(key)
            .or_default() += 1;
    }

    /// How often a total was counted.
    pub fn total(&self, total: Total) -> u64 {
        self.lock().totals.get(&total).copied().unwrap_or_default()
    }

    /// The page that is served. Series of objects that are not on the shelves any more are dropped for good.
    pub fn page(&self, shelves: &Shelves, depths: &[(&str, usize)]) -> String {
        let mut page = Page::default();
        gauges::write(&mut page, shelves);
        let mut counts = self.lock();
        counts
            .by_object
            .retain(|(kind, name), _| shelves.stamp(*kind, name).is_some());
        counts
            .events
            .retain(|name, _| shelves.stamp(Kind::Rollout, name).is_some());
        for (kind, prefix) in [(Kind::Rollout, "rollout"), (Kind::AnalysisRun, "analysis_run")] {
            counts.write_looks(&mut page, kind, prefix);
        }
        let name = "rollout_events_total";
        page.family(name, "counter", "Events recorded about Rollouts.");
        for (rollout, reasons) in &counts.events {
            for ((level, reason), count) in reasons {
                let labels = named(rollout, &[("type", level), ("reason", reason)]);
                page.sample(name, &labels, *count as f64);
            }
        }
        for total in Total::ALL {
            let (name, help) = total.name_and_help();
            page.family(name, "counter", help);
            page.sample(name, &[], counts.totals.get(&total).copied().unwrap_or_default() as f64);
        }
        page.family(
            "workqueue_depth",
            "gauge",
            "Objects that are due and wait for their turn.",
        );
        for (queue, depth) in depths {
            page.sample("workqueue_depth", &[("name", queue)], *depth as f64);
        }
        let version = env!("CARGO_PKG_VERSION");
        page.family("argo_rollouts_controller_info", "gauge", "The controller that runs.");
        page.sample("argo_rollouts_controller_info", &[("version", version)], 1.0);
        page.into_text()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn write_looks(&self, page: &mut Page, kind: Kind, prefix: &str) {
        let of_kind = || {
            self.by_object
                .iter()
                .filter(|((of, _), _)| *of == kind)
                .map(|((_, name), seen)| (name, seen))
        };
        let name = format!("{prefix}_reconcile");
        page.family(&name, "histogram", "Seconds that one look took.");
        for (object, seen) in of_kind() {
            for (bound, within) in BOUNDS.iter().zip(seen.times.within) {
                let bound = bound.to_string();
                page.sample(
                    &format!("{name}_bucket"),
                    &named(object, &[("le", &bound)]),
                    within as f64,
                );
            }
            let labels = named(object, &[("le", "+Inf")]);
            page.sample(&format!("{name}_bucket"), &labels, seen.times.count as f64);
            page.sample(&format!("{name}_sum"), &named(object, &[]), seen.times.sum);
            page.sample(&format!("{name}_count"), &named(object, &[]), seen.times.count as f64);
        }
        let name = format!("{prefix}_reconcile_error");
        page.family(&name, "counter", "Looks that failed.");
        for (object, seen) in of_kind() {
            page.sample(&name, &named(object, &[]), seen.errors as f64);
        }
    }
}

/// The labels of an object, and more.
fn named<'a>(name: &'a Name, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("namespace", name.namespace.as_str()), ("name", name.name.as_str())];
    own.into_iter().chain(more.iter().copied()).collect()
}

#[cfg(test)]
mod tests;
