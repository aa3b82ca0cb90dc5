//! One complaint about one field, in the words Kubernetes uses for it.

use std::fmt;

use serde::Serialize;

/// A field that is not as it must be. `Display` is the Kubernetes field error text, `path: kind: value: detail`, which
/// clients compare. Source: wire-contract 7.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Dotted, from `spec`; indices in brackets.
    pub path: String,
    pub kind: Kind,
    /// May be empty.
    pub detail: String,
}

/// What is wrong with the field; `value` is the text shown for what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Invalid { value: String },
    Required,
    Forbidden,
    Internal,
    Duplicate { value: String },
    Unsupported { value: String },
    NotFound { value: String },
}

impl FieldError {
    pub fn invalid(path: impl Into<String>, value: impl Into<Shown>, detail: impl Into<String>) -> Self {
        let Shown(value) = value.into();
        Self::new(path, Kind::Invalid { value }, detail)
    }

    pub fn required(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(path, Kind::Required, detail)
    }

    pub fn forbidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(path, Kind::Forbidden, detail)
    }

    pub fn internal(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(path, Kind::Internal, detail)
    }

    pub fn duplicate(path: impl Into<String>, value: impl Into<Shown>) -> Self {
        let Shown(value) = value.into();
        Self::new(path, Kind::Duplicate { value }, "")
    }

    pub fn not_found(path: impl Into<String>, value: impl Into<Shown>) -> Self {
        let Shown(value) = value.into();
        Self::new(path, Kind::NotFound { value }, "")
    }

    /// `supported`: what the field may hold, in the order shown.
    pub fn unsupported(path: impl Into<String>, value: impl Into<Shown>, supported: &[&str]) -> Self {
        let Shown(value) = value.into();
        let supported: Vec<String> = supported.iter().map(|s| quote(s)).collect();
        Self::new(
            path,
            Kind::Unsupported { value },
            format!("supported values: {}", supported.join(", ")),
        )
    }

    fn new(path: impl Into<String>, kind: Kind, detail: impl Into<String>) -> Self {
        FieldError {
            path: path.into(),
            kind,
            detail: detail.into(),
        }
    }

    /// The text without the path: `Invalid value: -1: must be greater than or equal to 0`.
    pub fn body(&self) -> String {
        let (name, value) = match &self.kind {
            Kind::Invalid { value } => ("Invalid value", Some(value)),
            Kind::Required => ("Required value", None),
            Kind::Forbidden => ("Forbidden", None),
            Kind::Internal => ("Internal error", None),
            Kind::Duplicate { value } => ("Duplicate value", Some(value)),
            Kind::Unsupported { value } => ("Unsupported value", Some(value)),
            Kind::NotFound { value } => ("Not found", Some(value)),
        };
        let mut body = name.to_owned();
        for part in value.into_iter().chain(Some(&self.detail).filter(|d| !d.is_empty())) {
            body.push_str(": ");
            body.push_str(part);
        }
        body
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

impl std::error::Error for FieldError {}

/// A value as an error shows it: strings quoted as Go's `%q`, numbers and booleans bare, anything else compact Go JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// A value that is not there.
    pub fn null() -> Self {
        Shown("null".to_owned())
    }

    /// Anything that is neither a string, a number nor a boolean.
    pub fn json(value: &impl Serialize) -> Self {
        Shown(go_json(value))
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Shown(quote(text))
    }
}

impl From<&String> for Shown {
    fn from(text: &String) -> Self {
        Shown(quote(text))
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Shown(quote(&text))
    }
}

impl From<i32> for Shown {
    fn from(number: i32) -> Self {
        Shown(number.to_string())
    }
}

impl From<i64> for Shown {
    fn from(number: i64) -> Self {
        Shown(number.to_string())
    }
}

impl From<bool> for Shown {
    fn from(truth: bool) -> Self {
        Shown(truth.to_string())
    }
}

/// Compact JSON with the escapes of Go's `encoding/json`; fields in the order the type serialises them.
pub(super) fn go_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // These five occur in JSON only inside strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Go's `%q`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{07}' => out.push_str("\\a"),
            '\u{08}' => out.push_str("\\b"),
            '\u{0c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{0b}' => out.push_str("\\v"),
            ' '..='~' => out.push(c),
            c if (c as u32) < 0x80 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_printable(c) => out.push(c),
            c if (c as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}

/// Go's `strconv.IsPrint` beyond ASCII: letters, marks, numbers, punctuation and symbols.
fn is_printable(c: char) -> bool {
    static PRINTABLE: std::sync::LazyLock<Option<regex::Regex>> =
        std::sync::LazyLock::new(|| regex::Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    let mut buffer = [0; 4];
    PRINTABLE
        .as_ref()
        .is_some_and(|r| r.is_match(c.encode_utf8(&mut buffer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_go_shows_them() {
        assert_eq!(quote("a\"\\\n\u{1}é\u{200b}"), "\"a\\\"\\\\\\n\\x01é\\u200b\"");
        assert_eq!(go_json(&["<a&b>", "\u{2028}"]), r#"["\u003ca\u0026b\u003e","\u2028"]"#);
        let error = FieldError::required("spec.template.spec.containers", "");
        assert_eq!(error.to_string(), "spec.template.spec.containers: Required value");
        let error = FieldError::unsupported("p", "Never", &["Always"]);
        assert_eq!(
            error.to_string(),
            "p: Unsupported value: \"Never\": supported values: \"Always\""
        );
    }
}
