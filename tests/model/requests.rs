//! What the controller sends, as the model ring hands it to the simulated server and shows it.

use controller::lower;
use engine::plan::Action;
use serde_json::Value;
use sim::Request;

use super::AGENT;

/// The request without its `test` operations.
pub(super) fn without_tests(request: http::Request<Vec<u8>>) -> http::Request<Vec<u8>> {
    let (parts, body) = request.into_parts();
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Array(mut steps)) => {
            steps.retain(|step| step["op"] != "test");
            Value::Array(steps).to_string().into_bytes()
        }
        Ok(_) | Err(_) => body,
    };
    http::Request::from_parts(parts, body)
}

pub(super) fn concerns_one_pod(action: &Action, status: &Value) -> bool {
    let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    code.is_some_and(|code| lower::concerns_one_pod(action, code))
}

pub(super) fn is_already_exists(status: &Value) -> bool {
    status["reason"] == "AlreadyExists"
}

/// The parts of a status difference that a person follows.
pub(super) fn show_status(difference: &Value) -> String {
    let followed = [
        "phase",
        "message",
        "currentStepIndex",
        "stableRS",
        "abort",
        "pauseConditions",
    ];
    let fields = difference.as_object().into_iter().flatten();
    let shown: Vec<String> = fields
        .filter(|(key, _)| followed.contains(&key.as_str()))
        .map(|(key, value)| match (key.as_str(), value) {
            ("pauseConditions", Value::Array(pauses)) => {
                let reasons: Vec<&str> = pauses.iter().filter_map(|pause| pause["reason"].as_str()).collect();
                format!("pauses={}", reasons.join(","))
            }
            ("pauseConditions", _) => "pauses=".to_owned(),
            (key, Value::String(text)) => format!("{key}={text:?}"),
            (key, value) => format!("{key}={value}"),
        })
        .collect();
    if shown.is_empty() {
        "status (counts)".to_owned()
    } else {
        format!("status {}", shown.join(" "))
    }
}

/// A lowered request as the simulated server takes it.
pub fn convert(request: http::Request<Vec<u8>>) -> Request {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut converted = Request::new(parts.method.as_str(), target).agent(AGENT);
    if let Some(kind) = parts
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
    {
        kind.clone_into(&mut converted.content_type);
    }
    converted.body = body;
    converted
}
