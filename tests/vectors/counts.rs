//! Counts of canaries, with and without a router. Source: wire-contract 3.7.

use api::rollout::CanaryStep;
use engine::canary::{WeightInput, Whole, desired_weight, weight_after_abort};
use engine::scale::{
    Aborted, Counts, Fixed, Limits, Pods, RoutedInput, StableScale, basic_counts, routed_counts, weighted_counts,
};
use serde_json::Value;

const MOST: i32 = 100;

/// One line of basic-canary-counts.jsonl.
pub(super) fn basic(line: &Value) -> Result<(), String> {
    let case = Case::of(line);
    let desired = weighted_counts(case.weight(), MOST, &case.limits);
    compare(
        line,
        basic_counts(desired, &case.limits, case.new, case.stable, case.others),
    )
}

/// One line of routed-canary-counts.jsonl.
pub(super) fn routed(line: &Value) -> Result<(), String> {
    let case = Case::of(line);
    let dynamic = line["dynamicStableScale"] == Value::Bool(true);
    let scale = line
        .get("setCanaryScale")
        .filter(|_| case.whole == Whole::No && case.aborted == Aborted::No);
    let fixed = scale
        .and_then(|scale| scale["replicas"].as_i64())
        .map(|n| Fixed::Replicas(int(n)));
    let matching = scale.is_some_and(|scale| scale["matchTrafficWeight"] == Value::Bool(true));
    let weight = scale.and_then(|scale| scale["weight"].as_i64()).map(int);
    let canary = match (matching, fixed, weight) {
        (false, Some(fixed), _) => fixed,
        (false, None, Some(weight)) => Fixed::Weight(weight),
        (true, _, _) | (false, None, None) => Fixed::Weight(case.routed_weight(dynamic)),
    };
    let got = routed_counts(&RoutedInput {
        replicas: case.replicas,
        most: MOST,
        canary,
        minimum_pods: line["minPodsPerReplicaSet"].as_i64().map(int),
        stable: if dynamic {
            StableScale::Dynamic
        } else {
            StableScale::Full
        },
        weights: line["statusWeights"].as_array().map(|w| (number(&w[0]), number(&w[1]))),
        aborted: case.aborted,
    });
    compare(line, got)
}

struct Case {
    replicas: i32,
    limits: Limits,
    new: Pods,
    stable: Option<Pods>,
    others: i32,
    aborted: Aborted,
    whole: Whole,
    steps: Vec<CanaryStep>,
}

impl Case {
    fn of(line: &Value) -> Self {
        let replicas = number(&line["replicas"]);
        let amount = |key: &str| serde_json::from_value(line[key].clone()).expect("an amount");
        let (max_surge, max_unavailable) =
            api::amount::resolve_surge_and_unavailable(&amount("maxSurge"), &amount("maxUnavailable"), replicas);
        let pods = |value: &Value| Pods {
            size: number(&value["spec"]),
            available: number(&value["available"]),
        };
        let stable = (!line["stable"].is_null()).then(|| pods(&line["stable"]));
        let promote_full = line["promoteFull"] == Value::Bool(true);
        let step = |weight| CanaryStep {
            set_weight: Some(weight),
            ..CanaryStep::default()
        };
        Case {
            replicas,
            limits: Limits {
                replicas,
                max_surge,
                max_unavailable,
            },
            new: pods(&line["new"]),
            stable,
            others: line["others"]
                .as_array()
                .map_or(0, |all| all.iter().map(|rs| number(&rs["spec"])).sum()),
            aborted: if line["aborted"] == Value::Bool(true) {
                Aborted::Yes
            } else {
                Aborted::No
            },
            whole: if promote_full || stable.is_none() {
                Whole::Yes
            } else {
                Whole::No
            },
            steps: vec![step(number(&line["setWeight"]))],
        }
    }

    fn weight(&self) -> i32 {
        desired_weight(&WeightInput {
            steps: &self.steps,
            index: Some(0),
            most: MOST,
            whole: self.whole,
            aborted: self.aborted,
        })
    }

    fn routed_weight(&self, dynamic: bool) -> i32 {
        match self.stable {
            Some(stable) if dynamic && self.aborted == Aborted::Yes && self.whole == Whole::No => {
                let carried = (self.replicas - stable.available).max(self.new.available);
                weight_after_abort(&self.steps, carried, self.replicas, MOST)
            }
            Some(_) | None => self.weight(),
        }
    }
}

fn compare(line: &Value, got: Counts) -> Result<(), String> {
    let want = Counts {
        new: number(&line["wantNew"]),
        stable: number(&line["wantStable"]),
    };
    if got == want {
        Ok(())
    } else {
        Err(format!("{line}\n    want {want:?}, got {got:?}"))
    }
}

fn number(value: &Value) -> i32 {
    value.as_i64().map_or(0, int)
}

fn int(n: i64) -> i32 {
    i32::try_from(n).expect("a count")
}
