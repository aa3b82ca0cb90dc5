//! Whether every field of an object is one of its kind, and of the right type.

use serde_json::Value;

use super::document::{Fault, Node, Place, Tree};
use super::nearest::nearest;

/// What is said of a field that the schema requires and that is not there.
pub(super) const MISSING: &str = "required field is missing";

/// Holds an object against the schema of its kind.
pub(super) fn faults(schema: &Value, root: &Node) -> Vec<Fault> {
    let mut faults = Vec::new();
    check(schema, root, root.at, "", &mut faults);
    faults
}

fn check(schema: &Value, node: &Node, at: Place, path: &str, faults: &mut Vec<Fault>) {
    // Go reads a null as an absent field.
    if node.is_null() {
        return;
    }
    let wanted = Wanted::of(schema);
    if let Some(fault) = mismatch(wanted, schema, node) {
        faults.push(Fault {
            at,
            path: path.to_owned(),
            message: fault.0,
            remedy: fault.1,
        });
        return;
    }
    match &node.tree {
        Tree::Map(entries) => {
            fields(schema, entries, path, faults);
            required(schema, node, at, path, faults);
        }
        Tree::List(items) => {
            for (i, item) in items.iter().enumerate() {
                check(&schema["items"], item, item.at, &format!("{path}[{i}]"), faults);
            }
        }
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => {}
    }
}

fn fields(schema: &Value, entries: &[(super::document::Key, Node)], path: &str, faults: &mut Vec<Fault>) {
    let known = schema["properties"].as_object();
    let others = &schema["additionalProperties"];
    for (key, node) in entries {
        let path = format!("{path}.{}", key.name).trim_start_matches('.').to_owned();
        match (known.and_then(|fields| fields.get(&key.name)), known) {
            (Some(field), _) => check(field, node, key.at, &path, faults),
            (None, Some(fields)) if !fields.is_empty() && others.as_object().is_none() => faults.push(Fault {
                at: key.at,
                path,
                message: "unknown field".to_owned(),
                remedy: meant(&key.name, fields),
            }),
            (None, _) => check(others, node, key.at, &path, faults),
        }
    }
}

fn meant(name: &str, fields: &serde_json::Map<String, Value>) -> String {
    if let Some(near) = nearest(name, fields.keys().map(String::as_str)) {
        return format!("did you mean {near}?");
    }
    let below =
        |schema: &Value| schema["properties"].get(name).is_some() || schema["items"]["properties"].get(name).is_some();
    if let Some((parent, _)) = fields.iter().find(|(_, schema)| below(schema)) {
        return format!("it belongs under {parent}");
    }
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    match names.len() {
        0..=16 => format!("remove it; the fields here are {}", names.join(", ")),
        17.. => "remove it; there is no field of this name here".to_owned(),
    }
}

fn required(schema: &Value, node: &Node, at: Place, path: &str, faults: &mut Vec<Fault>) {
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for name in required.filter(|name| node.field(name).is_none_or(Node::is_null)) {
        faults.push(Fault {
            at,
            path: format!("{path}.{name}").trim_start_matches('.').to_owned(),
            message: MISSING.to_owned(),
            remedy: format!("add {name}"),
        });
    }
}

/// What a schema asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Anything,
    Map,
    List,
    Text,
    Integer,
    Number,
    Bool,
    IntegerOrText,
}

impl Wanted {
    fn of(schema: &Value) -> Wanted {
        if schema["x-kubernetes-int-or-string"] == true {
            return Wanted::IntegerOrText;
        }
        match schema["type"].as_str() {
            Some("object") => Wanted::Map,
            Some("array") => Wanted::List,
            Some("string") => Wanted::Text,
            Some("integer") => Wanted::Integer,
            Some("number") => Wanted::Number,
            Some("boolean") => Wanted::Bool,
            Some(_) | None => Wanted::Anything,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Wanted::Anything => "a value",
            Wanted::Map => "an object",
            Wanted::List => "a list",
            Wanted::Text => "a string",
            Wanted::Integer => "a whole number",
            Wanted::Number => "a number",
            Wanted::Bool => "true or false",
            Wanted::IntegerOrText => "a whole number or a string",
        }
    }
}

/// What is wrong with the value itself, and what to do.
fn mismatch(wanted: Wanted, schema: &Value, node: &Node) -> Option<(String, String)> {
    let fits = match (&node.tree, wanted) {
        (_, Wanted::Anything) | (Tree::Null, _) => true,
        (Tree::Map(_), Wanted::Map) | (Tree::List(_), Wanted::List) | (Tree::Bool(_), Wanted::Bool) => true,
        (Tree::Text(_), Wanted::Text | Wanted::IntegerOrText) | (Tree::Number(_), Wanted::Number) => true,
        (Tree::Number(number), Wanted::Integer | Wanted::IntegerOrText) => number.is_i64(),
        (Tree::Map(_) | Tree::List(_) | Tree::Text(_) | Tree::Bool(_) | Tree::Number(_), _) => false,
    };
    if !fits {
        let message = format!("wrong type: {} is wanted, not {}", wanted.name(), written(node));
        return Some((message, convert(wanted, node)));
    }
    let text = node.as_text();
    if let (Some(text), Some("date-time")) = (text, schema["format"].as_str())
        && text.parse::<api::duration::Time>().is_err()
    {
        let message = format!("{text:?} is no instant");
        return Some((message, "write it as 2026-01-31T12:00:00Z".to_owned()));
    }
    if let (Tree::Number(number), Wanted::Integer | Wanted::IntegerOrText) = (&node.tree, wanted) {
        let wide = schema["format"] == "int64";
        if !wide && number.as_i64().is_some_and(|n| i32::try_from(n).is_err()) {
            return Some((
                format!("{number} does not fit 32 bits"),
                "write a smaller number".to_owned(),
            ));
        }
    }
    let allowed = schema["enum"]
        .as_array()
        .filter(|values| !values.contains(&node.to_value()))?;
    let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
    Some((
        format!("{} is none of the values allowed here", node.to_value()),
        format!("write one of {}", allowed.join(", ")),
    ))
}

fn written(node: &Node) -> String {
    match &node.tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(truth) => format!("the truth value {truth}"),
        Tree::Number(number) => format!("the number {number}"),
        Tree::Text(text) => format!("the string {text:?}"),
        Tree::List(_) => "a list".to_owned(),
        Tree::Map(_) => "an object".to_owned(),
    }
}

fn convert(wanted: Wanted, node: &Node) -> String {
    match (wanted, &node.tree) {
        (Wanted::Text, Tree::Number(number)) => format!("put quotes around it: \"{number}\""),
        (Wanted::Text, Tree::Bool(_)) => "put quotes around it".to_owned(),
        (Wanted::Integer | Wanted::Number, Tree::Text(text)) if text.parse::<i64>().is_ok() => {
            format!("write {text} without quotes")
        }
        (Wanted::Bool, Tree::Text(text)) if ["true", "false"].contains(&text.as_str()) => {
            format!("write {text} without quotes")
        }
        (Wanted::List, Tree::Map(_)) => "put a dash before each element".to_owned(),
        (Wanted::Map, Tree::List(_)) => "write fields, without a dash".to_owned(),
        (
            Wanted::Anything
            | Wanted::Map
            | Wanted::List
            | Wanted::Text
            | Wanted::Integer
            | Wanted::Number
            | Wanted::Bool
            | Wanted::IntegerOrText,
            _,
        ) => format!("write {}", wanted.name()),
    }
}
