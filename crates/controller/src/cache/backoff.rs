//! How long to wait before something that failed is tried again: longer and longer, and never in step with others.

use std::time::Duration;

/// 0.8 s, doubling up to 30 s, each a fifth longer or shorter at random.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

const FIRST: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures += 1;
        jittered(wait)
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Up to a fifth longer or shorter: after an outage of the API server not all come back at once.
pub(super) fn jittered(wait: Duration) -> Duration {
    // Any source of chance will do; this one is already among our dependencies.
    let chance = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    wait.mul_f64(0.8 + 0.4 * chance)
}
