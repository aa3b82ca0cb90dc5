//! The weight the canary should have now.
//!
//! Source: wire-contract 3.7.1 and 3.10.4.

use api::rollout::CanaryStep;

use crate::scale::{Aborted, ceil_share};

/// What the weight depends on.
#[derive(Clone, Copy, Debug)]
pub struct WeightInput<'a> {
    pub steps: &'a [CanaryStep],
    /// The cursor; `None` when there are no steps.
    pub index: Option<usize>,
    /// maxTrafficWeight.
    pub most: i32,
    pub whole: Whole,
    pub aborted: Aborted,
}

/// Whether the new revision gets everything whatever the steps say: promoteFull, the first deploy, or already stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Yes,
    No,
}

/// The weight of the current step.
pub fn desired_weight(input: &WeightInput<'_>) -> i32 {
    if input.whole == Whole::Yes {
        return input.most;
    }
    if input.aborted == Aborted::Yes {
        return 0;
    }
    let Some(index) = input.index.filter(|index| *index < input.steps.len()) else {
        return input.most;
    };
    input.steps[..=index]
        .iter()
        .rev()
        .find_map(|step| step.set_weight)
        .unwrap_or(0)
}

/// The weight an aborted canary falls to while stable, scaled dynamically, has not all its pods yet.
///
/// `canary`: pods the canary still has to carry.
pub fn weight_after_abort(steps: &[CanaryStep], canary: i32, replicas: i32, most: i32) -> i32 {
    let fits = |weight: &i32| ceil_share(*weight, replicas, most) < canary;
    steps
        .iter()
        .rev()
        .filter_map(|step| step.set_weight)
        .find(fits)
        .unwrap_or(0)
}
