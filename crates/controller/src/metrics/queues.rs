//! What the work queues do, in the words of client-go. Source: wire-contract 8.4.

use super::histogram::Histogram;
use super::text::Page;
use crate::queue::{Tallies, Tally};

type Value = fn(&Tally) -> f64;
type Times = fn(&Tally) -> &Histogram;

const VALUES: [(&str, &str, &str, Value); 5] = [
    (
        "workqueue_depth",
        "gauge",
        "Objects that are due and wait for their turn.",
        |tally| tally.depth as f64,
    ),
    (
        "workqueue_adds_total",
        "counter",
        "Objects that got into the queue.",
        |tally| tally.adds as f64,
    ),
    (
        "workqueue_retries_total",
        "counter",
        "Looks that failed and are tried again.",
        |tally| tally.retries as f64,
    ),
    (
        "workqueue_unfinished_work_seconds",
        "gauge",
        "Seconds of looks that have not ended.",
        |tally| tally.unfinished,
    ),
    (
        "workqueue_longest_running_processor_seconds",
        "gauge",
        "Seconds of the longest look that has not ended.",
        |tally| tally.longest,
    ),
];

const TIMES: [(&str, &str, Times); 2] = [
    (
        "workqueue_queue_duration_seconds",
        "Seconds that objects waited for their turn.",
        |tally| &tally.waited,
    ),
    ("workqueue_work_duration_seconds", "Seconds that looks took.", |tally| {
        &tally.worked
    }),
];

pub(super) fn write(page: &mut Page, tallies: &Tallies) {
    for (family, kind, help, value) in VALUES {
        page.family(family, kind, help);
        for (name, tally) in tallies {
            page.sample(family, &[("name", name)], value(tally));
        }
    }
    for (family, help, times) in TIMES {
        page.family(family, "histogram", help);
        for (name, tally) in tallies {
            times(tally).write(page, family, &[("name", name)]);
        }
    }
}
