//! A notice as a core/v1 Event. Source: wire-contract 8.2.
//!
//! Written straight to text: every second request is one of these.

use chrono::{DateTime, SecondsFormat, Utc};
use engine::plan::Notice;
use http::Request;
use kube::api::PostParams;
use kube::core::Request as Builder;
use kube::core::request::Error;
use serde::Serialize;

use super::Subject;
use crate::kind::Kind;

/// `source.component` of our Events.
const SOURCE: &str = "rollouts-controller";

/// Room for the suffix within the 253 characters of an object name.
const STEM: usize = 220;

/// The request that publishes a notice; `suffix` makes the Event's name its own among those of one subject.
///
/// # Errors
/// Never for a subject with a name; the signature is that of its siblings.
pub fn event(subject: &Subject, notice: &Notice, at: DateTime<Utc>, suffix: &str) -> Result<Request<Vec<u8>>, Error> {
    let namespace = if subject.name.namespace.is_empty() {
        "default"
    } else {
        &subject.name.namespace
    };
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let stem: String = subject.name.name.chars().take(STEM).collect();
    let event = Event {
        api_version: Kind::Event.api_version(),
        kind: Kind::Event.as_str(),
        metadata: Metadata {
            name: &format!("{stem}.{suffix}"),
            namespace,
        },
        involved_object: Reference {
            api_version: subject.kind.api_version(),
            kind: subject.kind.as_str(),
            namespace: &subject.name.namespace,
            name: &subject.name.name,
            uid: &subject.uid,
            resource_version: &subject.resource_version,
        },
        level: notice.level.as_str(),
        reason: &notice.reason,
        message: &notice.message,
        source: Source { component: SOURCE },
        reporting_component: SOURCE,
        reporting_instance: "",
        first_timestamp: &at,
        last_timestamp: &at,
        count: 1,
    };
    let body = serde_json::to_vec(&event).map_err(Error::SerializeBody)?;
    Builder::new(Kind::Event.path(namespace)).create(&PostParams::default(), body)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    involved_object: Reference<'a>,
    #[serde(rename = "type")]
    level: &'static str,
    reason: &'a str,
    message: &'a str,
    source: Source,
    reporting_component: &'static str,
    reporting_instance: &'static str,
    first_timestamp: &'a str,
    last_timestamp: &'a str,
    count: u32,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    api_version: &'static str,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    resource_version: &'a str,
}

#[derive(Serialize)]
struct Source {
    component: &'static str,
}
