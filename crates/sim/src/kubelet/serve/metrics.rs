//! What a pod says about itself in Prometheus text: a counter by status and a latency histogram.

use super::answer::Answer;
use crate::kubelet::behaviour::Metrics;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds in microseconds, and as text in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (5_000, "0.005"),
    (10_000, "0.01"),
    (15_000, "0.015"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (400_000, "0.4"),
    (600_000, "0.6"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// The most a pod with lying metrics admits to.
const CLAIMED: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct Tally {
    begun: AtomicU64,
    good: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len()],
}

impl Tally {
    /// A request has come; the answer is its number, from 1.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn finish(&self, answer: Answer, metrics: Metrics) {
        let (failed, took) = match metrics {
            Metrics::Honest => (answer.status >= 500, answer.takes),
            Metrics::Lying => (false, answer.takes.min(CLAIMED)),
        };
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let counter = if failed { &self.failed } else { &self.good };
        counter.fetch_add(1, Relaxed);
        self.micros.fetch_add(took, Relaxed);
        if let Some(bucket) = BUCKETS.iter().position(|(bound, _)| took <= *bound) {
            self.buckets[bucket].fetch_add(1, Relaxed);
        }
    }

    /// The exposition. Both statuses are always there, so that a rate of 0 errors is a number and not an absence.
    pub(super) fn text(&self) -> String {
        let (good, failed) = (self.good.load(Relaxed), self.failed.load(Relaxed));
        let in_flight = self.begun.load(Relaxed).saturating_sub(good + failed);
        let mut text = format!(
            "# HELP http_requests_total Requests answered, by status.\n\
             # TYPE http_requests_total counter\n\
             http_requests_total{{status=\"200\"}} {good}\n\
             http_requests_total{{status=\"500\"}} {failed}\n\
             # HELP http_requests_in_flight Requests begun and not yet answered.\n\
             # TYPE http_requests_in_flight gauge\n\
             http_requests_in_flight {in_flight}\n\
             # HELP http_request_duration_seconds How long answers took.\n\
             # TYPE http_request_duration_seconds histogram\n"
        );
        let mut below = 0;
        for ((_, bound), count) in BUCKETS.iter().zip(&self.buckets) {
            below += count.load(Relaxed);
            let _ = writeln!(text, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {below}");
        }
        let (count, sum) = (good + failed, self.micros.load(Relaxed) as f64 / 1e6);
        let _ = write!(
            text,
            "http_request_duration_seconds_bucket{{le=\"+Inf\"}} {count}\n\
             http_request_duration_seconds_sum {sum}\n\
             http_request_duration_seconds_count {count}\n"
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Metrics, Tally};
    use std::time::Duration;

    #[test]
    fn a_liar_claims_that_all_is_well() {
        let slow_error = Answer {
            status: 500,
            takes: Duration::from_millis(500),
        };
        let honest = Tally::default();
        honest.finish(slow_error, Metrics::Honest);
        assert!(honest.text().contains("http_requests_total{status=\"500\"} 1\n"));
        assert!(
            honest
                .text()
                .contains("_bucket{le=\"0.4\"} 0\nhttp_request_duration_seconds_bucket{le=\"0.6\"} 1\n")
        );
        let liar = Tally::default();
        liar.finish(slow_error, Metrics::Lying);
        assert!(liar.text().contains("http_requests_total{status=\"200\"} 1\n"));
        assert!(
            liar.text()
                .contains("_bucket{le=\"0.005\"} 0\nhttp_request_duration_seconds_bucket{le=\"0.01\"} 1\n")
        );
    }
}
