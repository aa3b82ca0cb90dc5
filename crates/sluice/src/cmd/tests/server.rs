//! A server that holds a few objects and writes down every request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

/// Requests, a line each; a body on the line after.
pub(super) type Log = Arc<Mutex<Vec<String>>>;

#[derive(Clone, Default)]
pub(super) struct Server {
    /// By path.
    objects: BTreeMap<String, Value>,
    /// Method, end of the path, answer; each is given once.
    refusals: Vec<(String, String, u16, Value)>,
    /// What rollouts become, told to the first watch.
    events: VecDeque<Value>,
}

impl Server {
    /// A server with these objects, in YAML.
    pub(super) fn with(objects: &[&str]) -> Self {
        let objects = objects
            .iter()
            .map(|text| parsed(text))
            .map(|object| (path(&object), object))
            .collect();
        Server {
            objects,
            ..Server::default()
        }
    }

    /// Refuses one request of that method to a path of that end.
    pub(super) fn refusing(mut self, method: &str, path: &str, code: u16, reason: &str, message: &str) -> Self {
        self.refusals
            .push((method.to_owned(), path.to_owned(), code, status(code, reason, message)));
        self
    }

    /// A rollout changes: its text, with one part replaced.
    pub(super) fn then(mut self, text: &str, part: &str, by: &str) -> Self {
        assert!(text.contains(part), "{part} is not in the text");
        self.events
            .push_back(json!({"type": "MODIFIED", "object": parsed(&text.replace(part, by))}));
        self
    }

    pub(super) fn client(self) -> (kube::Client, Log) {
        let log = Log::default();
        let (server, written) = (Arc::new(Mutex::new(self)), log.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, log) = (server.clone(), written.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                let body = String::from_utf8(body.to_vec()).expect("text");
                write_down(&log, &parts, &body);
                let answer = server.lock().expect("the server").answer(&parts, &body);
                match answer {
                    Some(response) => Ok::<_, std::convert::Infallible>(response),
                    // A watch without news stays open.
                    None => std::future::pending().await,
                }
            }
        });
        (kube::Client::new(service, "shop"), log)
    }

    fn answer(&mut self, request: &http::request::Parts, body: &str) -> Option<Response<Body>> {
        let (method, path) = (request.method.as_str(), request.uri.path());
        let query = request.uri.query().unwrap_or_default();
        let refusal = self
            .refusals
            .iter()
            .position(|(m, end, ..)| m == method && path.ends_with(end.as_str()));
        if let Some(index) = refusal {
            let (_, _, code, status) = self.refusals.remove(index);
            return Some(answer(code, status.to_string()));
        }
        if query.contains("watch=true") {
            let events = if path.ends_with("/rollouts") {
                std::mem::take(&mut self.events)
            } else {
                VecDeque::new()
            };
            let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
            return (!lines.is_empty()).then(|| answer(200, lines));
        }
        let object = path.strip_suffix("/status").unwrap_or(path);
        Some(match (method, self.objects.get(object)) {
            ("PUT", Some(_)) => answer(200, body.to_owned()),
            (_, Some(object)) => answer(200, object.to_string()),
            ("GET", None) if is_collection(path) => answer(200, self.list(path, query).to_string()),
            (_, None) => {
                let (rest, name) = path.trim_end_matches("/status").rsplit_once('/').unwrap_or_default();
                let plural = rest.rsplit('/').next().unwrap_or_default();
                let message = format!("{plural}.argoproj.io {name:?} not found");
                answer(404, status(404, "NotFound", &message).to_string())
            }
        })
    }

    fn list(&self, path: &str, query: &str) -> Value {
        let (root, plural) = path.rsplit_once('/').unwrap_or_default();
        let named = query
            .split('&')
            .find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
        let within = |at: &&String| at.starts_with(root) && at.rsplit('/').nth(1) == Some(plural);
        let named = |at: &&String| named.is_none_or(|name| at.ends_with(&format!("/{name}")));
        let items: Vec<_> = self
            .objects
            .keys()
            .filter(within)
            .filter(named)
            .map(|at| &self.objects[at])
            .collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items})
    }
}

fn write_down(log: &Log, request: &http::request::Parts, body: &str) {
    let mut log = log.lock().expect("the log");
    log.push(format!("{} {}", request.method, request.uri));
    if !body.is_empty() {
        let content_type = request
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        log.push(format!("  {}", content_type.unwrap_or("no content type")));
        log.extend(body.lines().map(|line| format!("  {line}")));
    }
}

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

fn path(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let plural = format!("{}s", text("/kind").to_lowercase());
    format!(
        "/apis/{}/namespaces/{}/{plural}/{}",
        text("/apiVersion"),
        text("/metadata/namespace"),
        text("/metadata/name")
    )
}

fn is_collection(path: &str) -> bool {
    path.ends_with('s') && !path.ends_with("status")
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

fn answer(code: u16, body: String) -> Response<Body> {
    let response = Response::builder()
        .status(code)
        .header(http::header::CONTENT_TYPE, "application/json");
    response.body(Body::from(body.into_bytes())).expect("a response")
}
