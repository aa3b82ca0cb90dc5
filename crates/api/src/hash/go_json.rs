//! Strings and numbers as Go's `encoding/json` writes them.

use std::fmt::Write;

use serde_json::{Number, Value};

/// Any JSON tree: keys sorted, no spaces.
pub(crate) fn value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&number(n)),
        Value::String(s) => string(out, s),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                self::value(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                string(out, key);
                out.push(':');
                self::value(out, item);
            }
            out.push('}');
        }
    }
}

/// A quoted string. `<`, `>`, `&` and the two line separators are escaped; DEL and other non-ASCII are not.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // writing to a string does not fail
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number as it comes back from the API server: integers plain, others in the shortest form that reads back the
/// same, with an exponent below 1e-6 and from 1e21.
pub(crate) fn number(number: &Number) -> String {
    if let Some(n) = number.as_i64() {
        return n.to_string();
    }
    let Some(float) = number.as_f64() else {
        return number.to_string();
    };
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    format!("{float}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_go_prints_them() {
        for (text, printed) in [
            ("1", "1"),
            ("-7", "-7"),
            ("1.0", "1"),
            ("0.5", "0.5"),
            ("1e3", "1000"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("1.5e300", "1.5e+300"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("-0.00000012", "-1.2e-7"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709552000"),
        ] {
            let mut out = String::new();
            value(&mut out, &serde_json::from_str(text).expect("a number"));
            assert_eq!(out, printed, "{text}");
        }
    }

    #[test]
    fn strings_are_safe_in_html() {
        let mut out = String::new();
        string(&mut out, "\"\\ \u{1}\u{8}\u{c}\n\r\t\u{7f} <a>&\u{2028}\u{2029} é 😀");
        assert_eq!(
            out,
            "\"\\\"\\\\ \\u0001\\b\\f\\n\\r\\t\u{7f} \\u003ca\\u003e\\u0026\\u2028\\u2029 é 😀\""
        );
    }
}
