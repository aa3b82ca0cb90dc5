//! Replica arithmetic: how many pods each side of a canary should have. Integers in, integers out.
//!
//! Source: wire-contract 3.6 and 3.7; the recorded counts in `tests/vectors` are the proof.

mod basic;
mod routed;

pub use basic::{basic_counts, weighted_counts};
pub use routed::{Aborted, Fixed, RoutedInput, StableScale, routed_counts};

/// Spec and available replicas of one ReplicaSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// `spec.replicas`.
    pub size: i32,
    /// `status.availableReplicas`.
    pub available: i32,
}

/// The limits of a rollout, resolved to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// R.
    pub replicas: i32,
    pub max_surge: i32,
    pub max_unavailable: i32,
}

impl Limits {
    /// Available pods that must stay: R - maxUnavailable, never negative.
    pub fn minimum_available(&self) -> i32 {
        (self.replicas - self.max_unavailable).max(0)
    }

    /// Pods that may exist: R + maxSurge.
    pub fn most_pods(&self) -> i32 {
        self.replicas.saturating_add(self.max_surge)
    }
}

/// What new and stable are scaled to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub new: i32,
    pub stable: i32,
}

/// ceil(a * b / c) without overflow; `c` > 0.
pub(crate) fn ceil_share(a: i32, b: i32, c: i32) -> i32 {
    let product = i64::from(a) * i64::from(b);
    let c = i64::from(c);
    clamp(product.div_euclid(c) + i64::from(product.rem_euclid(c) != 0))
}

/// floor(a * b / c) without overflow; `c` > 0.
pub(crate) fn floor_share(a: i32, b: i32, c: i32) -> i32 {
    clamp((i64::from(a) * i64::from(b)).div_euclid(i64::from(c)))
}

fn clamp(n: i64) -> i32 {
    i32::try_from(n).unwrap_or(if n < 0 { i32::MIN } else { i32::MAX })
}
