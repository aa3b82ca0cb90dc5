//! What a client says and what it gets back: plain values, no sockets.

use super::refusal::Refusal;
use super::watch::WatchCursor;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One HTTP request, decoded just enough.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`.
    pub method: String,
    /// Decoded path, without the query: `/api/v1/namespaces/default/pods`.
    pub path: String,
    /// Decoded query; of a repeated key the last value.
    pub query: BTreeMap<String, String>,
    pub content_type: String,
    pub accept: String,
    /// The user agent: who is asking. Fault rules and the trace go by it.
    pub agent: String,
    pub body: Vec<u8>,
}

impl Request {
    /// `target` is a path, with or without a query.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut pairs = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.insert(decode(&key.replace('+', " ")), decode(&value.replace('+', " ")));
        }
        Request {
            method: method.to_owned(),
            path: decode(path),
            query: pairs,
            ..Request::default()
        }
    }

    pub fn get(target: &str) -> Self {
        Request::new("GET", target)
    }

    pub fn post(target: &str, object: &Value) -> Self {
        Request::new("POST", target).json("application/json", object)
    }

    pub fn put(target: &str, object: &Value) -> Self {
        Request::new("PUT", target).json("application/json", object)
    }

    pub fn delete(target: &str) -> Self {
        Request::new("DELETE", target)
    }

    pub fn merge_patch(target: &str, patch: &Value) -> Self {
        Request::new("PATCH", target).json("application/merge-patch+json", patch)
    }

    pub fn json_patch(target: &str, patch: &Value) -> Self {
        Request::new("PATCH", target).json("application/json-patch+json", patch)
    }

    pub fn strategic_patch(target: &str, patch: &Value) -> Self {
        Request::new("PATCH", target).json("application/strategic-merge-patch+json", patch)
    }

    pub fn json(mut self, content_type: &str, body: &Value) -> Self {
        self.content_type = content_type.to_owned();
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn query(mut self, key: &str, value: &str) -> Self {
        self.query.insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn agent(mut self, agent: &str) -> Self {
        self.agent = agent.to_owned();
        self
    }

    pub fn accept(mut self, accept: &str) -> Self {
        self.accept = accept.to_owned();
        self
    }

    pub(crate) fn asked(&self, key: &str) -> Option<&str> {
        self.query
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.asked(key), Some("true" | "1"))
    }
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub enum Response {
    Answer(Answer),
    /// A watch was opened; poll the cursor with `ApiServer::poll`.
    Watch(Box<WatchCursor>),
    /// The server never answers (a fault).
    Hung,
}

/// A complete answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub code: u16,
    pub body: Body,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// Texts of `Warning` headers.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Json(Value),
    Text(String),
}

impl Response {
    pub(crate) fn ok(object: Value) -> Self {
        Response::Answer(Answer {
            code: 200,
            body: Body::Json(object),
            retry_after: None,
            warnings: Vec::new(),
        })
    }

    pub(crate) fn created(object: Value) -> Self {
        Response::Answer(Answer {
            code: 201,
            body: Body::Json(object),
            retry_after: None,
            warnings: Vec::new(),
        })
    }

    pub(crate) fn text(code: u16, text: impl Into<String>) -> Self {
        Response::Answer(Answer {
            code,
            body: Body::Text(text.into()),
            retry_after: None,
            warnings: Vec::new(),
        })
    }

    pub(crate) fn warning(mut self, warnings: Vec<String>) -> Self {
        if let Response::Answer(answer) = &mut self {
            answer.warnings.extend(warnings);
        }
        self
    }

    /// The object that was answered, or the `metav1.Status` of the refusal. A watch or a hung request is an error too.
    pub fn object(self) -> Result<Value, Value> {
        match self {
            Response::Answer(Answer {
                code,
                body: Body::Json(value),
                ..
            }) if code < 400 => Ok(value),
            Response::Answer(Answer {
                body: Body::Json(value),
                ..
            }) => Err(value),
            Response::Answer(Answer {
                code,
                body: Body::Text(text),
                ..
            }) => Err(json!({ "kind": "Status", "code": code, "message": text })),
            Response::Watch(_) => Err(json!({ "kind": "Status", "code": 200, "message": "a watch, not an object" })),
            Response::Hung => Err(json!({ "kind": "Status", "code": 0, "message": "the server does not answer" })),
        }
    }

    /// The HTTP status code; 0 for a hung request.
    pub fn code(&self) -> u16 {
        match self {
            Response::Answer(answer) => answer.code,
            Response::Watch(_) => 200,
            Response::Hung => 0,
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let body = Body::Json(refusal.status());
        Response::Answer(Answer {
            code: refusal.code,
            body,
            retry_after: refusal.retry_after,
            warnings: Vec::new(),
        })
    }
}

/// Percent-decoding; what is not a valid escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
