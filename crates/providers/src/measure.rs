//! Which provider measures a metric, and what every answer looks like.

use std::collections::BTreeMap;

use api::analysis::{Measurement, Metric, MetricProvider};
use api::measured::Measured;
use chrono::{DateTime, Utc};

use crate::scrape::{self, ScrapeTarget};
use crate::transport::Transport;
use crate::{prometheus, web};

/// What to measure.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// The metric, its arguments substituted.
    pub metric: Metric,
    /// The unfinished measurement to go on with: one whose `resumeAt` has come.
    pub resumed: Option<Measurement>,
    /// The pods of `sluice/scrape`, see [`scrape::ScrapeConfig`]; other providers do not look at them.
    pub targets: Vec<ScrapeTarget>,
}

/// What the operator of the controller configured.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `ARGO_ROLLOUTS_PROMETHEUS_ADDRESS`: used by metrics without an address.
    pub prometheus_address: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub outcome: Outcome,
    /// `measurement.metadata`, whole: it takes the place of what was there.
    pub metadata: BTreeMap<String, String>,
    /// Joins `metricResult.metadata` (`ResolvedPrometheusQuery`).
    pub result_metadata: BTreeMap<String, String>,
}

/// How a measurement went.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Measured: the conditions of the metric decide.
    Value {
        /// What the conditions see as `result`; [`Measured::is_no_data`] when there was nothing to measure.
        measured: Measured,
        /// `measurement.value`.
        text: String,
        /// A sentence for humans, to stand in `measurement.message`: why there is no data. Empty otherwise.
        note: String,
    },
    /// The measurement goes on: phase Running, [`Answer::metadata`] kept, and asked again at that time.
    NotYet { resume_at: DateTime<Utc> },
    /// Phase Error with this message.
    Error(String),
}

/// Measures once. Every request has a time limit, so this ends.
///
/// ```
/// # use providers::{measure, Outcome, Settings, Task, Transport};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// let transport = Transport::in_process(|_request| {
///     Box::pin(async { Ok(http::Response::new(bytes::Bytes::from(r#"{"data":{"rate":0.5}}"#))) })
/// });
/// let metric = serde_json::from_value(serde_json::json!({
///     "name": "rate", "provider": {"web": {"url": "http://metrics.example", "jsonPath": "{$.data.rate}"}}
/// })).unwrap();
/// let task = Task { metric, ..Task::default() };
/// let answer = measure(&task, &Settings::default(), &transport, chrono::DateTime::UNIX_EPOCH).await;
/// assert!(matches!(answer.outcome, Outcome::Value { text, .. } if text == "0.5"));
/// # });
/// ```
pub async fn measure(task: &Task, settings: &Settings, transport: &Transport, now: DateTime<Utc>) -> Answer {
    let answer = match Provider::of(&task.metric.provider) {
        Err(why) => Answer::error(why),
        Ok(Provider::Prometheus(metric)) => prometheus::measure(metric, settings, transport, now).await,
        Ok(Provider::Web(metric)) => web::measure(metric, transport).await,
        Ok(Provider::Scrape(config)) => scrape::measure(config, task, transport, now).await,
    };
    answer.bounded()
}

/// What of a metric's provider is wrong before anything is asked: no provider, several, one that is not built, a
/// configuration of ours that does not parse. For validation and `lint`, on metrics without arguments left.
///
/// # Errors
/// The message the measurement would end in.
pub fn check(metric: &Metric) -> Result<(), String> {
    match Provider::of(&metric.provider)? {
        Provider::Prometheus(_) => Ok(()),
        Provider::Web(metric) => web::check(metric),
        Provider::Scrape(config) => scrape::ScrapeConfig::parse(config).map(|_| ()),
    }
}

/// The providers there are.
enum Provider<'a> {
    Prometheus(&'a api::analysis::PrometheusMetric),
    Web(&'a api::analysis::WebMetric),
    Scrape(&'a serde_json::Value),
}

impl<'a> Provider<'a> {
    fn of(written: &'a MetricProvider) -> Result<Self, String> {
        // Named one by one, so that a new field of the API is missed by the compiler, not by a user.
        let MetricProvider {
            prometheus,
            kayenta,
            web,
            datadog,
            wavefront,
            new_relic,
            job,
            cloud_watch,
            graphite,
            influxdb,
            skywalking,
            plugin,
        } = written;
        let mut found = Vec::new();
        found.extend(prometheus.as_ref().map(|metric| Ok(Provider::Prometheus(metric))));
        found.extend(web.as_ref().map(|metric| Ok(Provider::Web(metric))));
        for (name, config) in plugin {
            found.push(match name.as_str() {
                scrape::NAME => Ok(Provider::Scrape(&config.0)),
                _ => Err(format!("plugin {name:?}")),
            });
        }
        for (name, there) in [
            ("kayenta", kayenta.is_some()),
            ("datadog", datadog.is_some()),
            ("wavefront", wavefront.is_some()),
            ("newRelic", new_relic.is_some()),
            ("job", job.is_some()),
            ("cloudWatch", cloud_watch.is_some()),
            ("graphite", graphite.is_some()),
            ("influxdb", influxdb.is_some()),
            ("skywalking", skywalking.is_some()),
        ] {
            found.extend(there.then(|| Err(name.to_owned())));
        }
        match (found.pop(), found.is_empty()) {
            (None, _) => Err("no provider specified".to_owned()),
            (Some(_), false) => Err("multiple providers specified".to_owned()),
            (Some(Ok(provider)), true) => Ok(provider),
            (Some(Err(name)), true) => Err(format!(
                "metric provider {name} is not supported by this version of Sluice"
            )),
        }
    }
}

/// The longest value, note or message that is put into the status of a run, in bytes: a page of HTML as a value, ten
/// times per metric, would grow the object past what etcd takes (field-lessons R64).
const LONGEST_TEXT: usize = 2048;

impl Answer {
    pub(crate) fn error(why: impl Into<String>) -> Self {
        Outcome::Error(why.into()).into()
    }

    pub(crate) fn value(measured: Measured) -> Self {
        let text = measured.to_string();
        Outcome::Value {
            measured,
            text,
            note: String::new(),
        }
        .into()
    }

    /// Conditions see the whole value; only its texts are cut.
    fn bounded(mut self) -> Self {
        match &mut self.outcome {
            Outcome::Value {
                measured: _,
                text,
                note,
            } => {
                cut(text);
                cut(note);
            }
            Outcome::NotYet { resume_at: _ } => {}
            Outcome::Error(why) => cut(why),
        }
        self
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Answer {
            outcome,
            metadata: BTreeMap::new(),
            result_metadata: BTreeMap::new(),
        }
    }
}

fn cut(text: &mut String) {
    if text.len() > LONGEST_TEXT {
        let whole = text.len();
        let end = (0..=LONGEST_TEXT).rev().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
        text.push_str(&format!("... ({whole} bytes)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn which_provider() {
        let not_built = |name| format!("metric provider {name} is not supported by this version of Sluice");
        let table = [
            (json!({}), Err("no provider specified".to_owned())),
            (json!({"job": {"spec": {}}}), Err(not_built("job"))),
            (json!({"newRelic": {"query": "q"}}), Err(not_built("newRelic"))),
            (json!({"plugin": {"acme/x": {}}}), Err(not_built("plugin \"acme/x\""))),
            (
                json!({"web": {"url": "http://a"}, "job": {"spec": {}}}),
                Err("multiple providers specified".to_owned()),
            ),
            (
                json!({"web": {"url": "http://a"}, "plugin": {"acme/x": {}}}),
                Err("multiple providers specified".to_owned()),
            ),
            (json!({"web": {"url": "http://a"}}), Ok(())),
            (
                json!({"web": {"url": "a"}}),
                Err("web metric url \"a\": relative URL without a base".to_owned()),
            ),
            (json!({"prometheus": {"query": "q"}}), Ok(())),
            (
                json!({"plugin": {"sluice/scrape": {"port": 80}}}),
                Err("sluice/scrape: exactly one of target and podTemplateHash must be set".to_owned()),
            ),
        ];
        for (provider, want) in table {
            let metric: Metric = serde_json::from_value(json!({"name": "m", "provider": provider})).unwrap();
            assert_eq!(check(&metric), want, "{provider}");
        }
    }
}
