//! What happened between two scrapes: increases of counters, sums, quantiles of histograms. Pure arithmetic.

use std::collections::BTreeMap;

/// Counters of one pod by name. A histogram is the counters named by the upper bounds of its buckets (`0.5`, `+Inf`).
pub(super) type Counters = BTreeMap<String, f64>;

/// One scrape of one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// `process_start_time_seconds`, where the pod tells it.
    pub(super) started: Option<f64>,
    pub(super) counters: Counters,
}

/// How much each counter grew.
///
/// A pod that began again counts from zero: a counter that fell, or a later start, says so for all its counters at once,
/// as they live in one process.
pub(super) fn increase(before: &Reading, after: &Reading) -> Counters {
    let restarted = match (before.started, after.started) {
        // Some exporters compute the start from the uptime, which wavers.
        (Some(before), Some(after)) => after > before + 1.0,
        (None, _) | (_, None) => false,
    };
    let value = |reading: &Reading, name: &str| reading.counters.get(name).copied().unwrap_or(0.0);
    let fell = before.counters.iter().any(|(name, &old)| value(after, name) < old);
    let from = |name: &str| if restarted || fell { 0.0 } else { value(before, name) };
    let grown = |(name, now): (&String, &f64)| (name.clone(), now - from(name));
    after.counters.iter().map(grown).collect()
}

/// The sum of one counter. Not `Iterator::sum`, whose sum of no floats is -0.
pub(super) fn sum(increases: &[Counters], name: &str) -> f64 {
    let values = increases.iter().filter_map(|counters| counters.get(name));
    values.fold(0.0, |sum, value| sum + value)
}

/// Observations at or below an upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) upper: f64,
    pub(super) count: f64,
}

/// One histogram of several, buckets by rising bound.
///
/// Pods of one revision have the same bounds; where they do not, a bound that a pod lacks counts what the pod had below
/// it, which keeps the sum monotone.
pub(super) fn add_histograms(histograms: &[Counters]) -> Vec<Bucket> {
    let parsed: Vec<Vec<Bucket>> = histograms.iter().map(buckets).collect();
    let mut bounds: Vec<f64> = parsed.iter().flatten().map(|bucket| bucket.upper).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let at = |upper: f64| {
        let below = |one: &Vec<Bucket>| {
            one.iter()
                .rev()
                .find(|bucket| bucket.upper <= upper)
                .map(|bucket| bucket.count)
        };
        parsed.iter().filter_map(below).sum()
    };
    bounds
        .into_iter()
        .map(|upper| Bucket {
            upper,
            count: at(upper),
        })
        .collect()
}

/// By rising bound; a count that is below an earlier one (scraped in the middle of an update) is raised to it.
fn buckets(counters: &Counters) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = counters
        .iter()
        .filter_map(|(upper, &count)| {
            let upper = upper.parse().ok()?;
            Some(Bucket { upper, count })
        })
        .collect();
    buckets.sort_by(|one, other| one.upper.total_cmp(&other.upper));
    let mut highest = 0.0_f64;
    for bucket in &mut buckets {
        highest = highest.max(bucket.count);
        bucket.count = highest;
    }
    buckets
}

/// All observations of a histogram.
pub(super) fn observations(buckets: &[Bucket]) -> f64 {
    buckets.last().map_or(0.0, |last| last.count)
}

/// The value that the share `q` (0 to 1) of observations does not exceed, by linear interpolation within its bucket, as
/// PromQL's `histogram_quantile`: the lowest bucket begins at 0 if its bound is positive, and beyond the highest finite
/// bound the answer is that bound. `None`: there are no observations, or no finite bound.
pub(super) fn quantile(q: f64, buckets: &[Bucket]) -> Option<f64> {
    let total = observations(buckets);
    let highest_finite = buckets.iter().rev().find(|bucket| bucket.upper.is_finite())?.upper;
    if total <= 0.0 {
        return None;
    }
    let rank = q * total;
    let at = buckets
        .iter()
        .position(|bucket| bucket.count >= rank && bucket.count > 0.0)?;
    let bucket = buckets[at];
    if bucket.upper == f64::INFINITY {
        return Some(highest_finite);
    }
    let (lower, below) = match at.checked_sub(1).map(|before| buckets[before]) {
        Some(before) => (before.upper, before.count),
        None if bucket.upper > 0.0 => (0.0, 0.0),
        None => return Some(bucket.upper),
    };
    // Of a share too small for the first observation (q = 0) the answer is the lower bound.
    let share = ((rank - below) / (bucket.count - below)).clamp(0.0, 1.0);
    Some(lower + (bucket.upper - lower) * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(started: Option<f64>, counters: &[(&str, f64)]) -> Reading {
        Reading {
            started,
            counters: counters.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    #[test]
    fn increases() {
        let before = reading(Some(100.0), &[("all", 10.0), ("bad", 2.0)]);
        type Values = &'static [(&'static str, f64)];
        let table: [(Option<f64>, Values, Values); 6] = [
            (
                Some(100.0),
                &[("all", 15.0), ("bad", 2.0)],
                &[("all", 5.0), ("bad", 0.0)],
            ),
            // The clock of an exporter wavers.
            (
                Some(100.4),
                &[("all", 15.0), ("bad", 2.0)],
                &[("all", 5.0), ("bad", 0.0)],
            ),
            // Restarted, and already beyond what it had.
            (
                Some(140.0),
                &[("all", 15.0), ("bad", 3.0)],
                &[("all", 15.0), ("bad", 3.0)],
            ),
            // Restarted, and one counter tells.
            (None, &[("all", 12.0), ("bad", 1.0)], &[("all", 12.0), ("bad", 1.0)]),
            (None, &[("all", 12.0)], &[("all", 12.0)]),
            // A series that is born in the window.
            (
                None,
                &[("all", 12.0), ("bad", 2.0), ("new", 1.0)],
                &[("all", 2.0), ("bad", 0.0), ("new", 1.0)],
            ),
        ];
        for (started, after, want) in table {
            let got = increase(&before, &reading(started, after));
            assert_eq!(got, reading(None, want).counters, "{after:?}");
        }
    }

    /// `bound:count` pairs.
    fn histogram(text: &str) -> Counters {
        let pair = |pair: &str| {
            let (bound, count) = pair.split_once(':').unwrap();
            (bound.to_owned(), count.parse().unwrap())
        };
        text.split_whitespace().map(pair).collect()
    }

    #[test]
    fn quantiles() {
        let table = [
            // Half of the observations lie evenly between 0 and 1.
            (0.5, "1:10 2:20 +Inf:20", Some(1.0)),
            (0.25, "1:10 2:20 +Inf:20", Some(0.5)),
            (0.75, "1:10 2:20 +Inf:20", Some(1.5)),
            (1.0, "1:10 2:20 +Inf:20", Some(2.0)),
            (0.0, "1:10 2:20 +Inf:20", Some(0.0)),
            (0.0, "1:0 2:20 +Inf:20", Some(1.0)),
            (0.99, "1:0 2:20 +Inf:40", Some(2.0)),
            (0.5, "-1:10 +Inf:10", Some(-1.0)),
            (0.5, "+Inf:10", None),
            (0.5, "1:0 +Inf:0", None),
            (0.5, "", None),
            // Torn: 2 has fewer than 1.
            (0.5, "1:10 2:8 4:20 +Inf:20", Some(1.0)),
            (0.75, "10:20 2:10 +Inf:20", Some(6.0)),
        ];
        for (q, buckets, want) in table {
            assert_eq!(
                quantile(q, &add_histograms(&[histogram(buckets)])),
                want,
                "{q} of {buckets}"
            );
        }
    }

    #[test]
    fn histograms_of_different_bounds_add_up() {
        let sum = add_histograms(&[histogram("1:4 4:8 +Inf:9"), histogram("2:6 +Inf:6")]);
        let shown: Vec<(f64, f64)> = sum.iter().map(|bucket| (bucket.upper, bucket.count)).collect();
        assert_eq!(shown, [(1.0, 4.0), (2.0, 10.0), (4.0, 14.0), (f64::INFINITY, 15.0)]);
    }

    fn histograms() -> impl Strategy<Value = Vec<Counters>> {
        let one = prop::collection::btree_map(0u32..40, 0u32..50, 1..8).prop_map(|sizes| {
            let mut total = 0.0;
            let mut counters = Counters::new();
            for (bound, size) in sizes {
                total += f64::from(size);
                counters.insert(format!("{}", f64::from(bound) / 4.0), total);
            }
            counters.insert("+Inf".to_owned(), total + 1.0);
            counters
        });
        prop::collection::vec(one, 1..4)
    }

    proptest! {
        #[test]
        fn quantiles_are_monotone_and_within_bounds(all in histograms(), mut qs in prop::collection::vec(0.0..=1.0f64, 2..6)) {
            let sum = add_histograms(&all);
            prop_assert!(sum.is_sorted_by(|one, other| one.count <= other.count && one.upper < other.upper));
            prop_assert_eq!(observations(&sum), all.iter().map(|one| one["+Inf"]).sum::<f64>());
            qs.sort_by(f64::total_cmp);
            let values: Vec<f64> = qs.iter().map(|&q| quantile(q, &sum).unwrap()).collect();
            prop_assert!(values.is_sorted(), "{qs:?} {values:?}");
            prop_assert!(values.iter().all(|value| (0.0..=10.0).contains(value)), "{values:?}");
        }

        #[test]
        fn increases_are_never_negative(before in prop::collection::btree_map("[a-c]", 0.0..100.0f64, 0..3),
                                        after in prop::collection::btree_map("[a-c]", 0.0..100.0f64, 0..3)) {
            let [before, after] = [before, after].map(|counters| Reading { started: None, counters });
            for (name, grown) in increase(&before, &after) {
                prop_assert!(0.0 <= grown && grown <= after.counters[&name], "{name}: {grown}");
            }
        }

        #[test]
        fn increases_of_a_process_that_lives_add_up(steps in prop::collection::vec(0u32..1000, 2..10)) {
            let mut total = 0.0;
            let mut readings = vec![reading(Some(1.0), &[("all", 0.0)])];
            for step in &steps {
                total += f64::from(*step);
                readings.push(reading(Some(1.0), &[("all", total)]));
            }
            let increases: Vec<Counters> = readings.windows(2).map(|pair| increase(&pair[0], &pair[1])).collect();
            prop_assert_eq!(sum(&increases, "all"), total);
        }
    }
}
