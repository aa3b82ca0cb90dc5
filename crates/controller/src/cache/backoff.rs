//! How long to wait before something is done again: not in step with others, and the same in every run.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::kind::Kind;

/// 0.8 s, doubling up to 30 s, each up to a fifth longer or shorter.
#[derive(Debug)]
pub(super) struct Backoff {
    kind: Kind,
    failures: u32,
}

const FIRST: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    /// For the watch of this kind.
    pub(super) fn of(kind: Kind) -> Self {
        Backoff { kind, failures: 0 }
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures += 1;
        spread(wait, &(self.kind, self.failures))
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Up to a fifth longer or shorter, by what it is for: after an outage of the API server not all come back at once, and
/// nothing depends on chance.
pub(super) fn spread(wait: Duration, of: &impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    let part = (hasher.finish() % 1000) as f64 / 1000.0;
    wait.mul_f64(0.8 + 0.4 * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_wait_differently_and_each_the_same_every_time() {
        let wait = |kind| spread(Duration::from_secs(300), &(kind, 1)).as_secs();
        let waits: Vec<u64> = Kind::WATCHED.into_iter().map(wait).collect();
        assert!(waits.iter().all(|wait| (240..=360).contains(wait)), "{waits:?}");
        let mut apart = waits.clone();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), waits.len(), "{waits:?}");
        assert_eq!(waits, Kind::WATCHED.into_iter().map(wait).collect::<Vec<_>>());
    }

    #[test]
    fn failures_wait_longer_and_longer_up_to_half_a_minute() {
        let mut backoff = Backoff::of(Kind::Rollout);
        let waits: Vec<Duration> = (0..9).map(|_| backoff.next()).collect();
        for (wait, seconds) in waits.iter().zip([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]) {
            let exact = wait.as_secs_f64() / seconds;
            assert!((0.8..=1.2).contains(&exact), "{waits:?}");
        }
    }
}
