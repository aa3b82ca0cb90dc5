//! What a measured value means: the success and failure conditions of a metric.
//!
//! Source: wire-contract 4.4.

use api::analysis::Metric;
use api::measured::Measured;
use chrono::{DateTime, Utc};

use super::phase::Phase;

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
/// # Errors
/// Why it cannot be said: the condition does not parse, does not fit the value, or is no question.
pub fn holds(condition: &str, value: &Measured, now: DateTime<Utc>) -> Result<bool, String> {
    let result = value_of(value);
    let mut env = expr::Environment::new();
    env.add_function("now", move |_| Ok(expr::Value::DateTime(now.fixed_offset().into())));
    let is_nil = result == expr::Value::Nil;
    env.add_function("isNil", move |_| Ok(expr::Value::Bool(is_nil)));
    env.add_function("isNaN", |call| float(&call.args).map(|f| expr::Value::Bool(f.is_nan())));
    env.add_function("isInf", |call| {
        float(&call.args).map(|f| expr::Value::Bool(f.is_infinite()))
    });
    env.add_function("asFloat", |call| float(&call.args).map(expr::Value::Float));
    env.add_function("asInt", |call| {
        float(&call.args).map(|f| expr::Value::Integer(f as i64))
    });
    let shown = result.clone();
    env.add_function("default", move |call| match (&shown, call.args.get(1)) {
        (expr::Value::Nil, Some(other)) => Ok(other.clone()),
        (result, _) => Ok(result.clone()),
    });
    let mut ctx = expr::Context::default();
    ctx.insert("result", result);
    match env.eval(condition, &ctx).map_err(|e| e.to_string())? {
        expr::Value::Bool(b) => Ok(b),
        other => Err(format!("expected bool, but got {other:?}")),
    }
}

fn float(args: &[expr::Value]) -> Result<f64, expr::Error> {
    match args {
        [expr::Value::Float(f)] => Ok(*f),
        [expr::Value::Integer(n)] => Ok(*n as f64),
        [expr::Value::String(text)] => text.parse().map_err(|e| expr::Error::ExprError(format!("{e}"))),
        _ => Err(expr::Error::ExprError("not a number".to_owned())),
    }
}

fn value_of(value: &Measured) -> expr::Value {
    match value {
        Measured::Number(n) => expr::Value::Float(*n),
        Measured::Numbers(list) => expr::Value::Array(list.iter().map(|n| expr::Value::Float(*n)).collect()),
        Measured::Json(json) => json_value(json),
    }
}

fn json_value(json: &serde_json::Value) -> expr::Value {
    match json {
        serde_json::Value::Null => expr::Value::Nil,
        serde_json::Value::Bool(b) => expr::Value::Bool(*b),
        serde_json::Value::Number(n) => expr::Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(s) => expr::Value::String(s.clone()),
        serde_json::Value::Array(list) => expr::Value::Array(list.iter().map(json_value).collect()),
        serde_json::Value::Object(map) => expr::Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), json_value(value)))
                .collect(),
        ),
    }
}
