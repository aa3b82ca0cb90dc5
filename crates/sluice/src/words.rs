//! Errors in words for a person at a terminal.

use std::error::Error;

/// An error and what lies under it, each cause said once: many errors already quote theirs.
pub(crate) fn said_once(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}
