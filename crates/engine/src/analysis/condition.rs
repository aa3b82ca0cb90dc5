//! What a measured value means: the success and failure conditions of a metric.
//!
//! Source: wire-contract 4.4.

mod builtin;
mod eval;
mod kind;
mod operate;
mod parse;
mod token;
mod tree;

use api::analysis::Metric;
use api::measured::Measured;
use chrono::{DateTime, Utc};
use expr::Value;

use super::phase::Phase;
use builtin::Given;
use kind::{Kind, Made};

/// The phase of a measurement with this value, judged at `now` (what `now()` in a condition says).
///
/// # Errors
/// `could not evaluate successCondition "...": why`, or the same of failureCondition.
pub fn judge(metric: &Metric, value: &Measured, now: DateTime<Utc>) -> Result<Phase, String> {
    let ask = |which: &str, condition: &str| {
        if condition.is_empty() {
            return Ok(None);
        }
        holds(condition, value, now).map(Some).map_err(|why| {
            let no_data = "metric result is nil or empty: no data returned from the metric provider";
            let why = if value.is_no_data() { no_data } else { &why };
            format!("could not evaluate {which} \"{condition}\": {why}")
        })
    };
    let success = ask("successCondition", &metric.success_condition)?;
    let failure = ask("failureCondition", &metric.failure_condition)?;
    Ok(match (success, failure) {
        (_, Some(true)) | (Some(false), None) => Phase::Failed,
        (Some(true), _) | (None, Some(false)) | (None, None) => Phase::Successful,
        (Some(false), Some(false)) => Phase::Inconclusive,
    })
}

/// Whether a condition holds for a value.
///
/// The language is that of `github.com/expr-lang/expr` 1.17 with `result`, `asInt`, `asFloat`, `isNaN`, `isInf`, `isNil`
/// and `default`. It is read and checked here, because the `expr-lang` crate knows no kinds, lets a list be indexed
/// beyond its end and makes ranges of any size; the crate lends its values and most functions. What we cannot do is an
/// error, so that no measurement succeeds by a misunderstanding.
///
/// # Errors
/// Why it cannot be said: the condition does not parse, does not fit the value, or is no question.
pub fn holds(condition: &str, value: &Measured, now: DateTime<Utc>) -> Result<bool, String> {
    let (result, kind) = match value {
        Measured::Number(number) => (Value::Float(*number), Kind::Float),
        Measured::Numbers(list) => (
            Value::Array(list.iter().map(|number| Value::Float(*number)).collect()),
            Kind::List {
                made: Made::Floats,
                of: Box::new(Kind::Float),
            },
        ),
        Measured::Json(json) => (json_value(json), json_kind(json)),
    };
    let node = parse::parse(condition)?;
    kind::of(&node, &kind)?;
    match eval::eval(&node, Given { result: &result, now })? {
        Value::Bool(answer) => Ok(answer),
        other => Err(format!("expected bool, but got {}", builtin::go_type(&other))),
    }
}

/// JSON as Go decodes it: every number is a float.
fn json_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(list) => Value::Array(list.iter().map(json_value).collect()),
        serde_json::Value::Object(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), json_value(value)))
                .collect(),
        ),
    }
}

fn json_kind(json: &serde_json::Value) -> Kind {
    match json {
        serde_json::Value::Null => Kind::Nil,
        serde_json::Value::Bool(_) => Kind::Bool,
        serde_json::Value::Number(_) => Kind::Float,
        serde_json::Value::String(_) => Kind::Text,
        serde_json::Value::Array(_) => Kind::list(Kind::Any),
        serde_json::Value::Object(_) => Kind::Map,
    }
}

#[cfg(test)]
mod tests;
