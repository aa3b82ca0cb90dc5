//! What each story did, and its ledger, as a table.

use std::io::IsTerminal;

use comfy_table::{ContentArrangement, Table, presets};

use super::load::{Ledger, Share};
use super::play::Outcome;

/// As wide as a page that nobody can tell the width of.
const WIDTH: u16 = 140;

/// The table, and what is to be said below it.
pub fn text(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    if !std::io::stdout().is_terminal() {
        table.set_width(WIDTH);
    }
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "story",
            "what happened",
            "took",
            "users' requests",
            "answered by",
            "failed on the way",
        ]);
    for outcome in outcomes {
        table.add_row([
            outcome.heading.clone(),
            what_happened(outcome),
            format!("{:.1} s", outcome.took.as_secs_f64()),
            format!(
                "{} ({} answered 5xx)",
                outcome.ledger.requests, outcome.ledger.app_errors
            ),
            answered_by(outcome),
            failed(&outcome.ledger),
        ]);
    }
    let mut text = format!("\n{table}\n");
    for outcome in outcomes {
        if let Some(testers) = &outcome.testers {
            text.push_str(&format!(
                "{}: testers sent {} requests to the preview ({} answered 5xx, {} while it had no ready pod).\n",
                outcome.heading,
                testers.requests,
                testers.app_errors,
                testers.routing_failures()
            ));
        }
    }
    text
}

fn what_happened(outcome: &Outcome) -> String {
    let mut lines = outcome.ends.clone();
    lines.push(match &outcome.failure {
        None if outcome.judged => "as it should".to_owned(),
        None => return lines.join("\n"),
        Some(why) => format!("NOT as it should: {why}"),
    });
    lines.join("\n")
}

/// A line for each version, in the order in which hashes sort, which is no order of time.
fn answered_by(outcome: &Outcome) -> String {
    let share = |hash: &str| outcome.ledger.by_hash.get(hash).copied().unwrap_or_default();
    let line = |(hash, image): &(String, String)| {
        let Share { requests, app_errors } = share(hash);
        format!("{image}: {requests} ({app_errors} 5xx)")
    };
    let mut lines: Vec<String> = outcome.images.iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}

fn failed(ledger: &Ledger) -> String {
    if ledger.unrouted.is_empty() {
        return "0".to_owned();
    }
    let kinds = ledger.unrouted.iter();
    kinds
        .map(|(why, count)| format!("{count} {why}"))
        .collect::<Vec<_>>()
        .join("\n")
}
