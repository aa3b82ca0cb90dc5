//! What is counted about each object, and for how long after its end: a label that is never forgotten is a leak.
//!
//! Source: wire-contract 8.4 (names, 65 s), field-lessons A12.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::plan::Notice;
use tokio::time::Instant;

use super::histogram::Histogram;
use super::named;
use super::text::Page;
use crate::kind::{Kind, Name};

/// Upper bounds of the times of looks, in seconds.
const LOOKS: &[f64] = &[0.01, 0.15, 0.25, 0.5, 1.0];
/// How long series outlive their object, so that the last of them are still scraped.
const AFTERLIFE: Duration = Duration::from_secs(65);

/// Counters and histograms by object.
#[derive(Debug, Default)]
pub(super) struct Objects(BTreeMap<(Kind, Name), Object>);

#[derive(Debug)]
struct Object {
    errors: u64,
    looks: Histogram,
    /// By type and reason.
    events: BTreeMap<(&'static str, String), u64>,
    gone: Option<Instant>,
}

impl Default for Object {
    fn default() -> Self {
        Object {
            errors: 0,
            looks: Histogram::new(LOOKS),
            events: BTreeMap::new(),
            gone: None,
        }
    }
}

impl Objects {
    pub(super) fn looked(&mut self, kind: Kind, name: &Name, took: Duration) {
        self.alive(kind, name).looks.observe(took.as_secs_f64());
    }

    pub(super) fn failed(&mut self, kind: Kind, name: &Name) {
        self.alive(kind, name).errors += 1;
    }

    /// An event may be the one that tells of the end, so it does not call an object back to life.
    pub(super) fn noticed(&mut self, kind: Kind, name: &Name, notice: &Notice) {
        let object = self.0.entry((kind, name.clone())).or_default();
        let key = (notice.level.as_str(), notice.reason.clone());
        *object.events.entry(key).or_default() += 1;
    }

    /// The object has ended; its series will.
    pub(super) fn ended(&mut self, kind: Kind, name: &Name, now: Instant) {
        if let Some(object) = self.0.get_mut(&(kind, name.clone())) {
            object.gone.get_or_insert(now);
        }
        self.bury(now);
    }

    /// Forgets what ended long enough ago.
    pub(super) fn bury(&mut self, now: Instant) {
        let rests = |object: &Object| object.gone.is_some_and(|gone| now.duration_since(gone) >= AFTERLIFE);
        self.0.retain(|_, object| !rests(object));
    }

    fn alive(&mut self, kind: Kind, name: &Name) -> &mut Object {
        let object = self.0.entry((kind, name.clone())).or_default();
        object.gone = None;
        object
    }

    pub(super) fn write(&self, page: &mut Page) {
        for (kind, prefix) in [(Kind::Rollout, "rollout"), (Kind::AnalysisRun, "analysis_run")] {
            let family = format!("{prefix}_reconcile");
            page.family(&family, "histogram", "Seconds that one look took.");
            for (name, object) in self.of(kind) {
                object.looks.write(page, &family, &named(name, &[]));
            }
            let family = format!("{prefix}_reconcile_error");
            page.family(&family, "counter", "Looks that failed.");
            for (name, object) in self.of(kind) {
                page.sample(&family, &named(name, &[]), object.errors as f64);
            }
        }
        let family = "rollout_events_total";
        page.family(family, "counter", "Events recorded about Rollouts.");
        for (name, object) in self.of(Kind::Rollout) {
            for ((level, reason), count) in &object.events {
                let labels = [("type", *level), ("reason", reason.as_str())];
                page.sample(family, &named(name, &labels), *count as f64);
            }
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = (&Name, &Object)> {
        let of_kind = self.0.iter().filter(move |((of, _), _)| *of == kind);
        of_kind.map(|((_, name), object)| (name, object))
    }
}
