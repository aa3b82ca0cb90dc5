//! How the table of calls is written: a file a topic, the answer beside each call.
//!
//! ```text
//! # What is shown, in words.
//! PATCH replicasets/web merge as patched
//! {metadata: {labels: {tier: front}}}
//! | 200
//! | kind: ReplicaSet
//! ```
//!
//! The first line is `METHOD target words...`. A target without a leading slash is in the namespace of the topic. The
//! words: `merge`, `json`, `strategic` and `apply` name the kind of a patch, `table` asks for the server's columns,
//! `as NAME` keeps the answer for `{{NAME.metadata.uid}}` in later calls, and `until path=value` asks again until the
//! answer is so (`until code=404`), `aged` says that only a server older than five minutes answers so. A line `$ kubectl ...` is a command, its lines below are its standard input. The
//! body is YAML. `differs: REASON` before an answer lists it as one the simulator does not give.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

/// One call with the answer of a real API server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    /// Comment lines above it, with their `#`.
    pub(super) comment: Vec<String>,
    /// The first line, as written.
    pub(super) line: String,
    pub(super) body: Vec<String>,
    /// Why the simulator may answer otherwise.
    pub(super) differs: Option<String>,
    /// Without the bars.
    pub(super) answer: Vec<String>,
}

/// What the words of a first line ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) content_type: &'static str,
    pub(super) accept: &'static str,
    pub(super) name: Option<&'a str>,
    pub(super) until: Option<(&'a str, &'a str)>,
}

const CONTENT_TYPES: [(&str, &str); 4] = [
    ("merge", "application/merge-patch+json"),
    ("json", "application/json-patch+json"),
    ("strategic", "application/strategic-merge-patch+json"),
    ("apply", "application/apply-patch+yaml"),
];
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Reads a topic.
pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    for line in text.lines() {
        let complete = !entry.answer.is_empty();
        if let Some(answer) = line.strip_prefix('|') {
            entry.answer.push(answer.strip_prefix(' ').unwrap_or(answer).to_owned());
            continue;
        }
        // A call whose answer is still to be recorded ends at an empty line.
        if complete || (line.is_empty() && !entry.line.is_empty()) {
            entries.push(std::mem::take(&mut entry));
        }
        if let Some(reason) = line.strip_prefix("differs: ") {
            entry.differs = Some(reason.to_owned());
        } else if line.is_empty() {
        } else if line.starts_with('#') && entry.line.is_empty() {
            entry.comment.push(line.to_owned());
        } else if entry.line.is_empty() {
            entry.line = line.to_owned();
        } else {
            entry.body.push(line.to_owned());
        }
    }
    if !entry.line.is_empty() {
        entries.push(entry);
    }
    entries
}

/// Writes a topic; the inverse of [`parse`].
pub(super) fn print(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let differs = entry.differs.as_ref().map(|reason| format!("differs: {reason}"));
        let above = entry.comment.iter().chain([&entry.line]).chain(&entry.body);
        for line in above.chain(&differs) {
            let _infallible = writeln!(text, "{line}");
        }
        for line in &entry.answer {
            let _infallible = writeln!(text, "{}", format!("| {line}").trim_end());
        }
        text.push('\n');
    }
    text
}

impl Entry {
    /// The words of a kubectl command.
    pub(super) fn command(&self) -> Option<Vec<&str>> {
        Some(self.line.strip_prefix("$ kubectl ")?.split_whitespace().collect())
    }

    /// Whether a server answers so only when it has forgotten its first minutes.
    pub(super) fn is_aged(&self) -> bool {
        self.line.split_whitespace().any(|word| word == "aged")
    }

    /// The request that its first line asks for.
    ///
    /// # Errors
    /// There is a word that means nothing.
    pub(super) fn call(&self) -> Result<Call<'_>> {
        let mut words = self.line.split_whitespace();
        let method = words.next().context("an empty line")?;
        let target = words.next().with_context(|| format!("{}: no target", self.line))?;
        let mut call = Call {
            method,
            target,
            content_type: if self.body.is_empty() { "" } else { "application/json" },
            ..Call::default()
        };
        while let Some(word) = words.next() {
            let content_type = CONTENT_TYPES.iter().find(|(name, _)| *name == word);
            match (word, content_type) {
                (_, Some((_, content_type))) => call.content_type = content_type,
                ("aged", None) => {}
                ("table", None) => call.accept = TABLE,
                ("as", None) => call.name = words.next(),
                ("until", None) => {
                    let condition = words.next().and_then(|condition| condition.split_once('='));
                    call.until = Some(condition.with_context(|| format!("{}: until what?", self.line))?);
                }
                (word, None) => bail!("{}: what is {word}?", self.line),
            }
        }
        Ok(call)
    }
}
