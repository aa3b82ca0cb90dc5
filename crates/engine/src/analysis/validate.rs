//! Whether the metrics of a run can be carried out at all, and to which of them its rules apply.
//!
//! Source: wire-contract 4.3 "Validation messages".

use std::collections::{BTreeMap, BTreeSet};

use api::amount::IntOrString;
use api::analysis::{DryRun, MeasurementRetention, Metric};
use regex::Regex;

/// The first thing that is wrong with the metrics.
///
/// # Errors
/// The contract's words for it.
pub fn metrics(metrics: &[Metric]) -> Result<(), String> {
    if metrics.is_empty() {
        return Err("no metrics specified".to_owned());
    }
    let mut names = BTreeSet::new();
    for (index, metric) in metrics.iter().enumerate() {
        if !names.insert(metric.name.as_str()) {
            return Err(format!("metrics[{index}]: duplicate name '{}'", metric.name));
        }
        one(metric).map_err(|why| format!("metrics[{index}]: {why}"))?;
    }
    Ok(())
}

/// The metrics whose verdict counts for nothing.
///
/// # Errors
/// The rule that names no metric, or that is no pattern.
pub fn dry_run(rules: &[DryRun], metrics: &[Metric]) -> Result<BTreeSet<String>, String> {
    let mut dry = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        dry.extend(matching(&rule.metric_name, metrics).map_err(|why| format!("dryRun[{index}]: {why}"))?);
    }
    Ok(dry)
}

/// How many measurements are kept of each metric that a rule names; the last rule counts.
///
/// # Errors
/// As for [`dry_run`].
pub fn retention(rules: &[MeasurementRetention], metrics: &[Metric]) -> Result<BTreeMap<String, i32>, String> {
    let mut limits = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let names =
            matching(&rule.metric_name, metrics).map_err(|why| format!("measurementRetention[{index}]: {why}"))?;
        limits.extend(names.into_iter().map(|name| (name, rule.limit)));
    }
    Ok(limits)
}

/// The names that an unanchored pattern is found in.
fn matching(pattern: &str, metrics: &[Metric]) -> Result<Vec<String>, String> {
    let pattern = Regex::new(pattern).map_err(|_| format!("`{pattern}` is not a regular expression"))?;
    let names: Vec<String> = metrics
        .iter()
        .map(|metric| &metric.name)
        .filter(|name| pattern.is_match(name))
        .cloned()
        .collect();
    if names.is_empty() {
        Err("Rule didn't match any metric name(s)".to_owned())
    } else {
        Ok(names)
    }
}

fn one(metric: &Metric) -> Result<(), String> {
    let read = |n: &Option<IntOrString>, default| n.as_ref().map_or(default, IntOrString::as_count);
    let count = read(&metric.count, 0);
    let failure = read(&metric.failure_limit, 0);
    let inconclusive = read(&metric.inconclusive_limit, 0);
    let success = read(&metric.consecutive_success_limit, 0);
    let rules = [
        (success < 0, "consecutiveSuccessLimit must be >= 0"),
        (failure < -1, "failureLimit must be >= 0, or -1 to be disabled"),
        (
            failure == -1 && success == 0,
            "failureLimit and consecutiveSuccessLimit cannot both be disabled",
        ),
        (inconclusive < 0, "inconclusiveLimit must be >= 0"),
        (
            read(&metric.consecutive_error_limit, 0) < 0,
            "consecutiveErrorLimit must be >= 0",
        ),
    ];
    if let Some((_, why)) = rules.iter().find(|(broken, _)| *broken) {
        return Err((*why).to_owned());
    }
    if count > 0 {
        if failure >= 0 && i64::from(count) < i64::from(failure) + i64::from(success) {
            return Err(format!(
                "count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {success}) if both >= 0"
            ));
        }
        if count < success {
            return Err("count must be >= consecutiveSuccessLimit".to_owned());
        }
        if count < inconclusive {
            return Err("count must be >= inconclusiveLimit".to_owned());
        }
    }
    if count > 1 && metric.interval.is_empty() {
        return Err("interval must be specified when count > 1".to_owned());
    }
    for (text, what) in [(&metric.interval, "interval"), (&metric.initial_delay, "startDelay")] {
        if !text.is_empty() {
            api::duration::parse_go_duration(text).map_err(|why| format!("invalid {what} string: {why}"))?;
        }
    }
    match providers(metric) {
        0 => Err("no provider specified".to_owned()),
        1 => Ok(()),
        _ => Err("multiple providers specified".to_owned()),
    }
}

fn providers(metric: &Metric) -> usize {
    let provider = &metric.provider;
    let named = [
        provider.prometheus.is_some(),
        provider.kayenta.is_some(),
        provider.web.is_some(),
        provider.datadog.is_some(),
        provider.wavefront.is_some(),
        provider.new_relic.is_some(),
        provider.job.is_some(),
        provider.cloud_watch.is_some(),
        provider.graphite.is_some(),
        provider.influxdb.is_some(),
        provider.skywalking.is_some(),
    ];
    named.iter().filter(|named| **named).count() + usize::from(!provider.plugin.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(raw: Value) -> Vec<Metric> {
        serde_json::from_value(raw).expect("metrics")
    }

    #[test]
    fn one_metric() {
        let table = [
            (json!({}), ""),
            (
                json!({"consecutiveSuccessLimit": -1}),
                "consecutiveSuccessLimit must be >= 0",
            ),
            (
                json!({"failureLimit": -2}),
                "failureLimit must be >= 0, or -1 to be disabled",
            ),
            (
                json!({"failureLimit": "-1"}),
                "failureLimit and consecutiveSuccessLimit cannot both be disabled",
            ),
            (json!({"failureLimit": -1, "consecutiveSuccessLimit": 2}), ""),
            (json!({"inconclusiveLimit": -1}), "inconclusiveLimit must be >= 0"),
            (
                json!({"consecutiveErrorLimit": -1}),
                "consecutiveErrorLimit must be >= 0",
            ),
            (
                json!({"count": 3, "interval": "1s", "failureLimit": 2, "consecutiveSuccessLimit": 2}),
                "count (3) must be >= failureLimit + consecutiveSuccessLimit (2 + 2) if both >= 0",
            ),
            (
                json!({"count": 1, "failureLimit": -1, "consecutiveSuccessLimit": 2}),
                "count must be >= consecutiveSuccessLimit",
            ),
            (
                json!({"count": 1, "inconclusiveLimit": 2}),
                "count must be >= inconclusiveLimit",
            ),
            (json!({"count": 2}), "interval must be specified when count > 1"),
            (
                json!({"interval": "1"}),
                "invalid interval string: time: missing unit in duration \"1\"",
            ),
            (
                json!({"initialDelay": "x"}),
                "invalid startDelay string: time: invalid duration \"x\"",
            ),
            (json!({"provider": {}}), "no provider specified"),
            (
                json!({"provider": {"web": {"url": "u"}, "plugin": {"a/b": {}}}}),
                "multiple providers specified",
            ),
        ];
        for (fields, want) in table {
            let mut metric = json!({"name": "m", "provider": {"web": {"url": "http://x"}}});
            for (key, value) in fields.as_object().expect("fields") {
                metric[key] = value.clone();
            }
            let got = metrics(&parse(json!([metric]))).err().unwrap_or_default();
            let want = if want.is_empty() {
                String::new()
            } else {
                format!("metrics[0]: {want}")
            };
            assert_eq!(got, want, "{fields}");
        }
    }

    #[test]
    fn all_metrics() {
        assert_eq!(metrics(&[]).unwrap_err(), "no metrics specified");
        let twice = json!({"name": "m", "provider": {"web": {"url": "http://x"}}});
        let twice = parse(json!([twice, twice]));
        assert_eq!(metrics(&twice).unwrap_err(), "metrics[1]: duplicate name 'm'");
    }

    #[test]
    fn rules() {
        let known = parse(json!([{"name": "error-rate"}, {"name": "latency"}]));
        let table: [(&str, Result<&[&str], &str>); 5] = [
            ("latency", Ok(&["latency"])),
            ("rate", Ok(&["error-rate"])),
            (".*", Ok(&["error-rate", "latency"])),
            ("^rate", Err("dryRun[0]: Rule didn't match any metric name(s)")),
            ("(", Err("dryRun[0]: `(` is not a regular expression")),
        ];
        for (pattern, want) in table {
            let got = dry_run(
                &[DryRun {
                    metric_name: pattern.to_owned(),
                }],
                &known,
            );
            let want = want
                .map(|names| names.iter().map(|n| (*n).to_owned()).collect())
                .map_err(str::to_owned);
            assert_eq!(got, want, "{pattern}");
        }
        let rule = |metric_name: &str, limit| MeasurementRetention {
            metric_name: metric_name.to_owned(),
            limit,
        };
        let limits = retention(&[rule(".*", 5), rule("latency", 2)], &known);
        assert_eq!(
            limits,
            Ok(BTreeMap::from([
                ("error-rate".to_owned(), 5),
                ("latency".to_owned(), 2)
            ]))
        );
        assert_eq!(
            retention(&[rule("x", 5)], &known),
            Err("measurementRetention[0]: Rule didn't match any metric name(s)".to_owned())
        );
    }
}
