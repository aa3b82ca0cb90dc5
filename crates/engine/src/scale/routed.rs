//! Counts of a canary behind a traffic router: pure arithmetic, ahead of the routers.
//!
//! Source: wire-contract 3.7.3.

use super::{Counts, ceil_share};

/// A canary count that a person set with `setCanaryScale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// `replicas`: taken as it is.
    Replicas(i32),
    /// Nothing is fixed: the weight decides (also `setCanaryScale.weight`, which replaces it).
    Weight(i32),
}

/// What the counts of a routed canary depend on.
#[derive(Clone, Copy, Debug)]
pub struct RoutedInput {
    pub replicas: i32,
    /// maxTrafficWeight.
    pub most: i32,
    pub canary: Fixed,
    pub minimum_pods: Option<i32>,
    pub stable: StableScale,
    /// Recorded weights (canary, stable), when known.
    pub weights: Option<(i32, i32)>,
    pub aborted: Aborted,
}

/// `dynamicStableScale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StableScale {
    /// Stable stays at R.
    Full,
    /// Stable shrinks with its weight.
    Dynamic,
}

/// Whether the rollout is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aborted {
    Yes,
    No,
}

/// Pods for `weight` of `most`.
fn share(weight: i32, replicas: i32, most: i32) -> i32 {
    ceil_share(weight, replicas, most)
}

/// `minPodsPerReplicaSet`: 0 stays 0.
fn minimum_pods(count: i32, minimum: Option<i32>, replicas: i32) -> i32 {
    match minimum {
        Some(minimum) if count != 0 => count.max(minimum.min(replicas)),
        Some(_) | None => count,
    }
}

/// What new and stable are scaled to.
pub fn routed_counts(input: &RoutedInput) -> Counts {
    let (replicas, most) = (input.replicas, input.most);
    let raise = |count| minimum_pods(count, input.minimum_pods, replicas);
    let (canary, weight) = match input.canary {
        Fixed::Replicas(count) => (count, 0),
        Fixed::Weight(weight) => (share(weight, replicas, most), weight),
    };
    match input.stable {
        StableScale::Full => Counts {
            new: match input.canary {
                Fixed::Replicas(count) => count,
                Fixed::Weight(_) => raise(canary),
            },
            stable: replicas,
        },
        StableScale::Dynamic => {
            let mut counts = Counts {
                new: canary,
                stable: share(most - weight, replicas, most),
            };
            if let Some((canary_weight, stable_weight)) = input.weights {
                counts.stable = counts.stable.max(share(stable_weight, replicas, most));
                if input.aborted == Aborted::Yes {
                    counts.new = counts.new.max(share(canary_weight, replicas, most));
                }
            }
            Counts {
                new: raise(counts.new),
                stable: raise(counts.stable),
            }
        }
    }
}
