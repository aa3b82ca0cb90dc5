//! Whether a cluster is ready for a switch of controllers: what is in the way, and the way there and back.
//!
//! [`gather`] reads the cluster; [`findings`] and [`runbook`] are pure functions of what was read.

mod controllers;
mod definitions;
mod gather;
mod rights;
mod rollouts;
mod runbook;

use std::fmt;

use serde_json::Value;

pub use controllers::{Deployment, Leader};
pub use gather::gather;
pub use rights::Right;
pub use runbook::runbook;

/// What the person who asks has in mind.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// The one namespace that is to be looked after; empty: all of them.
    pub watched: String,
    /// Where the new controller is to live.
    pub own: String,
    pub instance_id: String,
}

/// The cluster, as far as it could be read.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub intent: Intent,
    /// `gitVersion` of the server.
    pub version: String,
    /// Everything below that could not be read, and why.
    pub unread: Vec<String>,
    /// The CustomResourceDefinitions of `argoproj.io`; `None`: they may not be read.
    pub definitions: Option<Vec<Value>>,
    pub rights: Vec<Right>,
    pub leaders: Vec<Leader>,
    pub deployments: Vec<Deployment>,
    pub rollouts: Vec<Value>,
    pub experiments: Vec<Value>,
    /// AnalysisTemplates and ClusterAnalysisTemplates.
    pub templates: Vec<Value>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub text: String,
}

/// What a finding means for the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Good to know.
    Note,
    /// In the way.
    Stop,
}

impl Finding {
    fn fine(text: impl Into<String>) -> Self {
        Finding {
            level: Level::Fine,
            text: text.into(),
        }
    }

    fn note(text: impl Into<String>) -> Self {
        Finding {
            level: Level::Note,
            text: text.into(),
        }
    }

    fn stop(text: impl Into<String>) -> Self {
        Finding {
            level: Level::Stop,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.level {
            Level::Fine => "ok",
            Level::Note => "note",
            Level::Stop => "STOP",
        };
        write!(f, "{mark:<5} {}", self.text)
    }
}

/// Minor versions of Kubernetes that are tested.
const TESTED: std::ops::RangeInclusive<u32> = 33..=36;

/// Everything that was found, in the order in which a person would mend it.
pub fn findings(seen: &Seen) -> Vec<Finding> {
    let unread = seen
        .unread
        .iter()
        .map(|why| Finding::note(format!("not looked at: {why}")));
    let parts = [
        vec![version(&seen.version)],
        unread.collect(),
        definitions::findings(seen),
        rights::findings(seen),
        controllers::findings(seen),
        rollouts::findings(seen),
    ];
    parts.concat()
}

fn version(server: &str) -> Finding {
    let minor = server.strip_prefix("v1.").and_then(|rest| rest.split('.').next());
    match minor.and_then(|minor| minor.parse::<u32>().ok()) {
        Some(minor) if TESTED.contains(&minor) => Finding::fine(format!("Kubernetes {server}")),
        Some(_) | None => Finding::note(format!(
            "Kubernetes {server}: 1.{} to 1.{} are tested",
            TESTED.start(),
            TESTED.end()
        )),
    }
}

/// `a, b and 3 more`: names, shortened.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 3;
    match names.len() {
        0..=SHOWN => names.join(", "),
        more => format!("{} and {} more", names[..SHOWN].join(", "), more - SHOWN),
    }
}

/// `namespace/name` of an object, or its name where it has no namespace.
fn name(object: &Value) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    match text("namespace") {
        "" => text("name").to_owned(),
        namespace => format!("{namespace}/{}", text("name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_tested_or_not() {
        assert_eq!(version("v1.34.4").to_string(), "ok    Kubernetes v1.34.4");
        assert_eq!(version("v1.35.0-gke.1").level, Level::Fine);
        assert_eq!(
            version("v1.27.1").to_string(),
            "note  Kubernetes v1.27.1: 1.33 to 1.36 are tested"
        );
        assert_eq!(version("").level, Level::Note);
    }

    #[test]
    fn many_names_are_shortened() {
        let names: Vec<String> = (0..5).map(|number| number.to_string()).collect();
        assert_eq!(
            (some(&names[..2]), some(&names)),
            ("0, 1".to_owned(), "0, 1, 2 and 2 more".to_owned())
        );
    }
}
