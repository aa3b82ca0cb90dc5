//! How the n-th request to a pod is answered: a fixed pattern, so that a demo's numbers are the same on every machine.

use crate::kubelet::behaviour::Answers;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) takes: Duration,
}

/// The answer to request `number`, counted from 1.
pub(super) fn to(number: u64, answers: &Answers) -> Answer {
    let status = if falls_on(number, answers.error_rate, 0.0) {
        500
    } else {
        200
    };
    let spread = scattered(number);
    let takes = if falls_on(number, answers.slow_rate, 0.5) {
        answers.slow + Duration::from_millis(200).mul_f64(spread)
    } else {
        answers.latency.mul_f64(0.5 + 1.5 * spread * spread)
    };
    Answer { status, takes }
}

/// Evenly spread: a rate of 0.1 falls on every tenth. The phase keeps two patterns from falling on the same requests.
fn falls_on(number: u64, rate: f64, phase: f64) -> bool {
    let count = |n: u64| (n as f64 * rate + phase + 1e-9).floor();
    count(number) > count(number - 1)
}

/// A number in [0, 1) that looks random and fills the interval evenly: multiples of the golden ratio.
fn scattered(number: u64) -> f64 {
    (number as f64 * 0.618_033_988_749_894_9).fract()
}

#[cfg(test)]
mod tests {
    use super::to;
    use crate::kubelet::behaviour::Answers;

    #[test]
    fn every_tenth_fails_and_one_in_twenty_five_is_slow() {
        let bad = Answers {
            error_rate: 0.1,
            slow_rate: 0.04,
            ..Answers::default()
        };
        let failed: Vec<u64> = (1..=30).filter(|n| to(*n, &bad).status == 500).collect();
        assert_eq!(failed, [10, 20, 30]);
        let slow = (1..=1000).filter(|n| to(*n, &bad).takes.as_millis() >= 420).count();
        assert_eq!(slow, 40);
        assert!((1..=1000).all(|n| (5..=20).contains(&to(n, &Answers::default()).takes.as_millis())));
    }
}
