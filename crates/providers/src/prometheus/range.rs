//! From when to when a range query goes: expressions such as `now() - duration("1h")`. Source: wire-contract 4.4.

use api::analysis::PrometheusRangeQuery;
use chrono::{DateTime, TimeDelta, Utc};

use expr::{Context, DateTimeValue, Environment, Value};

/// A range that can be asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    /// More than zero.
    pub(crate) step: TimeDelta,
}

/// Evaluates start and end at `now` and reads the step, a Go duration.
pub(crate) fn resolve(written: &PrometheusRangeQuery, now: DateTime<Utc>) -> Result<Range, String> {
    let start = instant("start", &written.start, now)?;
    let end = instant("end", &written.end, now)?;
    let step = api::duration::parse_go_duration(&written.step).map_err(|why| format!("rangeQuery.step: {why}"))?;
    if step <= TimeDelta::zero() {
        return Err(format!("rangeQuery.step: {:?} is not more than zero", written.step));
    }
    Ok(Range { start, end, step })
}

fn instant(field: &str, expression: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let mut environment = Environment::new();
    environment.add_function("now", move |call| {
        if call.args.is_empty() {
            Ok(Value::DateTime(DateTimeValue::fixed(now.fixed_offset())))
        } else {
            Err(expr::Error::ExprError("now() takes no arguments".to_owned()))
        }
    });
    for (name, test) in [("isNaN", f64::is_nan as fn(f64) -> bool), ("isInf", f64::is_infinite)] {
        environment.add_function(name, move |call| match call.args.as_slice() {
            [Value::Float(number)] => Ok(Value::Bool(test(*number))),
            [Value::Integer(_)] => Ok(Value::Bool(false)),
            _ => Err(expr::Error::ExprError(format!("{name}() takes one number"))),
        });
    }
    let name_it = |why: String| format!("could not evaluate rangeQuery.{field} {expression:?}: {why}");
    match environment.eval(expression, &Context::default()) {
        Ok(Value::DateTime(at)) => Ok(at.with_timezone(&Utc)),
        Ok(other) => Err(name_it(format!("expected a time, but got {other}"))),
        Err(why) => Err(name_it(why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00.25Z".parse().unwrap();
        let table = [
            ("now()", Ok("2026-03-01T12:00:00.25Z")),
            (r#"now() - duration("1h30m")"#, Ok("2026-03-01T10:30:00.25Z")),
            (
                r#"now() - duration("1h") + duration("5s")"#,
                Ok("2026-03-01T11:00:05.25Z"),
            ),
            (r#"date("2026-01-01")"#, Ok("2026-01-01T00:00:00Z")),
            ("1 + 1", Err("expected a time, but got 2")),
            ("", Err("")),
            ("now() -", Err("")),
            ("now(1)", Err("now() takes no arguments")),
            ("isNaN(1.0)", Err("expected a time, but got false")),
        ];
        for (expression, want) in table {
            match (instant("start", expression, now), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want.parse::<DateTime<Utc>>().unwrap(), "{expression}"),
                (Err(got), Err(part)) => {
                    let head = format!("could not evaluate rangeQuery.start {expression:?}: ");
                    assert!(got.starts_with(&head) && got.contains(part), "{got}");
                }
                (got, want) => panic!("{expression}: {got:?}, want {want:?}"),
            }
        }
    }
}
