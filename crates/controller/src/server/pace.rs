//! How long a request waits for its turn: so many a second, and a burst after a quiet time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A token bucket in which a turn is reserved ahead, so that requests keep their order.
#[derive(Clone, Debug)]
pub struct Pace {
    between: Duration,
    burst: u32,
    /// When the bucket was, or will be, wholly empty.
    empty_at: Arc<Mutex<Option<Instant>>>,
}

impl Pace {
    /// `qps` turns a second, `burst` at once. Zero of either counts as one.
    pub fn new(qps: u32, burst: u32) -> Self {
        Pace {
            between: Duration::from_secs(1) / qps.max(1),
            burst: burst.max(1),
            empty_at: Arc::default(),
        }
    }

    /// Takes the next turn and says how long it is away.
    pub fn reserve(&self, now: Instant) -> Duration {
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = self.between * self.burst;
        // A quiet time fills the bucket, but only up to the burst.
        let oldest = now.checked_sub(full).unwrap_or(now);
        let turn = empty_at.map_or(oldest, |at| at.max(oldest)) + self.between;
        *empty_at = Some(turn);
        turn.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(10, 3);
        let start = Instant::now() + Duration::from_secs(60);
        let waits: Vec<u128> = (0..5).map(|_| pace.reserve(start).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
        let later = start + Duration::from_millis(1000);
        let waits: Vec<u128> = (0..4).map(|_| pace.reserve(later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100]);
    }
}
