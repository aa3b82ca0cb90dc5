//! The first scrape of a window as text, kept in the measurement's metadata so that any controller can go on.

use std::collections::{BTreeMap, BTreeSet};

use api::measured::Float;
use chrono::{DateTime, Utc};

use super::window::{Counters, Reading};

/// When it was, and what each pod (by uid) said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Baseline {
    pub(super) at: DateTime<Utc>,
    pub(super) pods: BTreeMap<String, Reading>,
}

/// The longest text, in bytes: an object takes 1.5 MB, and other metrics have baselines too (field-lessons R64). A pod
/// with 15 buckets takes about 120 bytes.
const LONGEST: usize = 16 * 1024;

impl Baseline {
    /// One line with the time and the names of the counters, and a line per pod: uid, start, values (`-`: none).
    /// Pods that no longer fit are left out, and are then treated as pods that were not there.
    pub(super) fn encode(&self) -> String {
        let names: BTreeSet<&str> = self
            .pods
            .values()
            .flat_map(|pod| pod.counters.keys())
            .map(String::as_str)
            .collect();
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| Float(value).to_string());
        let mut text = self.at.timestamp_millis().to_string();
        for name in &names {
            text.push(' ');
            text.push_str(name);
        }
        for (uid, pod) in &self.pods {
            let values: Vec<String> = names
                .iter()
                .map(|name| number(pod.counters.get(*name).copied()))
                .collect();
            let line = format!("\n{uid} {} {}", number(pod.started), values.join(" "));
            if text.len() + line.len() > LONGEST {
                break;
            }
            text.push_str(line.trim_end());
        }
        text
    }

    /// `None`: the text is not one of ours.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut head = lines.next()?.split(' ');
        let at = DateTime::from_timestamp_millis(head.next()?.parse().ok()?)?;
        let names: Vec<&str> = head.collect();
        let mut pods = BTreeMap::new();
        for line in lines {
            let mut words = line.split(' ');
            let uid = words.next()?.to_owned();
            let mut numbers = words.map(|word| match word {
                "-" => Some(None),
                number => number.parse::<f64>().ok().map(Some),
            });
            let started = numbers.next()??;
            let values = numbers.collect::<Option<Vec<Option<f64>>>>()?;
            if values.len() != names.len() {
                return None;
            }
            let named = names.iter().zip(values);
            let counters: Counters = named
                .filter_map(|(name, value)| Some(((*name).to_owned(), value?)))
                .collect();
            pods.insert(uid, Reading { started, counters });
        }
        Some(Baseline { at, pods })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn baseline(pods: BTreeMap<String, Reading>) -> Baseline {
        Baseline {
            at: DateTime::from_timestamp_millis(1_772_366_400_123).unwrap(),
            pods,
        }
    }

    #[test]
    fn text() {
        let pod = |started, counters: &[(&str, f64)]| Reading {
            started,
            counters: counters.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
        };
        let pods = BTreeMap::from([
            ("u1".to_owned(), pod(Some(1.5), &[("errors", 2.0), ("requests", 40.0)])),
            ("u2".to_owned(), pod(None, &[("requests", 7.0)])),
            ("u3".to_owned(), pod(None, &[])),
        ]);
        let text = baseline(pods.clone()).encode();
        assert_eq!(text, "1772366400123 errors requests\nu1 1.5 2 40\nu2 - - 7\nu3 - - -");
        assert_eq!(Baseline::decode(&text), Some(baseline(pods)));
    }

    #[test]
    fn nonsense() {
        for text in [
            "",
            "x",
            "1 a\nu1",
            "1 a\nu1 -",
            "1 a\nu1 - 1 2",
            "1 a\nu1 - x",
            "99999999999999999999",
        ] {
            assert_eq!(Baseline::decode(text), None, "{text}");
        }
    }

    #[test]
    fn bounded() {
        let counters: Counters = (0..200).map(|at| (at.to_string(), f64::MAX)).collect();
        let reading = Reading {
            started: None,
            counters,
        };
        let pods = (0..100).map(|at| (format!("uid-{at:03}"), reading.clone())).collect();
        let text = baseline(pods).encode();
        assert!(text.len() <= LONGEST);
        assert!(Baseline::decode(&text).is_some());
    }

    proptest! {
        #[test]
        fn comes_back(pods in prop::collection::btree_map(
            "[a-f0-9-]{1,36}",
            (prop::option::of(0.0..2e9f64), prop::collection::btree_map("[a-z0-9.+]{1,6}", 0.0..1e12f64, 0..5)),
            0..8,
        )) {
            let reading = |(started, counters)| Reading { started, counters };
            let whole = baseline(pods.into_iter().map(|(uid, pod)| (uid, reading(pod))).collect());
            prop_assert_eq!(Baseline::decode(&whole.encode()), Some(whole));
        }
    }
}
