//! What became of every request: counts for ever, latencies for a short window.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How far back "now" reaches.
const WINDOW: Duration = Duration::from_secs(5);

/// The callers' own account of one Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    pub requests: u64,
    /// Requests the application answered with 5xx.
    pub app_errors: u64,
    /// Requests that never got an answer from the application, by what went wrong.
    pub unrouted: BTreeMap<Unrouted, u64>,
    /// Answered requests by the pod template hash that answered.
    pub by_hash: BTreeMap<String, Share>,
    pub now: Window,
}

/// What one revision answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub requests: u64,
    pub app_errors: u64,
}

/// The last five seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    pub per_second: f64,
    /// The share of 5xx among the answers, 0 to 1.
    pub error_rate: f64,
    /// None without an answer in the window.
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
}

/// Why a request did not reach an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unrouted {
    NoEndpoint,
    Refused,
    Reset,
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    AppError,
    Unrouted(Unrouted),
}

/// The ledger as it is written.
#[derive(Debug, Default)]
pub(super) struct Book {
    requests: u64,
    app_errors: u64,
    unrouted: BTreeMap<Unrouted, u64>,
    by_hash: BTreeMap<String, Share>,
    recent: VecDeque<(Instant, Duration, Outcome)>,
}

impl Ledger {
    /// Requests that routing failed, of any kind.
    pub fn routing_failures(&self) -> u64 {
        self.unrouted.values().sum()
    }

    /// Two accounts as one: counts are added, of latencies and error rates the worse one is kept.
    pub fn and(mut self, other: Ledger) -> Ledger {
        self.requests += other.requests;
        self.app_errors += other.app_errors;
        for (why, count) in other.unrouted {
            *self.unrouted.entry(why).or_default() += count;
        }
        for (hash, share) in other.by_hash {
            let sum = self.by_hash.entry(hash).or_default();
            sum.requests += share.requests;
            sum.app_errors += share.app_errors;
        }
        self.now = Window {
            per_second: self.now.per_second + other.now.per_second,
            error_rate: self.now.error_rate.max(other.now.error_rate),
            p50: self.now.p50.max(other.now.p50),
            p99: self.now.p99.max(other.now.p99),
        };
        self
    }
}

impl std::fmt::Display for Unrouted {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Unrouted::NoEndpoint => "no endpoint",
            Unrouted::Refused => "refused",
            Unrouted::Reset => "reset",
            Unrouted::TimedOut => "timed out",
        })
    }
}

impl Book {
    pub(super) fn enter(&mut self, hash: &str, outcome: Outcome, begun: Instant, took: Duration) {
        self.requests += 1;
        match outcome {
            Outcome::Unrouted(why) => *self.unrouted.entry(why).or_default() += 1,
            Outcome::Answered | Outcome::AppError => {
                let failed = u64::from(outcome == Outcome::AppError);
                let share = self.by_hash.entry(hash.to_owned()).or_default();
                share.requests += 1;
                share.app_errors += failed;
                self.app_errors += failed;
            }
        }
        let ended = begun + took;
        self.recent.push_back((ended, took, outcome));
        while self.recent.front().is_some_and(|(at, ..)| *at + WINDOW < ended) {
            self.recent.pop_front();
        }
    }

    pub(super) fn ledger(&self, now: Instant) -> Ledger {
        Ledger {
            requests: self.requests,
            app_errors: self.app_errors,
            unrouted: self.unrouted.clone(),
            by_hash: self.by_hash.clone(),
            now: self.window(now),
        }
    }

    fn window(&self, now: Instant) -> Window {
        let recent: Vec<_> = self.recent.iter().filter(|(at, ..)| *at + WINDOW >= now).collect();
        let answered = recent
            .iter()
            .filter(|(.., outcome)| !matches!(outcome, Outcome::Unrouted(_)));
        let mut latencies: Vec<Duration> = answered.map(|(_, took, _)| *took).collect();
        latencies.sort();
        let failed = recent
            .iter()
            .filter(|(.., outcome)| *outcome == Outcome::AppError)
            .count();
        // Nearest rank: the smallest latency that so many percent of the answers do not exceed.
        let percentile = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100);
            latencies.get(rank.saturating_sub(1)).copied()
        };
        Window {
            per_second: recent.len() as f64 / WINDOW.as_secs_f64(),
            error_rate: failed as f64 / latencies.len().max(1) as f64,
            p50: percentile(50),
            p99: percentile(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Book, Outcome, Unrouted};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn counts_are_for_ever_and_latencies_for_the_window() {
        let (mut book, start, ms) = (Book::default(), Instant::now(), Duration::from_millis);
        book.enter("old", Outcome::AppError, start, ms(900));
        book.enter("old", Outcome::Unrouted(Unrouted::Reset), start, ms(1));
        for number in 1..=100 {
            book.enter("new", Outcome::Answered, start + ms(6000), ms(number));
        }
        let ledger = book.ledger(start + ms(6200));
        assert_eq!(
            (ledger.requests, ledger.app_errors, ledger.routing_failures()),
            (102, 1, 1)
        );
        assert_eq!(ledger.by_hash["new"].requests, 100);
        assert_eq!((ledger.now.p50, ledger.now.p99), (Some(ms(50)), Some(ms(99))));
        assert_eq!((ledger.now.per_second, ledger.now.error_rate), (20.0, 0.0));
        assert_eq!(book.ledger(start + ms(60_000)).now.p99, None);
    }
}
