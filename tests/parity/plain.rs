//! What of an answer is compared, and how it is shown: without times, uids, versions and generated names, as YAML.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Fields that no two servers give alike, by what is shown instead.
const OWN: [(&str, &str); 13] = [
    ("uid", "<uid>"),
    ("controller-uid", "<uid>"),
    ("batch.kubernetes.io/controller-uid", "<uid>"),
    ("resourceVersion", "<version>"),
    ("observedVersion", "<version>"),
    ("continue", "<token>"),
    ("clusterIP", "<address>"),
    ("podIP", "<address>"),
    ("hostIP", "<address>"),
    ("ip", "<address>"),
    ("nodeName", "<node>"),
    ("nodePort", "<port>"),
    ("containerID", "<container>"),
];

/// Fields that say nothing about objects: who wrote what, where the server is, how it stores.
const UNSEEN: [&str; 3] = ["managedFields", "serverAddressByClientCIDRs", "storageVersionHash"];

/// An answer as text, without what must differ.
pub(super) fn shown(answer: &Value) -> String {
    let mut answer = answer.clone();
    strip(&mut answer);
    let mut text = String::new();
    yaml(&answer, 0, &mut text);
    text.trim_end().to_owned()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let generated = fields.get("generateName").and_then(Value::as_str).map(str::to_owned);
            if let (Some(prefix), Some(Value::String(name))) = (generated, fields.get_mut("name"))
                && let Some(suffix) = name.strip_prefix(&prefix)
            {
                *name = format!("{prefix}<{} letters>", suffix.len());
            }
            if let Some(Value::Array(resources)) = fields.get_mut("resources") {
                resources.sort_by_key(|resource| resource["name"].as_str().map(str::to_owned));
            }
            for unseen in UNSEEN {
                fields.remove(unseen);
            }
            if let Some(Value::Array(columns)) = fields.get_mut("columnDefinitions") {
                for column in columns.iter_mut().filter_map(Value::as_object_mut) {
                    column.remove("description");
                }
            }
            for cell in fields
                .get_mut("cells")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if let Value::String(text) = cell {
                    *text = age(text);
                }
            }
            for (field, value) in fields {
                let own = OWN.iter().find(|(own, _)| own == field);
                match (own, &value) {
                    (Some((_, shown)), Value::String(text)) if !text.is_empty() && text != "None" && text != "0" => {
                        *value = (*shown).into();
                    }
                    (Some(("nodePort", shown)), Value::Number(_)) => *value = (*shown).into(),
                    // A controller may have seen the last write by now, or not; `until` asks for it where it matters.
                    _ if field == "observedGeneration" => *value = "<generation>".into(),
                    _ if field == "clusterIPs" => *value = "<addresses>".into(),
                    _ => strip(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::String(text) => *text = words(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without the uids and times in it, nor versions, if it speaks of those.
pub(super) fn words(text: &str) -> String {
    // A refused patch is told with the whole object that it makes, in the order of its fields.
    const PATCHED: &str = "Invalid value: \"{";
    if let Some((before, rest)) = text.split_once(PATCHED)
        && let Some((_, after)) = rest.split_once("}\": ")
    {
        return format!("{}Invalid value: <object>: {}", words(before), words(after));
    }
    if text.contains("ResourceVersion in the precondition") || text.contains("resource version: ") {
        let is_digit = |letter: char| letter.is_ascii_digit();
        let parts: Vec<&str> = text.split(is_digit).filter(|part| !part.is_empty()).collect();
        return parts.join("<version>");
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, shown) = match (shape(rest, UID), shape(rest, TIME)) {
            (true, _) => (UID.len(), "<uid>"),
            (_, true) => {
                let end = rest.find('Z').map_or(TIME.len(), |end| end + 1);
                (end, "<time>")
            }
            (false, false) => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        out.push_str(shown);
        rest = &rest[length..];
    }
    out
}

const UID: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
const TIME: &str = "0000-00-00T00:00:00";

/// Whether a text begins like a pattern: `x` a hexadecimal digit, `0` a decimal one.
fn shape(text: &str, pattern: &str) -> bool {
    let fits = |(letter, like): (u8, u8)| match like {
        b'x' => letter.is_ascii_hexdigit(),
        b'0' => letter.is_ascii_digit(),
        exactly => letter == exactly,
    };
    text.len() >= pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

/// What kubectl printed, without ages, addresses, versions and the width of columns.
pub(super) fn printed(text: &str) -> Vec<String> {
    let plain = |line: &str| {
        let line = words(line);
        let indent = line.len() - line.trim_start().len();
        let fields = line.trim().split("  ").map(str::trim).filter(|field| !field.is_empty());
        let fields: Vec<String> = fields.map(age).collect();
        let text = fields.join("  ");
        let is_version = |head: &&&str| text.starts_with(**head);
        match ["Resource Version:", "resourceVersion:"].iter().find(is_version) {
            Some(head) => format!("{}{head} <version>", " ".repeat(indent)),
            None => format!("{}{text}", " ".repeat(indent)).trim_end().to_owned(),
        }
    };
    text.trim_end().lines().map(plain).collect()
}

/// `5s`, `2m3s`, `5s (x2 over 6s)`: an age; `10.1.2.3`: an address.
fn age(field: &str) -> String {
    let is_age = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_digit())
            && word.ends_with(['s', 'm', 'h'])
            && word
                .chars()
                .all(|letter| letter.is_ascii_digit() || "smh".contains(letter))
    };
    let is_address = |word: &str| word.starts_with("10.") && word.split('.').count() == 4;
    let shown = |word: &str| match word {
        word if is_age(word) => "<age>".to_owned(),
        word if is_address(word) => "<address>".to_owned(),
        word => word.to_owned(),
    };
    field.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

fn yaml(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in sorted(fields) {
                below(&format!("{indent}{field}:"), value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                below(&format!("{indent}-"), item, depth, text);
            }
        }
        scalar => {
            let _infallible = writeln!(text, "{indent}{}", one_line(scalar));
        }
    }
}

/// The order of fields means nothing.
fn sorted(fields: &Map<String, Value>) -> BTreeMap<&String, &Value> {
    fields.iter().collect()
}

/// A value that is short stands on the line of its field.
fn below(head: &str, value: &Value, depth: usize, text: &mut String) {
    let flat = one_line(value);
    let _infallible = if flat.len() + head.len() < 110 || !(value.is_object() || value.is_array()) {
        writeln!(text, "{head} {flat}")
    } else {
        let written = writeln!(text, "{head}");
        yaml(value, depth + 1, text);
        written
    };
}

fn one_line(value: &Value) -> String {
    let plain = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '<' || first == '/')
            && !["true", "false", "null"].contains(&text)
            && text
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_./<> ".contains(letter))
    };
    match value {
        Value::String(text) if plain(text) => text.clone(),
        Value::Object(fields) => {
            let each: Vec<String> = sorted(fields)
                .iter()
                .map(|(field, value)| format!("{field}: {}", one_line(value)))
                .collect();
            format!("{{{}}}", each.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        scalar => scalar.to_string(),
    }
}
