//! Whether a run can be carried out at all, and to which of its metrics its rules apply.
//!
//! Source: wire-contract 4.3 "Validation messages"; the rules themselves are `api::validate`'s.

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::{AnalysisRunSpec, DryRun, MeasurementRetention, Metric};
use api::validate::MetricRules;
use regex::Regex;

/// Whether a run of these metrics, arguments in place, can be carried out.
///
/// # Errors
/// The first thing that is wrong, in the contract's words. A provider that we have not is the edge's to refuse.
pub fn run(spec: &AnalysisRunSpec, metrics: &[Metric]) -> Result<(), String> {
    let rules = MetricRules {
        metrics,
        dry_run: &spec.dry_run,
        measurement_retention: &spec.measurement_retention,
    };
    match api::validate::metrics(rules).first() {
        Some(fault) => Err(fault.to_string()),
        None => Ok(()),
    }
}

/// The metrics whose verdict counts for nothing.
pub fn dry_run(rules: &[DryRun], metrics: &[Metric]) -> BTreeSet<String> {
    rules
        .iter()
        .flat_map(|rule| matching(&rule.metric_name, metrics))
        .collect()
}

/// How many measurements are kept of each metric that a rule names; the last rule counts.
pub fn retention(rules: &[MeasurementRetention], metrics: &[Metric]) -> BTreeMap<String, i32> {
    let named = rules.iter().flat_map(|rule| {
        matching(&rule.metric_name, metrics)
            .into_iter()
            .map(|name| (name, rule.limit))
    });
    named.collect()
}

/// The names that an unanchored pattern is found in.
fn matching(pattern: &str, metrics: &[Metric]) -> Vec<String> {
    let Ok(pattern) = Regex::new(pattern) else {
        return Vec::new();
    };
    metrics
        .iter()
        .map(|metric| metric.name.clone())
        .filter(|name| pattern.is_match(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(raw: Value) -> AnalysisRunSpec {
        serde_json::from_value(raw).expect("a spec")
    }

    #[test]
    fn what_is_refused() {
        let web = json!({"name": "m", "provider": {"web": {"url": "http://x"}}});
        let table = [
            (json!({"metrics": [web]}), ""),
            (json!({"metrics": []}), "no metrics specified"),
            (json!({"metrics": [web, web]}), "metrics[1]: duplicate name 'm'"),
            (
                json!({"metrics": [web], "dryRun": [{"metricName": "^x"}]}),
                "dryRun[0]: Rule didn't match any metric name(s)",
            ),
            (
                json!({"metrics": [web], "measurementRetention": [{"metricName": "(", "limit": 1}]}),
                "measurementRetention[0]: Rule didn't match any metric name(s)",
            ),
        ];
        for (spec, want) in table {
            let spec = parse(spec);
            assert_eq!(run(&spec, &spec.metrics).err().unwrap_or_default(), want);
        }
    }

    #[test]
    fn patterns_are_not_anchored() {
        let metrics = parse(json!({"metrics": [{"name": "error-rate"}, {"name": "latency"}]})).metrics;
        let table: [(&str, &[&str]); 4] = [
            ("latency", &["latency"]),
            ("rate", &["error-rate"]),
            (".*", &["error-rate", "latency"]),
            ("^rate", &[]),
        ];
        for (pattern, want) in table {
            let dry = dry_run(
                &[DryRun {
                    metric_name: pattern.to_owned(),
                }],
                &metrics,
            );
            assert_eq!(dry, want.iter().map(|name| (*name).to_owned()).collect(), "{pattern}");
        }
        let rule = |metric_name: &str, limit| MeasurementRetention {
            metric_name: metric_name.to_owned(),
            limit,
        };
        let limits = retention(&[rule(".*", 5), rule("latency", 2)], &metrics);
        assert_eq!(
            limits,
            BTreeMap::from([("error-rate".to_owned(), 5), ("latency".to_owned(), 2)])
        );
    }
}
