//! Playing a topic against a server: each call in order, its answer as text.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use sim::Request;

use super::plain::{printed, shown};
use super::table::{Call, Entry};

/// An API server that can be asked.
pub(super) trait Server {
    /// Sends a request and waits for all of its answer.
    ///
    /// # Errors
    /// There was no answer.
    fn call(&mut self, request: Request) -> Result<Said>;

    /// Lets a little time pass.
    fn pass(&mut self);

    /// Runs kubectl and gives what it printed on both outputs, and its exit code if that is not 0.
    ///
    /// # Errors
    /// It cannot be run.
    fn kubectl(&mut self, arguments: &[&str], input: &str) -> Result<String>;
}

/// What a server said.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) code: u16,
    /// The values of its `Warning` headers.
    pub(super) warnings: Vec<String>,
    /// The value of its `Retry-After` header.
    pub(super) retry_after: Option<String>,
    /// JSON values, one a line: a watch has many.
    pub(super) body: String,
}

/// How often a call is repeated until its answer is as awaited.
const PATIENCE: usize = 600;

/// Plays the entries of a topic in its own namespace. The answer is the entries with what this server said.
///
/// # Errors
/// A line of the topic means nothing, a server gave no answer, or never the one awaited.
pub(super) fn play(topic: &str, entries: &[Entry], server: &mut dyn Server) -> Result<Vec<Entry>> {
    let namespace = format!("parity-{topic}");
    let made = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    server.call(Request::post("/api/v1/namespaces", &made))?;
    let mut stage = Stage {
        namespace,
        server,
        kept: BTreeMap::new(),
    };
    let heard = entries.iter().map(|entry| {
        let answer = stage
            .answer(entry)
            .with_context(|| format!("{topic}: {}", entry.line))?;
        Ok(Entry {
            answer,
            ..entry.clone()
        })
    });
    heard.collect()
}

struct Stage<'a> {
    namespace: String,
    server: &'a mut dyn Server,
    /// Answers by the names given to them.
    kept: BTreeMap<String, Value>,
}

impl Stage<'_> {
    fn answer(&mut self, entry: &Entry) -> Result<Vec<String>> {
        let body = self.filled(&entry.body.join("\n"))?;
        if let Some(words) = entry.command() {
            let said = self
                .server
                .kubectl(&[&["--namespace", &self.namespace], words.as_slice()].concat(), &body)?;
            return Ok(printed(&said));
        }
        let call = entry.call()?;
        let request = self.request(&call, &body)?;
        let mut said = self.server.call(request.clone())?;
        for _ in 0..PATIENCE {
            if call.until.is_none_or(|(path, wanted)| reached(&said, path, wanted)) {
                return self.heard(&call, &said);
            }
            self.server.pass();
            said = self.server.call(request.clone())?;
        }
        bail!("never so, but {} {}", said.code, said.body)
    }

    fn request(&self, call: &Call<'_>, body: &str) -> Result<Request> {
        let target = path(&self.filled(call.target)?, &self.namespace)?;
        let mut request = Request::new(call.method, &target).agent("parity").accept(call.accept);
        request.content_type = call.content_type.to_owned();
        if let Some(raw) = body.strip_prefix("raw ") {
            request.body = raw.as_bytes().to_vec();
        } else if !body.is_empty() {
            let value: Value = serde_saphyr::from_str(body).context("the body is no YAML")?;
            request.body = value.to_string().into_bytes();
        }
        Ok(request)
    }

    fn heard(&mut self, call: &Call<'_>, said: &Said) -> Result<Vec<String>> {
        let mut lines = vec![said.code.to_string()];
        lines.extend(said.retry_after.iter().map(|seconds| format!("Retry-After: {seconds}")));
        lines.extend(said.warnings.iter().map(|warning| format!("Warning: {warning}")));
        let values = serde_json::Deserializer::from_str(&said.body).into_iter::<Value>();
        match values.collect::<Result<Vec<Value>, _>>() {
            Ok(values) => {
                if let (Some(name), Some(first)) = (call.name, values.first()) {
                    self.kept.insert(name.to_owned(), first.clone());
                }
                lines.extend(
                    values
                        .iter()
                        .filter(|value| !is_only_a_bookmark(value))
                        .flat_map(|value| {
                            let text = shown(&without_the_usual(value.clone()));
                            text.lines().map(str::to_owned).collect::<Vec<_>>()
                        }),
                );
            }
            Err(_) => lines.extend(said.body.lines().map(str::to_owned)),
        }
        Ok(lines.iter().map(|line| line.trim_end().to_owned()).collect())
    }

    /// Puts values of kept answers in the place of `{{name.path}}`.
    fn filled(&self, text: &str) -> Result<String> {
        let Some((before, rest)) = text.split_once("{{") else {
            return Ok(text.replace("NAMESPACE", &self.namespace));
        };
        let (path, after) = rest.split_once("}}").context("{{ without }}")?;
        let (name, path) = path.split_once('.').context("{{name.path}}")?;
        let answer = self
            .kept
            .get(name)
            .with_context(|| format!("no answer is kept as {name}"))?;
        let value = at(answer, path).with_context(|| format!("{name} has no {path}"))?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ok(format!("{before}{value}{}", self.filled(after)?).replace("NAMESPACE", &self.namespace))
    }
}

/// A bookmark that says nothing but how far the server is: it comes whenever the server likes.
fn is_only_a_bookmark(event: &Value) -> bool {
    event["type"] == "BOOKMARK" && event["object"]["metadata"]["annotations"].is_null()
}

/// What every refusal has in common says nothing.
fn without_the_usual(mut value: Value) -> Value {
    if value["kind"] == "Status" && value["status"] == "Failure" && value["apiVersion"] == "v1" {
        let fields = value.as_object_mut().into_iter();
        for fields in fields {
            for usual in ["apiVersion", "code", "kind", "status"] {
                fields.remove(usual);
            }
            fields.retain(|field, value| field != "metadata" || value.as_object().is_none_or(|map| !map.is_empty()));
        }
    }
    value
}

fn reached(said: &Said, path: &str, wanted: &str) -> bool {
    if path == "code" {
        return said.code.to_string() == wanted;
    }
    let answer: Value = serde_json::from_str(&said.body).unwrap_or_default();
    at(&answer, path).is_some_and(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned) == wanted)
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |at, field| match field.parse::<usize>() {
            Ok(index) => at.get(index),
            Err(_) => at.get(field),
        })
}

/// Where the kinds of a topic's namespace are served.
const SERVED: [(&str, &str); 17] = [
    ("analysisruns", "/apis/argoproj.io/v1alpha1"),
    ("analysistemplates", "/apis/argoproj.io/v1alpha1"),
    ("configmaps", "/api/v1"),
    ("deployments", "/apis/apps/v1"),
    ("endpointslices", "/apis/discovery.k8s.io/v1"),
    ("events", "/api/v1"),
    ("experiments", "/apis/argoproj.io/v1alpha1"),
    ("horizontalpodautoscalers", "/apis/autoscaling/v2"),
    ("ingresses", "/apis/networking.k8s.io/v1"),
    ("jobs", "/apis/batch/v1"),
    ("leases", "/apis/coordination.k8s.io/v1"),
    ("poddisruptionbudgets", "/apis/policy/v1"),
    ("pods", "/api/v1"),
    ("replicasets", "/apis/apps/v1"),
    ("rollouts", "/apis/argoproj.io/v1alpha1"),
    ("secrets", "/api/v1"),
    ("services", "/api/v1"),
];

fn path(target: &str, namespace: &str) -> Result<String> {
    if target.starts_with('/') {
        return Ok(target.to_owned());
    }
    let plural = target.split(['/', '?']).next().unwrap_or_default();
    let served = SERVED.iter().find(|(one, _)| *one == plural);
    let (_, group) = served.with_context(|| format!("where are {plural} served?"))?;
    Ok(format!("{group}/namespaces/{namespace}/{target}"))
}
