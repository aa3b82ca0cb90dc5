//! What time it is: virtual and moved by hand, following tokio's (possibly paused) time, or the wall clock.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// Microseconds since 1970, moved only by `advance`.
    Virtual(Arc<AtomicI64>),
    Tokio {
        start: DateTime<Utc>,
        origin: tokio::time::Instant,
    },
    Real,
}

impl Clock {
    /// A clock that stands still until it is advanced.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Clock {
            source: Source::Virtual(Arc::new(AtomicI64::new(start.timestamp_micros()))),
        }
    }

    /// A virtual clock at 2026-01-01T00:00:00Z, where every golden trace begins.
    pub fn new() -> Self {
        Clock::starting_at(DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default())
    }

    /// A clock that shows `start` now and moves with tokio's time, so that it follows a paused runtime.
    pub fn tokio(start: DateTime<Utc>) -> Self {
        Clock {
            source: Source::Tokio {
                start,
                origin: tokio::time::Instant::now(),
            },
        }
    }

    /// The wall clock, for serving live.
    pub fn real() -> Self {
        Clock { source: Source::Real }
    }

    pub fn now(&self) -> DateTime<Utc> {
        match &self.source {
            Source::Virtual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
            Source::Tokio { start, origin } => *start + TimeDelta::from_std(origin.elapsed()).unwrap_or(TimeDelta::MAX),
            Source::Real => wall_clock(),
        }
    }

    /// Moves a virtual clock on; the other kinds move by themselves and ignore this.
    pub fn advance(&self, by: Duration) {
        if let Source::Virtual(micros) = &self.source {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// Moves a virtual clock to `to`, never back.
    pub fn advance_to(&self, to: DateTime<Utc>) {
        if let Source::Virtual(micros) = &self.source {
            micros.fetch_max(to.timestamp_micros(), Ordering::SeqCst);
        }
    }

    /// Now as Kubernetes writes a `metav1.Time`: whole seconds, UTC.
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

/// The only place in this crate where the wall clock is read.
#[allow(
    clippy::disallowed_methods,
    reason = "a cluster that is served live shows the time of its clients"
)]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}

/// A time as Kubernetes writes a `metav1.Time`: `2026-01-01T00:00:00Z`.
pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use std::time::Duration;

    #[test]
    fn a_virtual_clock_moves_only_by_hand_and_for_all_its_clones() {
        let clock = Clock::new();
        let other = clock.clone();
        assert_eq!(clock.stamp(), "2026-01-01T00:00:00Z");
        other.advance(Duration::from_millis(1500));
        assert_eq!(clock.stamp(), "2026-01-01T00:00:01Z");
        clock.advance_to(clock.now() - Duration::from_secs(9));
        assert_eq!(clock.stamp(), "2026-01-01T00:00:01Z");
    }
}
