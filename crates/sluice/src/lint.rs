//! What is wrong with manifests, said where it stands and how to mend it, without a cluster.
//!
//! [`lint`] reads YAML or JSON strictly ([`document`]), holds every object of a kind it knows against that kind's schema
//! ([`shape`]), then against the rules of the controller and against the other objects given ([`rules`]).

mod document;
mod kinds;
mod nearest;
mod place;
mod print;
mod references;
mod remedy;
mod rules;
mod scalar;
mod shape;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use document::{Fault, Node};

/// A file, or what came in on stdin.
#[derive(Clone, Debug)]
pub struct Source {
    /// As diagnostics name it.
    pub name: String,
    pub text: String,
}

/// What was found in some sources.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub files: usize,
    /// The objects in order, `List`s taken apart, nulls left out; those that could not be read are not here.
    pub objects: Vec<Value>,
    /// By file, line and column.
    pub diagnostics: Vec<Diagnostic>,
}

/// One thing that is wrong, or worth a look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    pub severity: Severity,
    /// Which document of the file, from 1.
    pub document: usize,
    /// Empty where the object does not say.
    pub kind: String,
    /// Empty where the object does not say.
    pub name: String,
    /// The field; empty for the object as a whole.
    pub path: String,
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Whether a controller would refuse the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    Error,
    Warning,
}

/// An object where it was found.
struct Object<'a> {
    file: &'a str,
    document: usize,
    root: Node,
    value: Value,
}

/// Where objects may be that were not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// In a cluster that holds more than what was given.
    Cluster,
    /// Nowhere: what was given is all there will be.
    Nowhere,
}

/// Reads sources together: a reference in one may name an object of another, or of the cluster.
pub fn lint(sources: &[Source]) -> Report {
    lint_with(sources, Elsewhere::Cluster)
}

/// The same, where it is known what else there is.
pub fn lint_with(sources: &[Source], elsewhere: Elsewhere) -> Report {
    let mut objects = Vec::new();
    let mut diagnostics = Vec::new();
    for source in sources {
        let read = document::read(&source.text);
        let nowhere = |document| Object {
            file: &source.name,
            document,
            root: Node::default(),
            value: Value::Null,
        };
        diagnostics.extend(read.faults.into_iter().map(|(i, fault)| nowhere(i).error(fault)));
        for (document, root) in read.documents {
            objects.extend(apart(root).into_iter().map(|root| Object {
                value: root.to_value(),
                root,
                ..nowhere(document)
            }));
        }
    }
    for object in &objects {
        diagnostics.extend(rules::diagnostics(object));
    }
    diagnostics.extend(references::diagnostics(&objects, elsewhere));
    Report {
        files: sources.len(),
        objects: objects.into_iter().map(|object| object.value).collect(),
        diagnostics: once(diagnostics),
    }
}

impl Report {
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }
}

impl Object<'_> {
    fn text(&self, field: &str) -> &str {
        self.value[field].as_str().unwrap_or_default()
    }

    fn kind(&self) -> &str {
        self.text("kind")
    }

    fn name(&self) -> &str {
        let metadata = &self.value["metadata"];
        let name = metadata["name"].as_str().or(metadata["generateName"].as_str());
        name.unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.value["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    fn error(&self, fault: Fault) -> Diagnostic {
        self.diagnostic(Severity::Error, fault)
    }

    fn diagnostic(&self, severity: Severity, fault: Fault) -> Diagnostic {
        Diagnostic {
            file: self.file.to_owned(),
            line: fault.at.line,
            column: fault.at.column,
            severity,
            document: self.document,
            kind: self.kind().to_owned(),
            name: self.name().to_owned(),
            path: fault.path,
            message: fault.message,
            remedy: fault.remedy,
        }
    }

    /// About the field at `path`, as the rules write paths.
    fn about(&self, severity: Severity, path: &str, message: String, remedy: impl Into<String>) -> Diagnostic {
        let found = place::find(&self.root, path);
        let remedy = remedy.into();
        self.diagnostic(
            severity,
            Fault {
                at: found.at,
                path: found.path,
                message,
                remedy,
            },
        )
    }
}

/// In order, and each thing said once: of a field that is refused there is nothing to warn of, and that a field is missing
/// is said by the schema before a rule says it.
fn once(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |d: &Diagnostic| (d.file.clone(), d.document, d.path.clone());
    let places =
        |said: fn(&Diagnostic) -> bool| -> BTreeSet<_> { diagnostics.iter().filter(|d| said(d)).map(place).collect() };
    let refused = places(|d| d.severity == Severity::Error);
    let missing = places(|d| d.message == shape::MISSING);
    diagnostics.retain(|d| match d.severity {
        Severity::Error => !d.message.starts_with("Required value") || !missing.contains(&place(d)),
        Severity::Warning => !refused.contains(&place(d)),
    });
    diagnostics.sort();
    diagnostics.dedup();
    diagnostics
}

/// The items of a `List`, or the object itself; an empty document is none.
fn apart(root: Node) -> Vec<Node> {
    match root.field("kind").and_then(Node::as_text) {
        Some("List") => root.into_items("items"),
        Some(_) | None if root.is_null() => Vec::new(),
        Some(_) | None => vec![root],
    }
}
