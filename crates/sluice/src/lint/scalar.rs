//! What a plain YAML scalar is, by the rules of kubectl's parser (YAML 1.1).

use serde_json::Number;

use super::document::Tree;

pub(super) fn resolve(text: &str) -> Tree {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Tree::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Tree::Bool(false),
        _ => number(text).map_or_else(|| Tree::Text(text.to_owned()), Tree::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).map(Number::from).or_else(|| {
        let is_float = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
            && digits.bytes().any(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| is_float).and_then(Number::from_f64)
    })
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let signed = |digits: &str, radix| i64::from_str_radix(&format!("{sign}{digits}"), radix).ok();
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(digits) = digits.strip_prefix("0x") {
        return signed(digits, 16);
    }
    if let Some(digits) = digits.strip_prefix("0b") {
        return signed(digits, 2);
    }
    match digits.strip_prefix("0o").or(digits.strip_prefix('0')) {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|b| (b'0'..=b'7').contains(&b)) => signed(rest, 8),
        Some(_) | None => signed(digits, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars() {
        for (text, want) in [
            ("12", "12"),
            ("-5", "-5"),
            ("+3", "3"),
            ("0", "0"),
            ("010", "8"),
            ("0x1f", "31"),
            ("1_000", "1000"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            (".5", "0.5"),
            ("yes", "true"),
            ("off", "false"),
            ("~", "null"),
            ("1.2.3", "\"1.2.3\""),
            ("10m", "\"10m\""),
            ("25%", "\"25%\""),
            ("-", "\"-\""),
            ("2026-01-01", "\"2026-01-01\""),
            ("1h", "\"1h\""),
            (".", "\".\""),
            ("e", "\"e\""),
        ] {
            let node = super::super::document::Node {
                tree: resolve(text),
                ..Default::default()
            };
            assert_eq!(node.to_value().to_string(), want, "{text}");
        }
    }
}
