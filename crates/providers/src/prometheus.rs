//! A PromQL query, at an instant or over a range. Source: wire-contract 4.5 (Prometheus).

mod range;
mod response;

use std::collections::BTreeMap;
use std::time::Duration;

use api::analysis::PrometheusMetric;
use api::measured::{Float, Measured};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::authentication::{NO_SIGV4, authorize, wants_sigv4};
use crate::measure::{Answer, Outcome, Settings};
use crate::transport::{Call, Route, Transport, headers, request};

/// Asks Prometheus and gives back floats: a scalar as one, a vector as a list, a matrix flattened into a list.
pub(crate) async fn measure(
    metric: &PrometheusMetric,
    settings: &Settings,
    transport: &Transport,
    now: DateTime<Utc>,
) -> Answer {
    let mut answer = match ask(metric, settings, transport, now).await {
        Ok(success) => {
            let mut answer = Answer::value(success.measured);
            if !success.warnings.is_empty() {
                let quoted: Vec<String> = success.warnings.iter().map(|warning| format!("{warning:?}")).collect();
                answer.metadata.insert("warnings".to_owned(), quoted.join(", "));
            }
            if let Outcome::Value { measured, note, .. } = &mut answer.outcome
                && measured.is_no_data()
            {
                *note = "the Prometheus query returned no series".to_owned();
            }
            answer
        }
        Err(why) => Answer::error(why),
    };
    if !metric.query.is_empty() {
        answer.result_metadata = BTreeMap::from_iter([("ResolvedPrometheusQuery".to_owned(), metric.query.clone())]);
    }
    answer
}

/// A query that was answered.
struct Success {
    measured: Measured,
    warnings: Vec<String>,
}

async fn ask(
    metric: &PrometheusMetric,
    settings: &Settings,
    transport: &Transport,
    now: DateTime<Utc>,
) -> Result<Success, String> {
    let base = address(metric, settings)?;
    let timeout = match metric.timeout {
        Some(seconds) if seconds < 0 => return Err("prometheus timeout should not be negative".to_owned()),
        None | Some(0) => Duration::from_secs(30),
        Some(seconds) => Duration::from_secs(seconds.unsigned_abs()),
    };
    let route = if metric.insecure {
        Route::Unverified
    } else {
        Route::Verified
    };
    // Argo Rollouts signs only for Amazon's managed Prometheus and ignores sigv4 elsewhere.
    if wants_sigv4(metric.authentication.as_ref()) && base.as_str().contains("aps-workspaces") {
        return Err(NO_SIGV4.to_owned());
    }
    let (endpoint, arguments) = match &metric.range_query {
        None => ("query", vec![("query", metric.query.clone()), ("time", seconds(now))]),
        Some(range) => {
            let range = range::resolve(range, now)?;
            let arguments = vec![
                ("end", seconds(range.end)),
                ("query", metric.query.clone()),
                ("start", seconds(range.start)),
                ("step", Float(range.step.as_seconds_f64()).to_string()),
            ];
            ("query_range", arguments)
        }
    };
    let mut url = base.clone();
    url.set_path(&format!("{}/api/v1/{endpoint}", base.path().trim_end_matches('/')));
    let form = {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(base.query_pairs()).extend_pairs(arguments);
        form.finish()
    };

    let mut get_headers = headers(&metric.headers)?;
    authorize(
        &mut get_headers,
        metric.authentication.as_ref(),
        transport,
        timeout,
        route,
    )
    .await?;
    let mut post_headers = get_headers.clone();
    post_headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let post = request(Method::POST, &url, post_headers, Bytes::from(form.clone()))?;
    let call = |request| Call {
        request,
        timeout,
        route,
    };
    let mut reply = transport.call(call(post)).await.map_err(|why| why.to_string())?;
    // What the Prometheus client takes as "POST is not for me": proxies that let only reads pass, old servers.
    if matches!(
        reply.status(),
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    ) {
        url.set_query(Some(&form));
        let get = request(Method::GET, &url, get_headers, Bytes::new())?;
        reply = transport.call(call(get)).await.map_err(|why| why.to_string())?;
    }
    response::read(reply.status(), reply.body())
}

fn address(metric: &PrometheusMetric, settings: &Settings) -> Result<Url, String> {
    let text = [&metric.address, &settings.prometheus_address]
        .into_iter()
        .find(|text| !text.is_empty())
        .ok_or("prometheus address is not configured")?;
    Url::parse(text)
        .ok()
        .filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| "prometheus address is not is url format".to_owned())
}

/// Seconds since 1970 with what fraction there is.
fn seconds(at: DateTime<Utc>) -> String {
    Float(at.timestamp() as f64 + f64::from(at.timestamp_subsec_nanos()) / 1e9).to_string()
}

#[cfg(test)]
mod tests;
