//! Where in a manifest the field stands that a rule speaks of.

use super::document::{Node, Place};

/// The nearest thing that is there, and the field's path in the manifest.
pub(super) struct Found {
    pub(super) at: Place,
    pub(super) path: String,
}

/// Rules leave out `canary` and `blueGreen` and shorten some paths (wire-contract 7.7); the manifest does not.
pub(super) fn find(root: &Node, path: &str) -> Found {
    let steps = as_written(root, split(path));
    let mut at = root.at;
    let mut node = Some(root);
    for step in &steps {
        let next = match (node, step) {
            (Some(node), Step::Field(name) | Step::Key(name)) => node.entry(name).map(|(key, node)| (key.at, node)),
            (Some(node), Step::Item(index)) => node.item(*index).map(|node| (node.at, node)),
            (None, _) => None,
        };
        node = next.map(|(_, node)| node);
        at = next.map_or(at, |(place, _)| place);
    }
    Found { at, path: join(&steps) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
    /// A key in brackets: it may hold dots.
    Key(String),
}

fn split(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let key = || Step::Key(inside.trim_matches('"').to_owned());
            steps.push(inside.parse().map_or_else(|_| key(), Step::Item));
            rest = after;
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            steps.push(Step::Field(name.to_owned()));
        }
        // A lone bracket would be looked at for ever.
        rest = if name.is_empty() {
            after.get(1..).unwrap_or_default()
        } else {
            after
        };
    }
    steps
}

fn join(steps: &[Step]) -> String {
    let text: String = steps
        .iter()
        .map(|step| match step {
            Step::Field(name) => format!(".{name}"),
            Step::Item(index) => format!("[{index}]"),
            Step::Key(name) => format!("[{name}]"),
        })
        .collect();
    text.trim_start_matches('.').to_owned()
}

fn as_written(root: &Node, mut steps: Vec<Step>) -> Vec<Step> {
    let field = |name: &str| Step::Field(name.to_owned());
    let is = |steps: &[Step], at: usize, name: &str| steps.get(at) == Some(&field(name));
    if is(&steps, 1, "strategy") && is(&steps, 2, "strategy") {
        steps.remove(2);
    }
    if is(&steps, 1, "strategy") && steps.len() > 2 && !is(&steps, 2, "canary") && !is(&steps, 2, "blueGreen") {
        let strategy = root.field("spec").and_then(|spec| spec.field("strategy"));
        let used = ["canary", "blueGreen"]
            .into_iter()
            .find(|name| strategy.is_some_and(|s| s.field(name).is_some()));
        if let Some(used) = used {
            steps.insert(2, field(used));
        }
    }
    if is(&steps, 1, "template") && (is(&steps, 2, "labels") || is(&steps, 2, "annotations")) {
        steps.insert(2, field("metadata"));
    }
    if is(&steps, 3, "antiAffinity") && is(&steps, 4, "weight") {
        steps.insert(4, field("preferredDuringSchedulingIgnoredDuringExecution"));
    }
    if is(&steps, 3, "steps") && is(&steps, 5, "analyses") {
        steps.truncate(5);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    #[test]
    fn rule_paths_become_manifest_paths() {
        let text = "spec:\n  strategy:\n    canary:\n      steps:\n      - setWeight: 1\n      - pause: {}\n  template:\n    metadata:\n      labels: {}\n";
        let root = &document::read(text).documents[0].1;
        for (path, line, want) in [
            (
                "spec.strategy.steps[1].pause.duration",
                6,
                "spec.strategy.canary.steps[1].pause.duration",
            ),
            ("spec.strategy.steps[0].analyses", 5, "spec.strategy.canary.steps[0]"),
            ("spec.strategy.strategy", 2, "spec.strategy"),
            ("spec.strategy.canary.maxSurge", 3, "spec.strategy.canary.maxSurge"),
            ("spec.template.labels", 9, "spec.template.metadata.labels"),
            (
                "spec.template.spec.containers[0].resources.requests[nvidia.com/gpu]",
                7,
                "spec.template.spec.containers[0].resources.requests[nvidia.com/gpu]",
            ),
            ("", 1, ""),
            ("spec[", 1, "spec"),
        ] {
            let found = find(root, path);
            assert_eq!((found.at.line, found.path.as_str()), (line, want), "{path}");
        }
    }
}
