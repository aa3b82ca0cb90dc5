//! Which metrics of an analysis can be measured at all.
//!
//! Source: wire-contract 4.3, "Validation messages".

use std::collections::BTreeSet;
use std::fmt;

use crate::amount::IntOrString;
use crate::analysis::{DryRun, MeasurementRetention, Metric, MetricProvider};
use crate::duration::parse_go_duration;

/// The parts of a run that are judged together, after its arguments are resolved.
#[derive(Clone, Copy, Debug)]
pub struct MetricRules<'a> {
    pub metrics: &'a [Metric],
    pub dry_run: &'a [DryRun],
    pub measurement_retention: &'a [MeasurementRetention],
}

/// What is wrong; `Display` is the contract's message, of which a run shows the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricFault {
    /// The element, `metrics[0]`; `metrics` where there is none.
    pub path: String,
    pub message: String,
}

impl fmt::Display for MetricFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "metrics" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// The first fault of each metric and of each rule, in order.
pub fn metrics(rules: MetricRules<'_>) -> Vec<MetricFault> {
    let mut faults = Vec::new();
    if rules.metrics.is_empty() {
        faults.push(MetricFault {
            path: "metrics".to_owned(),
            message: "no metrics specified".to_owned(),
        });
    }
    let mut names = BTreeSet::new();
    for (i, metric) in rules.metrics.iter().enumerate() {
        let message = if names.insert(&metric.name) {
            metric_fault(metric)
        } else {
            Some(format!("duplicate name '{}'", metric.name))
        };
        faults.extend(message.map(|message| MetricFault {
            path: format!("metrics[{i}]"),
            message,
        }));
    }
    let dry_run = rules.dry_run.iter().map(|rule| &rule.metric_name).enumerate();
    let retention = rules
        .measurement_retention
        .iter()
        .map(|rule| &rule.metric_name)
        .enumerate();
    let named = dry_run
        .map(|(i, name)| (format!("dryRun[{i}]"), name))
        .chain(retention.map(|(i, name)| (format!("measurementRetention[{i}]"), name)));
    for (path, pattern) in named {
        if !rules.metrics.iter().any(|metric| is_meant(pattern, &metric.name)) {
            let message = "Rule didn't match any metric name(s)".to_owned();
            faults.push(MetricFault { path, message });
        }
    }
    faults
}

/// The metric with what only a run's arguments will tell (`{{args.x}}`) replaced by something harmless, so that the rest
/// of it can be judged. A templated count or limit sets all of them aside, for they are judged together.
pub fn without_arguments(metric: &Metric) -> Metric {
    let mut metric = metric.clone();
    let templated = |amount: &Option<IntOrString>| match amount {
        Some(IntOrString::String(text)) => text.contains("{{"),
        Some(IntOrString::Int(_)) | None => false,
    };
    let limits = [
        &metric.count,
        &metric.failure_limit,
        &metric.inconclusive_limit,
        &metric.consecutive_error_limit,
        &metric.consecutive_success_limit,
    ];
    if limits.into_iter().any(templated) {
        metric.count = Some(IntOrString::Int(1));
        metric.failure_limit = None;
        metric.inconclusive_limit = None;
        metric.consecutive_error_limit = None;
        metric.consecutive_success_limit = None;
    }
    for duration in [&mut metric.interval, &mut metric.initial_delay] {
        if duration.contains("{{") {
            *duration = "1s".to_owned();
        }
    }
    metric
}

fn metric_fault(metric: &Metric) -> Option<String> {
    let text = |message: &str| Some(message.to_owned());
    let count = metric.count.as_ref().map_or(0, IntOrString::as_count);
    let (failure, success) = (metric.failure_limit(), metric.consecutive_success_limit());
    let inconclusive = metric.inconclusive_limit();
    if success < 0 {
        return text("consecutiveSuccessLimit must be >= 0");
    }
    if failure < -1 {
        return text("failureLimit must be >= 0, or -1 to be disabled");
    }
    if failure == -1 && success == 0 {
        return text("failureLimit and consecutiveSuccessLimit cannot both be disabled");
    }
    if inconclusive < 0 {
        return text("inconclusiveLimit must be >= 0");
    }
    if metric.consecutive_error_limit() < 0 {
        return text("consecutiveErrorLimit must be >= 0");
    }
    if count > 0 {
        if failure >= 0 && i64::from(count) < i64::from(failure) + i64::from(success) {
            return Some(format!(
                "count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {success}) if both >= 0"
            ));
        }
        if count < success {
            return text("count must be >= consecutiveSuccessLimit");
        }
        if count < inconclusive {
            return text("count must be >= inconclusiveLimit");
        }
    }
    if count > 1 && metric.interval.is_empty() {
        return text("interval must be specified when count > 1");
    }
    for (name, duration) in [("interval", &metric.interval), ("startDelay", &metric.initial_delay)] {
        if let Some(Err(e)) = (!duration.is_empty()).then(|| parse_go_duration(duration)) {
            return Some(format!("invalid {name} string: {e}"));
        }
    }
    match providers(&metric.provider).len() {
        0 => text("no provider specified"),
        1 => None,
        2.. => text("multiple providers specified"),
    }
}

/// The JSON keys of the providers that are set, plugins by their names.
pub(super) fn providers(provider: &MetricProvider) -> Vec<String> {
    let known = [
        ("prometheus", provider.prometheus.is_some()),
        ("kayenta", provider.kayenta.is_some()),
        ("web", provider.web.is_some()),
        ("datadog", provider.datadog.is_some()),
        ("wavefront", provider.wavefront.is_some()),
        ("newRelic", provider.new_relic.is_some()),
        ("job", provider.job.is_some()),
        ("cloudWatch", provider.cloud_watch.is_some()),
        ("graphite", provider.graphite.is_some()),
        ("influxdb", provider.influxdb.is_some()),
        ("skywalking", provider.skywalking.is_some()),
    ];
    let known = known.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned());
    known
        .chain(provider.plugin.keys().map(|name| format!("plugin[{name:?}]")))
        .collect()
}

/// A rule's name is an unanchored regular expression; one that cannot be read means nothing.
fn is_meant(pattern: &str, name: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages about metrics written as JSON, with the rest of a run.
    fn faults(run: serde_json::Value) -> Vec<String> {
        let run: crate::analysis::AnalysisRunSpec = serde_json::from_value(run).expect("a spec");
        let rules = MetricRules {
            metrics: &run.metrics,
            dry_run: &run.dry_run,
            measurement_retention: &run.measurement_retention,
        };
        metrics(rules).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_fault_in_its_words() {
        let one = |metric: &str| -> Vec<String> {
            let web = r#""name":"m","provider":{"web":{"url":"u"}}"#;
            let text = format!("{{\"metrics\":[{{{}}}]}}", metric.replace("WEB", web));
            faults(serde_json::from_str(&text).expect("JSON"))
        };
        for (metric, want) in [
            ("WEB", None),
            (
                r#"WEB,"consecutiveSuccessLimit":-1"#,
                Some("consecutiveSuccessLimit must be >= 0"),
            ),
            (
                r#"WEB,"failureLimit":-2"#,
                Some("failureLimit must be >= 0, or -1 to be disabled"),
            ),
            (
                r#"WEB,"failureLimit":-1"#,
                Some("failureLimit and consecutiveSuccessLimit cannot both be disabled"),
            ),
            (r#"WEB,"failureLimit":-1,"consecutiveSuccessLimit":1"#, None),
            (r#"WEB,"inconclusiveLimit":-1"#, Some("inconclusiveLimit must be >= 0")),
            (
                r#"WEB,"consecutiveErrorLimit":-1"#,
                Some("consecutiveErrorLimit must be >= 0"),
            ),
            (
                r#"WEB,"count":2,"interval":"1s","failureLimit":3"#,
                Some("count (2) must be >= failureLimit + consecutiveSuccessLimit (3 + 0) if both >= 0"),
            ),
            (
                r#"WEB,"count":1,"failureLimit":-1,"consecutiveSuccessLimit":2"#,
                Some("count must be >= consecutiveSuccessLimit"),
            ),
            (
                r#"WEB,"count":1,"inconclusiveLimit":2"#,
                Some("count must be >= inconclusiveLimit"),
            ),
            (r#"WEB,"count":2"#, Some("interval must be specified when count > 1")),
            (
                r#"WEB,"interval":"5x""#,
                Some("invalid interval string: time: unknown unit \"x\" in duration \"5x\""),
            ),
            (
                r#"WEB,"initialDelay":"soon""#,
                Some("invalid startDelay string: time: invalid duration \"soon\""),
            ),
            (r#""name":"m","provider":{}"#, Some("no provider specified")),
            (
                r#""name":"m","provider":{"web":{"url":"u"},"job":{}}"#,
                Some("multiple providers specified"),
            ),
        ] {
            let want: Vec<String> = want.map(|w| format!("metrics[0]: {w}")).into_iter().collect();
            assert_eq!(one(metric), want, "{metric}");
        }
    }

    #[test]
    fn a_run_as_a_whole() {
        assert_eq!(faults(serde_json::json!({})), ["no metrics specified"]);
        let web = serde_json::json!({"web": {"url": "u"}});
        let metrics = serde_json::json!([{"name": "a-b", "provider": web}, {"name": "a-b", "provider": web}]);
        let run = serde_json::json!({
            "metrics": metrics,
            "dryRun": [{"metricName": "a.*"}, {"metricName": "c"}],
            "measurementRetention": [{"metricName": "b", "limit": 1}, {"metricName": "(", "limit": 1}],
        });
        assert_eq!(
            faults(run),
            [
                "metrics[1]: duplicate name 'a-b'",
                "dryRun[1]: Rule didn't match any metric name(s)",
                "measurementRetention[1]: Rule didn't match any metric name(s)",
            ]
        );
    }

    #[test]
    fn what_arguments_will_tell_is_not_judged() {
        let metric: Metric = serde_json::from_value(serde_json::json!({
            "name": "m", "interval": "{{args.interval}}", "count": "{{args.count}}", "failureLimit": 3,
            "provider": {"web": {"url": "{{args.url}}"}},
        }))
        .expect("a metric");
        let metric = without_arguments(&metric);
        assert_eq!((metric_fault(&metric), metric.effective_count()), (None, Some(1)));
    }
}
