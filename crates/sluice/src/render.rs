//! The tree of a rollout as lines of text: columns, icons, colours.
//!
//! Source: wire-contract 7.4. Pure; a line is spans with colours, so that a live screen can use it as it is.

mod columns;
mod paint;

use crate::age;
use crate::tree::{Image, Mark, Node, NodeKind, Note, Role, State, Tree};
pub use columns::align;
pub use paint::{Colour, Line, Paint, Span, text};

/// Width of the labels above the tree.
const LABEL: usize = 17;

/// The facts, an empty line, and the tree under its column titles. Lines are as long as they need to be; see
/// [`Line::clip`].
pub fn lines(tree: &Tree) -> Vec<Line> {
    let mut lines = facts(tree);
    lines.push(Line::default());
    lines.extend(rows(&tree.root));
    lines
}

/// The facts above the tree.
pub fn facts(tree: &Tree) -> Vec<Line> {
    let mark = crate::tree::rollout_mark(&tree.standing.phase);
    let mut lines = vec![
        fact("Name:", &tree.name),
        fact("Namespace:", &tree.namespace),
        labelled(
            "Status:",
            [mark_span(mark), Span::plain(format!(" {}", tree.standing.phase))],
        ),
    ];
    if !tree.standing.message.is_empty() {
        lines.push(fact("Message:", &tree.standing.message));
    }
    lines.push(fact("Strategy:", tree.strategy));
    if let Some(canary) = &tree.canary {
        lines.push(fact("  Step:", canary.step.as_deref().unwrap_or_default()));
        lines.push(fact("  SetWeight:", canary.set_weight));
        lines.push(fact("  ActualWeight:", canary.actual_weight));
    }
    for (index, image) in tree.images.iter().enumerate() {
        lines.push(labelled(if index == 0 { "Images:" } else { "" }, image_spans(image)));
    }
    lines.push(fact("Replicas:", ""));
    lines.push(fact("  Desired:", tree.replicas.desired));
    lines.push(fact("  Current:", tree.replicas.current));
    lines.push(fact("  Updated:", tree.replicas.updated));
    lines.push(fact("  Ready:", tree.replicas.ready));
    lines.push(fact("  Available:", tree.replicas.available));
    lines
}

/// The tree under its column titles.
pub fn rows(root: &Node) -> Vec<Line> {
    let titles = ["NAME", "KIND", "STATUS", "AGE", "INFO"].map(|title| Line::from(Span::plain(title)));
    let mut rows = vec![titles.to_vec()];
    descend(root, "", "", &mut rows);
    align(&rows)
}

/// One row, then its children. `prefix` is drawn before the row, `below` before what hangs under it.
fn descend(node: &Node, prefix: &str, below: &str, rows: &mut Vec<Vec<Line>>) {
    rows.push(cells(node, prefix));
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.iter().enumerate() {
        let (branch, trunk) = if index == last {
            ("└──", "   ")
        } else {
            ("├──", "│  ")
        };
        descend(child, &format!("{below}{branch}"), &format!("{below}{trunk}"), rows);
    }
}

fn cells(node: &Node, prefix: &str) -> Vec<Line> {
    let icon = Span {
        text: icon(node.kind).to_owned(),
        colour: icon_colour(node.kind),
    };
    let name = Line(vec![Span::plain(prefix), icon, Span::plain(format!(" {}", node.name))]);
    let state = node.state.as_ref().map(state_line).unwrap_or_default();
    let age = node.age.map(age::human).unwrap_or_default();
    vec![
        name,
        Line::from(Span::plain(title(node.kind))),
        state,
        Line::from(Span::plain(age)),
        notes(&node.notes),
    ]
}

fn state_line(state: &State) -> Line {
    Line(vec![mark_span(state.mark), Span::plain(format!(" {}", state.text))])
}

fn notes(notes: &[Note]) -> Line {
    let mut spans = Vec::new();
    for note in notes {
        if !spans.is_empty() {
            spans.push(Span::plain(","));
        }
        match note {
            Note::Role(role) => spans.push(role_span(role)),
            Note::Delay(Some(left)) => spans.push(Span::plain(format!("delay:{}", age::human(*left)))),
            Note::Delay(None) => spans.push(Span::plain("delay:passed")),
            Note::Count(mark, count) => spans.extend([mark_span(*mark), Span::plain(format!(" {count}"))]),
            Note::Ready(ready, all) => spans.push(Span::plain(format!("ready:{ready}/{all}"))),
            Note::Restarts(count) => spans.push(Span::plain(format!("restarts:{count}"))),
        }
    }
    Line(spans)
}

fn image_spans(image: &Image) -> Vec<Span> {
    let mut spans = vec![Span::plain(image.name.clone())];
    for (index, role) in image.roles.iter().enumerate() {
        spans.push(Span::plain(if index == 0 { " (" } else { ", " }));
        spans.push(role_span(role));
    }
    if !image.roles.is_empty() {
        spans.push(Span::plain(")"));
    }
    spans
}

fn fact(label: &str, value: impl std::fmt::Display) -> Line {
    labelled(label, [Span::plain(value.to_string())])
}

fn labelled(label: &str, value: impl IntoIterator<Item = Span>) -> Line {
    let mut spans = vec![Span::plain(format!("{label:<LABEL$}"))];
    spans.extend(value);
    Line(spans).trim_end()
}

/// The name of a kind in the KIND column; a revision has none.
fn title(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Rollout => "Rollout",
        NodeKind::Revision => "",
        NodeKind::ReplicaSet => "ReplicaSet",
        NodeKind::Pod => "Pod",
        NodeKind::Job => "Job",
        NodeKind::Experiment => "Experiment",
        NodeKind::AnalysisRun => "AnalysisRun",
    }
}

fn icon(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Rollout => "⟳",
        NodeKind::Revision => "#",
        NodeKind::ReplicaSet => "⧉",
        NodeKind::Pod => "□",
        NodeKind::Job => "⊞",
        NodeKind::Experiment => "Σ",
        NodeKind::AnalysisRun => "α",
    }
}

fn icon_colour(kind: NodeKind) -> Colour {
    match kind {
        NodeKind::Rollout | NodeKind::ReplicaSet | NodeKind::Pod | NodeKind::Job => Colour::Blue,
        NodeKind::Experiment | NodeKind::AnalysisRun => Colour::Yellow,
        NodeKind::Revision => Colour::Plain,
    }
}

fn mark_span(mark: Mark) -> Span {
    let (text, colour) = match mark {
        Mark::Waiting => ("◷", Colour::Yellow),
        Mark::Progressing => ("◌", Colour::Blue),
        Mark::Warning => ("⚠", Colour::Red),
        Mark::Unknown => ("?", Colour::Yellow),
        Mark::Ok => ("✔", Colour::Green),
        Mark::Bad => ("✖", Colour::Red),
        Mark::Paused => ("॥", Colour::Yellow),
        Mark::Neutral => ("•", Colour::Plain),
    };
    Span {
        text: text.to_owned(),
        colour,
    }
}

fn role_span(role: &Role) -> Span {
    let (text, colour) = match role {
        Role::Stable => ("stable".to_owned(), Colour::Green),
        Role::Active => ("active".to_owned(), Colour::Green),
        Role::Canary => ("canary".to_owned(), Colour::Yellow),
        Role::Preview => ("preview".to_owned(), Colour::Yellow),
        Role::Ping => ("ping".to_owned(), Colour::Blue),
        Role::Pong => ("pong".to_owned(), Colour::Blue),
        Role::Experiment(template) => (format!("Σ:{template}"), Colour::Blue),
    };
    Span { text, colour }
}
