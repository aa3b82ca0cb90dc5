//! How a request is refused: a `metav1.Status` in the API server's own words.

use super::kinds::Kind;
use serde_json::{Map, Value, json};

/// A refused request. The texts are those of `k8s.io/apimachinery/pkg/api/errors`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    /// `metav1.StatusDetails`, if the server gives any.
    pub details: Option<Value>,
    /// Seconds, sent as the `Retry-After` header.
    pub retry_after: Option<u64>,
}

/// One field that is wrong, as `field.Error` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, ...
    pub reason: &'static str,
    /// `Invalid value: "x": must be ...`, without the field.
    pub message: String,
    pub field: String,
}

impl Cause {
    /// `value` is shown as Go's `%#v` would: strings quoted, objects as JSON.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl AsRef<str>) -> Self {
        let message = format!("Invalid value: {}: {}", shown(value), detail.as_ref());
        Cause {
            reason: "FieldValueInvalid",
            message,
            field: field.into(),
        }
    }

    pub fn type_invalid(field: impl Into<String>, type_shown: &str, detail: impl AsRef<str>) -> Self {
        let message = format!("Invalid value: {type_shown:?}: {}", detail.as_ref());
        Cause {
            reason: "FieldValueTypeInvalid",
            message,
            field: field.into(),
        }
    }

    pub fn required(field: impl Into<String>, detail: impl AsRef<str>) -> Self {
        let detail = detail.as_ref();
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Cause {
            reason: "FieldValueRequired",
            message,
            field: field.into(),
        }
    }

    pub fn forbidden(field: impl Into<String>, detail: impl AsRef<str>) -> Self {
        let message = format!("Forbidden: {}", detail.as_ref());
        Cause {
            reason: "FieldValueForbidden",
            message,
            field: field.into(),
        }
    }

    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[String]) -> Self {
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            supported.join(", ")
        );
        Cause {
            reason: "FieldValueNotSupported",
            message,
            field: field.into(),
        }
    }

    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        let message = format!("Duplicate value: {}", shown(value));
        Cause {
            reason: "FieldValueDuplicate",
            message,
            field: field.into(),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

impl Refusal {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Refusal {
            code,
            reason,
            message: message.into(),
            details: None,
            retry_after: None,
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Refusal::new(400, "BadRequest", message)
    }

    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.resource());
        Refusal::new(404, "NotFound", message).about(kind, name)
    }

    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", kind.resource());
        Refusal::new(409, "AlreadyExists", message).about(kind, name)
    }

    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource());
        Refusal::new(409, "Conflict", message).about(kind, name)
    }

    /// The object changed since it was read.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Refusal::conflict(kind, name, why)
    }

    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let message = match name {
            "" => format!("{} is forbidden: {why}", kind.resource()),
            name => format!("{} {name:?} is forbidden: {why}", kind.resource()),
        };
        Refusal::new(403, "Forbidden", message).about(kind, name)
    }

    /// 422 with one cause per field; the message lists them as `field.ErrorList.ToAggregate` does.
    pub fn invalid(kind: &Kind, name: &str, causes: Vec<Cause>) -> Self {
        let full_kind = if kind.group.is_empty() {
            kind.kind.clone()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let mut errors: Vec<String> = Vec::new();
        for cause in &causes {
            let error = format!("{}: {}", cause.field, cause.message);
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        let listed = if errors.len() == 1 {
            errors.concat()
        } else {
            format!("[{}]", errors.join(", "))
        };
        let causes: Vec<Value> = causes
            .iter()
            .map(|cause| json!({ "reason": cause.reason, "message": cause.message, "field": cause.field }))
            .collect();
        let mut refusal = Refusal::new(422, "Invalid", format!("{full_kind} {name:?} is invalid: {listed}"));
        let mut details = details(&kind.group, &kind.kind, name);
        details.insert("causes".into(), causes.into());
        refusal.details = Some(Value::Object(details));
        refusal
    }

    /// 422 for the options of a request.
    pub fn invalid_options(options: &str, cause: &Cause) -> Self {
        let message = format!(
            "{options}.meta.k8s.io \"\" is invalid: {}: {}",
            cause.field, cause.message
        );
        let causes = json!([{ "reason": cause.reason, "message": cause.message, "field": cause.field }]);
        Refusal {
            details: Some(json!({ "group": "meta.k8s.io", "kind": options, "causes": causes })),
            ..Refusal::new(422, "Invalid", message)
        }
    }

    /// A patch that is well formed but does not apply, a failed JSON patch `test` among them.
    pub fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Refusal {
            details: Some(json!({})),
            ..Refusal::new(422, "Invalid", message)
        }
    }

    pub fn expired(message: impl Into<String>) -> Self {
        Refusal::new(410, "Expired", message)
    }

    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Refusal::new(415, "UnsupportedMediaType", message)
    }

    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Refusal {
            details: Some(json!({})),
            ..Refusal::new(405, "MethodNotAllowed", message)
        }
    }

    /// There is no such resource in a group and version that is served.
    pub fn no_such_resource() -> Self {
        Refusal {
            details: Some(json!({})),
            ..Refusal::new(404, "NotFound", "the server could not find the requested resource")
        }
    }

    pub fn too_many_requests(retry_after: u64) -> Self {
        let message = "the server has received too many requests and has asked us to try again later";
        Refusal {
            details: Some(json!({})),
            retry_after: Some(retry_after),
            ..Refusal::new(429, "TooManyRequests", message)
        }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Refusal::new(500, "InternalError", message)
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = Some(Value::Object(details(&kind.group, &kind.plural, name)));
        self
    }

    /// The body of the answer.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        if let Some(seconds) = self.retry_after {
            status["details"]["retryAfterSeconds"] = seconds.into();
        }
        status
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Refusal {}

fn details(group: &str, kind: &str, name: &str) -> Map<String, Value> {
    let mut details = Map::new();
    for (field, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(field.into(), value.into());
        }
    }
    details
}
