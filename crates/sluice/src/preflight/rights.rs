//! Whether whoever asks may do what the controller does.

use controller::permissions::{Permission, Verb};

use super::{Finding, Seen, some};

/// One verb on one resource in one place, and whether it is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub line: &'static Permission,
    pub verb: Verb,
    pub allowed: bool,
}

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let total = seen.rights.len();
    if total == 0 {
        return Vec::new();
    }
    let denied = |right: &&Right| !right.allowed;
    let count = seen.rights.iter().filter(denied).count();
    if count == 0 {
        return vec![Finding::fine(format!(
            "all {total} rights that the controller uses are granted"
        ))];
    }
    let mut found = vec![Finding::stop(format!(
        "{count} of {total} rights that the controller uses are denied to you; the chart grants them to its ServiceAccount: ask \
         as it, with --as system:serviceaccount:{}:NAME, once it is installed",
        seen.intent.own
    ))];
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for right in seen.rights.iter().filter(denied) {
        let what = format!("{} {}", right.verb, right.line.full_resource());
        match reasons.iter_mut().find(|(without, _)| *without == right.line.without) {
            Some((_, denied)) => denied.push(what),
            None => reasons.push((right.line.without, vec![what])),
        }
    }
    for (without, denied) in reasons {
        found.push(Finding::note(format!("without {}: {without}", some(&denied))));
    }
    found
}
