//! A report as text for people and as JSON for programs.

use serde_json::{Value, json};

use super::{Diagnostic, Report, Severity};

impl Report {
    /// Two lines for each diagnostic: where and what, then what to do.
    pub fn to_text(&self) -> String {
        self.diagnostics.iter().map(Diagnostic::to_text).collect()
    }

    /// Counts and diagnostics.
    pub fn to_json(&self) -> Value {
        json!({
            "files": self.files,
            "objects": self.objects.len(),
            "errors": self.errors(),
            "warnings": self.warnings(),
            "diagnostics": self.diagnostics,
        })
    }

    /// `2 files, 5 objects: 1 error, no warnings`
    pub fn summary(&self) -> String {
        format!(
            "{}, {}: {}, {}",
            count(self.files, "file"),
            count(self.objects.len(), "object"),
            count(self.errors(), "error"),
            count(self.warnings(), "warning")
        )
    }
}

impl Diagnostic {
    fn to_text(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let object = [self.kind.as_str(), self.name.as_str()].join(" ");
        let mut text = format!("{}:{}:{}: {severity}", self.file, self.line, self.column);
        for part in [object.trim(), &self.path, &self.message] {
            if !part.is_empty() {
                text.push_str(": ");
                text.push_str(part);
            }
        }
        if !self.remedy.is_empty() {
            text.push_str("\n    ");
            text.push_str(&self.remedy);
        }
        text.push('\n');
        text
    }
}

fn count(number: usize, thing: &str) -> String {
    match number {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        2.. => format!("{number} {thing}s"),
    }
}
