//! Metrics straight from the pods: `provider.plugin["sluice/scrape"]`, for clusters without a metrics system.
//!
//! A measurement is two scrapes. The first one is the baseline: it is put into the measurement's metadata, and the
//! measurement waits (`resumeAt`) until the window is over. The second one is compared with it, pod by pod: so only what
//! happened within the window counts, a fail-over of the controller in between loses nothing, and "nothing happened" is
//! told from "all is well": it is no data, never 0.

mod baseline;
mod config;
mod exposition;
mod page;
mod window;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use api::measured::{Float, Measured};
use bytes::Bytes;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures::{FutureExt, StreamExt};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::measure::{Answer, Outcome, Task};
use crate::transport::{Call, Route, Transport, request};
use baseline::Baseline;
use config::Question;
pub use config::{Pods, ScrapeConfig};
use window::{Counters, Reading, add_histograms, increase, observations, quantile, sum};

/// The name of this provider under `plugin`.
pub const NAME: &str = "sluice/scrape";

/// A pod to scrape: one of [`ScrapeConfig::pods`], not finished, at [`ScrapeConfig::port`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// The name, for messages.
    pub pod: String,
    pub uid: String,
    /// What to dial, which need not be the pod's IP.
    pub address: SocketAddr,
    /// The pod's `creationTimestamp`: all that a pod counted that was created within the window belongs to the window.
    pub created: Option<DateTime<Utc>>,
}

/// Where the baseline lies in the metadata of an unfinished measurement.
const BASELINE: &str = "baseline";
/// A revision of more pods is judged by this many of them, chosen by uid.
const MOST_PODS: usize = 100;
const AT_ONCE: usize = 8;
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Takes the baseline, or compares with the one that was taken.
pub(crate) async fn measure(config: &Value, task: &Task, transport: &Transport, now: DateTime<Utc>) -> Answer {
    let config = match ScrapeConfig::parse(config) {
        Ok(config) => config,
        Err(why) => return Answer::error(why),
    };
    match &task.resumed {
        None => open(&config, task, transport, now).await,
        Some(resumed) => match resumed.metadata.get(BASELINE).and_then(|text| Baseline::decode(text)) {
            Some(baseline) => close(&config, task, &baseline, transport, now).await,
            None => Answer::error("the baseline of this measurement is missing or cannot be read"),
        },
    }
}

async fn open(config: &ScrapeConfig, task: &Task, transport: &Transport, now: DateTime<Utc>) -> Answer {
    let pods = scrape(config, choose(&task.targets, &BTreeMap::new()), transport).await;
    if pods.is_empty() {
        return no_data(format!("there is no pod of {} to scrape", config.pods));
    }
    if let Some(why) = nobody_answered(&pods) {
        return Answer::error(why);
    }
    let readings = pods
        .into_iter()
        .filter_map(|pod| Some((pod.target.uid.clone(), pod.reading.ok()?)));
    let baseline = Baseline {
        at: now,
        pods: readings.collect(),
    };
    let end = now + config.window;
    // The wire keeps whole seconds and cuts: a window must not come out shorter than it was asked for.
    let up = end.duration_trunc(TimeDelta::seconds(1)).unwrap_or(end);
    let mut answer = Answer::from(Outcome::NotYet {
        resume_at: if up < end { up + TimeDelta::seconds(1) } else { up },
    });
    answer.metadata.insert(BASELINE.to_owned(), baseline.encode());
    answer
}

async fn close(
    config: &ScrapeConfig,
    task: &Task,
    baseline: &Baseline,
    transport: &Transport,
    now: DateTime<Utc>,
) -> Answer {
    let pods = scrape(config, choose(&task.targets, &baseline.pods), transport).await;
    if let Some(why) = nobody_answered(&pods) {
        return Answer::error(why);
    }
    let mut increases = Vec::new();
    let mut left_out = Vec::new();
    for pod in pods {
        let newborn = pod.target.created.is_some_and(|created| created >= baseline.at);
        match (pod.reading, baseline.pods.get(&pod.target.uid)) {
            (Err(why), _) => left_out.push(format!("{}: {why}", pod.target.pod)),
            (Ok(after), Some(before)) => increases.push(increase(before, &after)),
            (Ok(after), None) if newborn => increases.push(increase(&Reading::default(), &after)),
            (Ok(_), None) => left_out.push(format!("{}: not in the baseline", pod.target.pod)),
        }
    }
    let gone = baseline
        .pods
        .keys()
        .filter(|uid| task.targets.iter().all(|target| target.uid != **uid))
        .count();

    let window = (now - baseline.at).as_seconds_f64();
    let mut answer = match increases.len() {
        0 => no_data(format!(
            "no pod of {} was there at both ends of the window",
            config.pods
        )),
        _ => config.answer(&increases, window),
    };
    let facts = [
        ("pods", Some(increases.len().to_string())),
        ("requests", Some(Float(config.requests(&increases)).to_string())),
        ("window", Some(format!("{}s", Float(window)))),
        ("podsGone", (gone > 0).then(|| gone.to_string())),
        (
            "podsLeftOut",
            (!left_out.is_empty()).then(|| left_out.len().to_string()),
        ),
        ("firstLeftOut", left_out.into_iter().next()),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
    answer.metadata = facts.collect();
    answer
}

impl ScrapeConfig {
    fn answer(&self, increases: &[Counters], window: f64) -> Answer {
        let series = self.question.series();
        if increases.iter().all(Counters::is_empty) {
            return no_data(format!("no pod of {} has a matching series {series}", self.pods));
        }
        let requests = self.requests(increases);
        if requests < self.min_requests {
            let (requests, least) = (Float(requests), Float(self.min_requests));
            return no_data(format!("{requests} requests in {}s, fewer than {least}", Float(window)));
        }
        let number = match &self.question {
            Question::ErrorRate { .. } => Some(sum(increases, page::ERRORS) / requests),
            Question::RequestRate { .. } => Some(requests / window / increases.len() as f64),
            Question::Quantile { q, .. } => quantile(*q, &add_histograms(increases)),
        };
        match number.filter(|number| number.is_finite()) {
            Some(number) => Answer::value(Measured::Number(number)),
            None => no_data(format!("{series} has no finite bucket, or the window no length")),
        }
    }

    fn requests(&self, increases: &[Counters]) -> f64 {
        match &self.question {
            Question::ErrorRate { .. } | Question::RequestRate { .. } => sum(increases, page::REQUESTS),
            Question::Quantile { .. } => observations(&add_histograms(increases)),
        }
    }
}

/// Nothing to judge by: `result` is nil, and the note says why.
fn no_data(why: String) -> Answer {
    let measured = Measured::Json(Value::Null);
    Outcome::Value {
        text: measured.to_string(),
        measured,
        note: format!("no data: {why}"),
    }
    .into()
}

/// A pod and what it said.
struct Scraped<'t> {
    target: &'t ScrapeTarget,
    reading: Result<Reading, String>,
}

/// The first failure, if nothing but failures came back: then it is not the pods that must be judged.
fn nobody_answered(pods: &[Scraped<'_>]) -> Option<String> {
    let failures: Vec<&str> = pods
        .iter()
        .filter_map(|pod| Some(pod.reading.as_ref().err()?.as_str()))
        .collect();
    let first = pods.first().filter(|_| failures.len() == pods.len())?;
    Some(format!(
        "could not scrape any of {} pods; {}: {}",
        pods.len(),
        first.target.pod,
        failures[0]
    ))
}

/// By uid, which is no order of age or place; those of the baseline first.
fn choose<'t>(targets: &'t [ScrapeTarget], preferred: &BTreeMap<String, Reading>) -> Vec<&'t ScrapeTarget> {
    let mut chosen: Vec<&ScrapeTarget> = targets.iter().collect();
    chosen.sort_by_key(|target| (!preferred.contains_key(&target.uid), &target.uid));
    chosen.dedup_by_key(|target| &target.uid);
    chosen.truncate(MOST_PODS);
    chosen
}

async fn scrape<'t>(config: &ScrapeConfig, targets: Vec<&'t ScrapeTarget>, transport: &Transport) -> Vec<Scraped<'t>> {
    let mut each = Vec::with_capacity(targets.len());
    for target in targets {
        // Boxed, or the compiler cannot prove the whole measurement `Send`, and no one could spawn it.
        each.push(
            scrape_one(config, target, transport)
                .map(move |reading| Scraped { target, reading })
                .boxed(),
        );
    }
    futures::stream::iter(each).buffered(AT_ONCE).collect().await
}

async fn scrape_one(config: &ScrapeConfig, target: &ScrapeTarget, transport: &Transport) -> Result<Reading, String> {
    let url = format!("http://{}{}", target.address, config.path);
    let url = Url::parse(&url).map_err(|why| format!("{url:?} is not an address: {why}"))?;
    let mut headers = HeaderMap::new();
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("text/plain;version=0.0.4;q=1,*/*;q=0.1"),
    );
    let call = Call {
        request: request(Method::GET, &url, headers, Bytes::new())?,
        timeout: TIME_LIMIT,
        route: Route::Direct,
    };
    let reply = transport.call(call).await.map_err(|why| why.to_string())?;
    if reply.status() != StatusCode::OK {
        return Err(format!("{url} answered {}", reply.status()));
    }
    let page = std::str::from_utf8(reply.body()).map_err(|_| format!("{url} answered no text"))?;
    page::read(&config.question, page).map_err(|why| format!("{url}: {why}"))
}

#[cfg(test)]
mod tests;
