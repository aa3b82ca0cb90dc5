//! What is wrong with a value under a schema, in the words of `k8s.io/kube-openapi/pkg/validation`.

use super::{Path, additional, marked};
use crate::apiserver::Cause;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// All errors of an object, except those in parts that are as they were in `old`: what was stored once may stay.
pub(crate) fn validate(schema: &Value, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    value(schema, object, old, &Path::Root, &mut causes);
    causes
}

/// Rules about a change (`x-kubernetes-validations`). Only the form `self == oldSelf` is known here; a rule of another
/// form is not checked.
pub(crate) fn changed(schema: &Value, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    transition(schema, old, new, &Path::Root, &mut causes);
    causes
}

fn transition(schema: &Value, old: &Value, new: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        if rule["rule"].as_str().map(str::trim) == Some("self == oldSelf") && old != new {
            let message = rule["message"]
                .as_str()
                .map_or("failed rule: self == oldSelf", str::trim);
            causes.push(Cause::invalid(path.to_string(), &schema["type"], message));
        }
    }
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if let (Some(old), Some(new)) = (old.get(name), new.get(name)) {
                transition(property, old, new, &path.field(name), causes);
            }
        }
    }
}

fn value(schema: &Value, value: &Value, old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if old == Some(value) {
        return;
    }
    if value.is_null() && (marked(schema, "nullable") || types(schema).is_empty()) {
        return;
    }
    check_type(schema, value, path, causes);
    check_combinations(schema, value, path, causes);
    match value {
        Value::String(text) => check_text(schema, text, path, causes),
        Value::Number(number) => check_number(schema, number, path, causes),
        Value::Array(items) => check_list(schema, items, path, causes),
        Value::Null | Value::Bool(_) | Value::Object(_) => {}
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        let shown = |one: &Value| format!("{:?}", one.as_str().map_or_else(|| one.to_string(), str::to_owned));
        causes.push(Cause::unsupported(
            path.to_string(),
            value,
            &allowed.iter().map(shown).collect::<Vec<_>>(),
        ));
    }
    if let Value::Object(fields) = value {
        check_object(schema, fields, old, path, causes);
    }
}

fn types(schema: &Value) -> Vec<&str> {
    if marked(schema, "x-kubernetes-int-or-string") {
        return vec!["integer", "string"];
    }
    schema["type"]
        .as_str()
        .filter(|name| !name.is_empty())
        .into_iter()
        .collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_type(schema: &Value, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let (types, found) = (types(schema), type_of(value));
    let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
    let fits = types.contains(&found)
        || (types.contains(&"number") && found == "integer")
        || (types.contains(&"integer") && found == "number" && whole);
    if !types.is_empty() && !fits {
        let detail = format!("{path} in body must be of type {}: {found:?}", types.join(","));
        causes.push(Cause::type_invalid(path.to_string(), found, detail));
    }
}

fn check_text(schema: &Value, text: &str, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let shown = Value::from(text);
    let length = text.chars().count() as u64;
    if let Some(limit) = schema["maxLength"].as_u64().filter(|limit| length > *limit) {
        let bytes = if limit == 1 { "byte" } else { "bytes" };
        let message = format!("Too long: may not be more than {limit} {bytes}");
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message,
            field: path.to_string(),
        });
    }
    if let Some(limit) = schema["minLength"].as_u64().filter(|limit| length < *limit) {
        causes.push(Cause::invalid(
            path.to_string(),
            &shown,
            format!("{path} in body should be at least {limit} chars long"),
        ));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !matches(pattern, text)
    {
        causes.push(Cause::invalid(
            path.to_string(),
            &shown,
            format!("{path} in body should match '{pattern}'"),
        ));
    }
    if schema["format"] == "date-time" && chrono::DateTime::parse_from_rfc3339(text).is_err() {
        causes.push(Cause::type_invalid(
            path.to_string(),
            text,
            format!("{path} in body must be of type date-time: {text:?}"),
        ));
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: Mutex<BTreeMap<String, Option<Regex>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !compiled.contains_key(pattern) {
        compiled.insert(pattern.to_owned(), Regex::new(pattern).ok());
    }
    compiled
        .get(pattern)
        .and_then(Option::as_ref)
        .is_none_or(|regex| regex.is_match(text))
}

fn check_number(schema: &Value, number: &serde_json::Number, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let (Some(found), shown) = (number.as_f64(), Value::Number(number.clone())) else {
        return;
    };
    let mut refuse = |why: String| {
        causes.push(Cause::invalid(
            path.to_string(),
            &shown,
            format!("{path} in body should be {why}"),
        ))
    };
    if let Some(bound) = schema["maximum"].as_f64() {
        match marked(schema, "exclusiveMaximum") {
            true if found >= bound => refuse(format!("less than {bound}")),
            false if found > bound => refuse(format!("less than or equal to {bound}")),
            true | false => {}
        }
    }
    if let Some(bound) = schema["minimum"].as_f64() {
        match marked(schema, "exclusiveMinimum") {
            true if found <= bound => refuse(format!("greater than {bound}")),
            false if found < bound => refuse(format!("greater than or equal to {bound}")),
            true | false => {}
        }
    }
    if let Some(factor) = schema["multipleOf"]
        .as_f64()
        .filter(|factor| (found / factor).fract() != 0.0)
    {
        refuse(format!("a multiple of {factor}"));
    }
}

fn check_list(schema: &Value, items: &[Value], path: &Path<'_>, causes: &mut Vec<Cause>) {
    if let Some(of) = schema.get("items") {
        for (index, item) in items.iter().enumerate() {
            value(of, item, None, &path.index(index), causes);
        }
    }
    let count = items.len() as u64;
    if let Some(limit) = schema["minItems"].as_u64().filter(|limit| count < *limit) {
        causes.push(Cause::invalid(
            path.to_string(),
            &count.into(),
            format!("{path} in body should have at least {limit} items"),
        ));
    }
    if let Some(limit) = schema["maxItems"].as_u64().filter(|limit| count > *limit) {
        causes.push(too_many(path, count, limit));
    }
    let keys: Vec<&str> = match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => schema["x-kubernetes-list-map-keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        Some("set") => Vec::new(),
        Some(_) | None => return,
    };
    let mut seen: Vec<Value> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match keys.as_slice() {
            [] => item.clone(),
            keys => keys
                .iter()
                .filter_map(|key| item.get(*key).map(|value| ((*key).to_owned(), value.clone())))
                .collect(),
        };
        if seen.contains(&identity) {
            causes.push(Cause::duplicate(path.index(index).to_string(), &identity));
        } else {
            seen.push(identity);
        }
    }
}

fn check_object(
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    old: Option<&Value>,
    path: &Path<'_>,
    causes: &mut Vec<Cause>,
) {
    let count = fields.len() as u64;
    if let Some(limit) = schema["minProperties"].as_u64().filter(|limit| count < *limit) {
        causes.push(Cause::invalid(
            path.to_string(),
            &count.into(),
            format!("{path} in body should have at least {limit} properties"),
        ));
    }
    if let Some(limit) = schema["maxProperties"].as_u64().filter(|limit| count > *limit) {
        causes.push(too_many(path, count, limit));
    }
    for (name, found) in fields {
        if let Some(of) = schema["properties"].get(name).or(additional(schema)) {
            value(of, found, old.and_then(|old| old.get(name)), &path.field(name), causes);
        }
    }
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !fields.contains_key(name) {
            causes.push(Cause::required(path.field(name).to_string(), ""));
        }
    }
}

fn too_many(path: &Path<'_>, count: u64, limit: u64) -> Cause {
    let items = if limit == 1 { "item" } else { "items" };
    let message = format!("Too many: {count}: must have at most {limit} {items}");
    Cause {
        reason: "FieldValueTooMany",
        message,
        field: path.to_string(),
    }
}

fn check_combinations(schema: &Value, found: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let errors = |schema: &Value| {
        let mut inner = Vec::new();
        value(schema, found, None, path, &mut inner);
        inner
    };
    // These errors carry no field name in the server.
    let refuse = |why: String| Cause::invalid("<nil>", &"".into(), why);
    // Whether an int-or-string is one of the two is said by its type already.
    if let Some(any) = schema["anyOf"]
        .as_array()
        .filter(|_| !marked(schema, "x-kubernetes-int-or-string"))
    {
        let failures: Vec<Vec<Cause>> = any.iter().map(errors).collect();
        if !failures.iter().any(Vec::is_empty) {
            causes.push(refuse(format!(
                "{:?} must validate at least one schema (anyOf)",
                path.to_string()
            )));
            causes.extend(failures.into_iter().next().unwrap_or_default());
        }
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let failures: Vec<Vec<Cause>> = one.iter().map(errors).collect();
        let valid = failures.iter().filter(|failures| failures.is_empty()).count();
        if valid != 1 {
            let found = if valid == 0 {
                "Found none valid".into()
            } else {
                format!("Found {valid} valid alternatives")
            };
            causes.push(refuse(format!(
                "{:?} must validate one and only one schema (oneOf). {found}",
                path.to_string()
            )));
            causes.extend(failures.into_iter().find(|_| valid == 0).unwrap_or_default());
        }
    }
    if let Some(all) = schema["allOf"].as_array() {
        let failures: Vec<Vec<Cause>> = all.iter().map(errors).collect();
        let valid = failures.iter().filter(|failures| failures.is_empty()).count();
        if valid != all.len() {
            let none = if valid == 0 { ". None validated" } else { "" };
            causes.extend(failures.into_iter().flatten());
            causes.push(refuse(format!(
                "{:?} must validate all the schemas (allOf){none}",
                path.to_string()
            )));
        }
    }
    if let Some(not) = schema.get("not")
        && errors(not).is_empty()
    {
        causes.push(refuse(format!(
            "{:?} must not validate the schema (not)",
            path.to_string()
        )));
    }
}
