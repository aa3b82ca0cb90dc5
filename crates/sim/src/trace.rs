//! What happened: every write in order with a short difference, and a count of all requests.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The record of a run. Its text is the golden trace: same seed, same bytes.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    entries: Vec<Entry>,
    counts: BTreeMap<(String, String), u64>,
}

/// One write that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The resourceVersion the write produced.
    pub revision: u64,
    /// Milliseconds of the server's clock since 1970.
    pub at: i64,
    /// The user agent.
    pub agent: String,
    pub verb: Verb,
    /// `pods`, `rollouts.argoproj.io/status`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    /// One line per changed field: `spec.replicas: 1 -> 2`.
    pub difference: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Update,
    Delete,
}

impl Trace {
    /// All writes, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Requests by (verb, resource with its subresource), refused ones too.
    pub fn counts(&self) -> &BTreeMap<(String, String), u64> {
        &self.counts
    }

    /// Forgets everything recorded so far.
    pub fn clear(&mut self) {
        *self = Trace::default();
    }

    pub(crate) fn count(&mut self, verb: &str, resource: &str) {
        *self.counts.entry((verb.to_owned(), resource.to_owned())).or_default() += 1;
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entries.iter().try_for_each(|entry| write!(to, "{entry}"))
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self.verb {
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
        };
        let place = if self.namespace.is_empty() {
            String::new()
        } else {
            format!("{}/", self.namespace)
        };
        writeln!(to, "{}: {verb} {} {place}{}", self.agent, self.resource, self.name)?;
        self.difference.iter().try_for_each(|line| writeln!(to, "    {line}"))
    }
}

/// The changed fields between two objects, one line each, in order of path. What the server sets on every write
/// (resourceVersion, generation, uid, managedFields) is left out.
pub fn difference(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", before, after, &mut lines);
    lines
}

const NOISE: &[&str] = &[
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.uid",
    "metadata.managedFields",
];

fn compare(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    if before == after || NOISE.contains(&path) {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (old, new) = (
                    old.get(name).unwrap_or(&Value::Null),
                    new.get(name).unwrap_or(&Value::Null),
                );
                compare(&join(path, name), old, new, lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{at}]"), old, new, lines);
            }
        }
        _ => lines.push(format!("{path}: {} -> {}", short(before), short(after))),
    }
}

fn join(path: &str, name: &str) -> String {
    match (path.is_empty(), name.contains(['.', '/'])) {
        (true, _) => name.to_owned(),
        (false, false) => format!("{path}.{name}"),
        (false, true) => format!("{path}[{name}]"),
    }
}

fn short(value: &Value) -> String {
    const WIDTH: usize = 160;
    let text = match value {
        Value::Null => return "none".to_owned(),
        other => other.to_string(),
    };
    if text.len() <= WIDTH {
        return text;
    }
    let mut cut: String = text.chars().take(WIDTH).collect();
    let _ = write!(cut, "... ({} bytes)", text.len());
    cut
}

#[cfg(test)]
mod tests {
    use super::difference;
    use serde_json::json;

    #[test]
    fn a_difference_names_each_changed_field() {
        let before =
            json!({"metadata": {"resourceVersion": "1", "labels": {"a/b": "1"}}, "spec": {"replicas": 1, "gone": [1]}});
        let after = json!({"metadata": {"resourceVersion": "2", "labels": {"a/b": "2"}}, "spec": {"replicas": 2}});
        assert_eq!(
            difference(&before, &after),
            [
                "metadata.labels[a/b]: \"1\" -> \"2\"",
                "spec.gone: [1] -> none",
                "spec.replicas: 1 -> 2"
            ]
        );
    }
}
