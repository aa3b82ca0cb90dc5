//! What a user writes under `provider.plugin["sluice/scrape"]`.

use api::analysis::Metric;
use chrono::TimeDelta;
use regex::Regex;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use super::NAME;
use super::exposition::Sample;

/// Which pods to scrape, how, for how long, and what to compute.
///
/// ```yaml
/// plugin:
///   sluice/scrape:
///     target: canary            # or stable; or podTemplateHash: "{{args.hash}}"
///     port: 8080
///     path: /metrics            # the default
///     window: 10s               # between the two scrapes; the default; 1s to 1h
///     minRequests: 20           # fewer are no data; 1 is the default
///     errorRate:                # exactly one of errorRate, quantile, requestRate
///       counter: http_requests_total
///       errors: {status: "5.."} # labels and anchored regular expressions, as in PromQL; all must match
///       where: {path: "/api/.*"}  # only these series; optional
///     quantile:                 # in the unit of the histogram, seconds mostly
///       histogram: http_request_duration_seconds
///       q: 0.99
///     requestRate:              # requests per second and pod
///       counter: http_requests_total
/// ```
///
/// The result is one number: `successCondition: result < 0.05`. Without data it is nil, and that condition ends in Error;
/// to hold instead, leave nil to neither condition: `!isNil(result) && result < 0.05` and `!isNil(result) && result >= 0.05`.
///
/// Numbers may be texts, as substituted arguments are.
#[derive(Clone, Debug)]
pub struct ScrapeConfig {
    pub pods: Pods,
    pub port: u16,
    pub(super) path: String,
    pub(super) window: TimeDelta,
    pub(super) min_requests: f64,
    pub(super) question: Question,
}

/// The pods a metric is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pods {
    /// Of the revision that is rolled out.
    Canary,
    /// Of the revision that was there before.
    Stable,
    /// Of the revision with this pod template hash.
    Hash(String),
}

impl std::fmt::Display for Pods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pods::Canary => f.write_str("the canary"),
            Pods::Stable => f.write_str("the stable revision"),
            Pods::Hash(hash) => write!(f, "revision {hash}"),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Question {
    ErrorRate {
        counter: String,
        errors: Selector,
        only: Selector,
    },
    RequestRate {
        counter: String,
        only: Selector,
    },
    Quantile {
        histogram: String,
        q: f64,
        only: Selector,
    },
}

/// Labels and what they must match.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector(Vec<(String, Regex)>);

impl Selector {
    pub(super) fn matches(&self, sample: &Sample<'_>) -> bool {
        self.0
            .iter()
            .all(|(label, pattern)| pattern.is_match(sample.label(label)))
    }
}

impl ScrapeConfig {
    /// The configuration of a metric of this provider; `None` for a metric of another.
    ///
    /// # Errors
    /// What is wrong with it, beginning with the name of the provider.
    pub fn of(metric: &Metric) -> Option<Result<Self, String>> {
        metric.provider.plugin.get(NAME).map(|config| Self::parse(&config.0))
    }

    /// Reads what a user wrote, arguments substituted.
    ///
    /// # Errors
    /// What is wrong, beginning with the name of the provider.
    pub fn parse(config: &Value) -> Result<Self, String> {
        let written: Written = serde_json::from_value(config.clone()).map_err(|why| format!("{NAME}: {why}"))?;
        written.read().map_err(|why| format!("{NAME}: {why}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    target: Option<String>,
    pod_template_hash: Option<String>,
    port: Number,
    path: Option<String>,
    window: Option<String>,
    min_requests: Option<Number>,
    error_rate: Option<WrittenErrorRate>,
    quantile: Option<WrittenQuantile>,
    request_rate: Option<WrittenRequestRate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenErrorRate {
    counter: String,
    errors: Labels,
    #[serde(default, rename = "where")]
    only: Labels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenQuantile {
    histogram: String,
    q: Number,
    #[serde(default, rename = "where")]
    only: Labels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenRequestRate {
    counter: String,
    #[serde(default, rename = "where")]
    only: Labels,
}

type Labels = std::collections::BTreeMap<String, String>;

impl Written {
    fn read(self) -> Result<ScrapeConfig, String> {
        let pods = match (self.target.as_deref(), self.pod_template_hash) {
            (Some("canary"), None) => Pods::Canary,
            (Some("stable"), None) => Pods::Stable,
            (Some(other), None) => return Err(format!("target {other:?} is neither canary nor stable")),
            (None, Some(hash)) if !hash.is_empty() => Pods::Hash(hash),
            (None, Some(_)) => return Err("podTemplateHash is empty".to_owned()),
            (Some(_), Some(_)) | (None, None) => {
                return Err("exactly one of target and podTemplateHash must be set".to_owned());
            }
        };
        let port = self.port.0;
        if !(1.0..=65535.0).contains(&port) || port.fract() != 0.0 {
            return Err(format!("port {port} is not between 1 and 65535"));
        }
        let path = self.path.unwrap_or_else(|| "/metrics".to_owned());
        if !path.starts_with('/') {
            return Err(format!("path {path:?} does not begin with /"));
        }
        let window = self.window.unwrap_or_else(|| "10s".to_owned());
        let window = api::duration::parse_go_duration(&window).map_err(|why| format!("window: {why}"))?;
        if !(TimeDelta::seconds(1)..=TimeDelta::hours(1)).contains(&window) {
            return Err("window is not between 1s and 1h".to_owned());
        }
        let min_requests = self.min_requests.map(|Number(least)| least);
        if min_requests.is_some_and(|least| least < 0.0) {
            return Err("minRequests is negative".to_owned());
        }
        let question = match (self.error_rate, self.quantile, self.request_rate) {
            (Some(rate), None, None) => Question::ErrorRate {
                counter: name("errorRate.counter", rate.counter)?,
                errors: match rate.errors.is_empty() {
                    true => return Err("errorRate.errors is empty: every request would be an error".to_owned()),
                    false => selector("errorRate.errors", rate.errors)?,
                },
                only: selector("errorRate.where", rate.only)?,
            },
            (None, Some(quantile), None) => Question::Quantile {
                histogram: name("quantile.histogram", quantile.histogram)?,
                q: match quantile.q.0 {
                    q if (0.0..=1.0).contains(&q) => q,
                    q => return Err(format!("quantile.q {q} is not between 0 and 1")),
                },
                only: selector("quantile.where", quantile.only)?,
            },
            (None, None, Some(rate)) => Question::RequestRate {
                counter: name("requestRate.counter", rate.counter)?,
                only: selector("requestRate.where", rate.only)?,
            },
            _ => return Err("exactly one of errorRate, quantile and requestRate must be set".to_owned()),
        };
        // A rate of nothing is a number, zero; a share or a quantile of nothing is none.
        let (default, least) = match &question {
            Question::RequestRate { .. } => (0.0, 0.0),
            Question::ErrorRate { .. } | Question::Quantile { .. } => (1.0, 1.0),
        };
        Ok(ScrapeConfig {
            pods,
            port: port as u16,
            path,
            window,
            min_requests: min_requests.unwrap_or(default).max(least),
            question,
        })
    }
}

fn name(field: &str, name: String) -> Result<String, String> {
    if name.is_empty() {
        return Err(format!("{field} is empty"));
    }
    Ok(name)
}

fn selector(field: &str, labels: Labels) -> Result<Selector, String> {
    let anchored = |(label, pattern): (String, String)| match Regex::new(&format!("^(?s:{pattern})$")) {
        Ok(regex) => Ok((label, regex)),
        Err(_) => Err(format!("{field}.{label}: {pattern:?} is not a regular expression")),
    };
    labels.into_iter().map(anchored).collect::<Result<_, _>>().map(Selector)
}

/// A number, or a text that is one.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number
            .filter(|number| number.is_finite())
            .map(Number)
            .ok_or_else(|| D::Error::custom(format!("{value} is not a number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refusals() {
        let good = json!({"target": "canary", "port": "8080", "requestRate": {"counter": "r"}});
        assert_eq!(ScrapeConfig::parse(&good).unwrap().port, 8080);
        let rate = |errors: Value| json!({"requestRate": null, "errorRate": {"counter": "c", "errors": errors}});
        let quantile = |q: Value| json!({"requestRate": null, "quantile": {"histogram": "h", "q": q}});
        let table = [
            (json!({"prot": 1}), "unknown field `prot`"),
            (json!({"target": "old"}), "target \"old\" is neither canary nor stable"),
            (
                json!({"podTemplateHash": "x"}),
                "exactly one of target and podTemplateHash must be set",
            ),
            (
                json!({"target": null}),
                "exactly one of target and podTemplateHash must be set",
            ),
            (
                json!({"target": null, "podTemplateHash": ""}),
                "podTemplateHash is empty",
            ),
            (json!({"port": "http"}), "\"http\" is not a number"),
            (json!({"port": 70000}), "port 70000 is not between 1 and 65535"),
            (json!({"path": "metrics"}), "path \"metrics\" does not begin with /"),
            (json!({"window": "10"}), "window: time: missing unit in duration \"10\""),
            (json!({"window": "2h"}), "window is not between 1s and 1h"),
            (json!({"minRequests": -1}), "minRequests is negative"),
            (
                json!({"requestRate": null}),
                "exactly one of errorRate, quantile and requestRate must be set",
            ),
            (json!({"requestRate": {"counter": ""}}), "requestRate.counter is empty"),
            (
                rate(json!({})),
                "errorRate.errors is empty: every request would be an error",
            ),
            (
                rate(json!({"status": "5(.."})),
                "errorRate.errors.status: \"5(..\" is not a regular expression",
            ),
            (quantile(json!("99")), "quantile.q 99 is not between 0 and 1"),
            (quantile(json!([])), "[] is not a number"),
        ];
        for (change, why) in table {
            let mut config = good.clone();
            for (key, value) in change.as_object().unwrap() {
                config[key] = value.clone();
            }
            let got = ScrapeConfig::parse(&config).unwrap_err();
            assert!(
                got.starts_with(&format!("sluice/scrape: {why}")),
                "{config}\n got {got}\nwant {why}"
            );
        }
    }

    #[test]
    fn selectors_are_anchored() {
        let sample = super::super::exposition::samples("r{status=\"503\",path=\"/a\"} 1")
            .next()
            .unwrap()
            .unwrap();
        let table = [
            ("5..", true),
            ("5", false),
            ("200|50.", true),
            ("50", false),
            ("", false),
        ];
        for (pattern, want) in table {
            let labels = Labels::from([("status".to_owned(), pattern.to_owned())]);
            assert_eq!(selector("f", labels).unwrap().matches(&sample), want, "{pattern}");
        }
        let absent = Labels::from([("code".to_owned(), String::new())]);
        assert!(selector("f", absent).unwrap().matches(&sample));
    }
}
