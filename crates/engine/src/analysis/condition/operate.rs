//! What operators, members and slices make of values.

use std::cmp::Ordering;

use expr::Value;

use super::builtin::{LARGEST, go_type};
use super::tree::{Binary, Order, Sum, Text, Unary};

pub(super) fn unary(unary: Unary, value: Value) -> Result<Value, String> {
    match (unary, value) {
        (Unary::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        // Whatever it is: what cannot have a sign was refused when the kinds were checked.
        (Unary::Plus, value) => Ok(value),
        (Unary::Minus, Value::Integer(number)) => Ok(Value::Integer(number.wrapping_neg())),
        (Unary::Minus, Value::Float(number)) => Ok(Value::Float(-number)),
        (_, other) => Err(format!("invalid operation on {}", go_type(&other))),
    }
}

/// Two values put together; `&&`, `||` and `??` have been dealt with.
pub(super) fn apply(binary: Binary, left: Value, right: Value) -> Result<Value, String> {
    let mismatch =
        |l: &Value, r: &Value| format!("invalid operation: {} {} {}", go_type(l), binary.as_str(), go_type(r));
    match binary {
        Binary::Equal => Ok(Value::Bool(equal(&left, &right))),
        Binary::NotEqual => Ok(Value::Bool(!equal(&left, &right))),
        Binary::In => contains(&left, &right).map(Value::Bool),
        Binary::Text(test) => match (&left, &right) {
            (Value::String(text), Value::String(other)) => text_holds(test, text, other).map(Value::Bool),
            (Value::Nil, _) | (_, Value::Nil) => Ok(Value::Bool(false)),
            _ => Err(mismatch(&left, &right)),
        },
        Binary::Range => range(&left, &right),
        Binary::Modulo => match (&left, &right) {
            (Value::Integer(_), Value::Integer(0)) => Err("integer divide by zero".to_owned()),
            (Value::Integer(l), Value::Integer(r)) => Ok(Value::Integer(l.wrapping_rem(*r))),
            _ => Err(mismatch(&left, &right)),
        },
        Binary::Divide => floats(&left, &right)
            .map(|(l, r)| Value::Float(l / r))
            .ok_or_else(|| mismatch(&left, &right)),
        Binary::Power => floats(&left, &right)
            .map(|(l, r)| Value::Float(l.powf(r)))
            .ok_or_else(|| mismatch(&left, &right)),
        Binary::Sum(sum) => arithmetic(sum, &left, &right).ok_or_else(|| mismatch(&left, &right)),
        Binary::Or | Binary::And | Binary::Coalesce => Err(mismatch(&left, &right)),
    }
}

fn arithmetic(sum: Sum, left: &Value, right: &Value) -> Option<Value> {
    let nanoseconds = |n: i64| chrono::TimeDelta::nanoseconds(n);
    Some(match (sum, left, right) {
        (Sum::Add, Value::Integer(l), Value::Integer(r)) => Value::Integer(l.wrapping_add(*r)),
        (Sum::Subtract, Value::Integer(l), Value::Integer(r)) => Value::Integer(l.wrapping_sub(*r)),
        (Sum::Multiply, Value::Integer(l), Value::Integer(r)) => Value::Integer(l.wrapping_mul(*r)),
        (Sum::Add, Value::String(l), Value::String(r)) => Value::String(format!("{l}{r}")),
        (Sum::Add, Value::DateTime(time), Value::Duration(n))
        | (Sum::Add, Value::Duration(n), Value::DateTime(time)) => {
            Value::DateTime(time.clone().checked_add_signed(nanoseconds(*n))?)
        }
        (Sum::Subtract, Value::DateTime(time), Value::Duration(n)) => {
            Value::DateTime(time.clone().checked_sub_signed(nanoseconds(*n))?)
        }
        (Sum::Subtract, Value::DateTime(l), Value::DateTime(r)) => {
            Value::Duration((l.clone() - r.clone()).num_nanoseconds()?)
        }
        (Sum::Add, Value::Duration(l), Value::Duration(r)) => Value::Duration(l.wrapping_add(*r)),
        (Sum::Subtract, Value::Duration(l), Value::Duration(r)) => Value::Duration(l.wrapping_sub(*r)),
        (Sum::Multiply, Value::Duration(n), Value::Integer(times))
        | (Sum::Multiply, Value::Integer(times), Value::Duration(n)) => Value::Duration(n.wrapping_mul(*times)),
        _ => {
            let (l, r) = floats(left, right)?;
            Value::Float(match sum {
                Sum::Add => l + r,
                Sum::Subtract => l - r,
                Sum::Multiply => l * r,
            })
        }
    })
}

pub(super) fn orders(asked: Order, left: &Value, right: &Value) -> Result<bool, String> {
    let order = match (left, right) {
        (Value::Integer(l), Value::Integer(r)) => Some(l.cmp(r)),
        (Value::String(l), Value::String(r)) => Some(l.cmp(r)),
        (Value::DateTime(l), Value::DateTime(r)) => l.partial_cmp(r),
        (Value::Duration(l), Value::Duration(r)) => Some(l.cmp(r)),
        _ => match floats(left, right) {
            // Nothing is in order with NaN.
            Some((l, r)) => l.partial_cmp(&r),
            None => {
                let (l, r) = (go_type(left), go_type(right));
                return Err(format!("invalid operation: {l} {} {r}", asked.as_str()));
            }
        },
    };
    Ok(order.is_some_and(|order| match asked {
        Order::Less => order == Ordering::Less,
        Order::LessOrEqual => order != Ordering::Greater,
        Order::Greater => order == Ordering::Greater,
        Order::GreaterOrEqual => order != Ordering::Less,
    }))
}

fn contains(needle: &Value, hay: &Value) -> Result<bool, String> {
    match (needle, hay) {
        (_, Value::Nil) => Ok(false),
        (needle, Value::Array(list)) => Ok(list.iter().any(|element| equal(element, needle))),
        (Value::String(key), Value::Map(map)) => Ok(map.contains_key(key)),
        (Value::Nil, Value::Map(map)) => Ok(map.contains_key("")),
        (key, Value::KeyedMap(map)) => Ok(map.iter().any(|(known, _)| known == key)),
        (needle, hay) => Err(format!(
            "operator \"in\" not defined on {} and {}",
            go_type(needle),
            go_type(hay)
        )),
    }
}

/// Whether two values are equal, as the original compares them: numbers across kinds, lists element by element, maps
/// only if every value in them is of the same kind.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(a), Value::Float(b)) | (Value::Float(b), Value::Integer(a)) => *a as f64 == *b,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (a, b) => a == b,
    }
}

fn text_holds(test: Text, text: &str, other: &str) -> Result<bool, String> {
    Ok(match test {
        Text::Contains => text.contains(other),
        Text::StartsWith => text.starts_with(other),
        Text::EndsWith => text.ends_with(other),
        Text::Matches => regex::Regex::new(other)
            .map_err(|_| format!("error parsing regexp: `{other}`"))?
            .is_match(text),
    })
}

fn range(from: &Value, to: &Value) -> Result<Value, String> {
    let (from, to) = (whole(from)?, whole(to)?);
    let length = i128::from(to) - i128::from(from) + 1;
    if length > LARGEST as i128 {
        return Err("memory budget exceeded".to_owned());
    }
    Ok(Value::Array((from..=to).map(Value::Integer).collect()))
}

pub(super) fn member(base: &Value, key: &Value) -> Result<Value, String> {
    match (base, key) {
        (Value::Array(list), key @ (Value::Integer(_) | Value::Float(_))) => {
            Ok(list[position(whole(key)?, list.len())?].clone())
        }
        (Value::String(text), key @ (Value::Integer(_) | Value::Float(_))) => {
            let index = position(whole(key)?, text.len())?;
            Ok(Value::Integer(i64::from(text.as_bytes()[index])))
        }
        (Value::Map(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::KeyedMap(map), key) => Ok(map
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()),
        (base, key) => Err(format!("cannot fetch {} from {}", shown(key), go_type(base))),
    }
}

fn position(index: i64, length: usize) -> Result<usize, String> {
    let from_start = if index < 0 {
        i128::from(index) + length as i128
    } else {
        i128::from(index)
    };
    usize::try_from(from_start)
        .ok()
        .filter(|at| *at < length)
        .ok_or_else(|| format!("index out of range: {from_start} (array length is {length})"))
}

pub(super) fn slice(base: Value, from: Option<Value>, to: Option<Value>) -> Result<Value, String> {
    let length = match &base {
        Value::Array(list) => list.len(),
        Value::String(text) => text.len(),
        other => return Err(format!("cannot slice {}", go_type(other))),
    };
    let bound = |value: Option<Value>, default: usize| -> Result<usize, String> {
        let Some(value) = value else { return Ok(default) };
        let index = i128::from(whole(&value)?);
        let index = if index < 0 { index + length as i128 } else { index };
        Ok(usize::try_from(index.max(0)).unwrap_or(length))
    };
    let to = bound(to, length)?.min(length);
    let from = bound(from, 0)?.min(to);
    match base {
        Value::Array(mut list) => Ok(Value::Array(list.drain(from..to).collect())),
        Value::String(text) => text
            .get(from..to)
            .map(Value::from)
            .ok_or_else(|| "cannot slice a character".to_owned()),
        other => Err(format!("cannot slice {}", go_type(&other))),
    }
}

fn floats(left: &Value, right: &Value) -> Option<(f64, f64)> {
    let float = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    Some((float(left)?, float(right)?))
}

/// A number that indexes; a float is cut towards zero.
fn whole(value: &Value) -> Result<i64, String> {
    match value {
        Value::Integer(number) => Ok(*number),
        Value::Float(number) if number.abs() < 9.2e18 => Ok(*number as i64),
        other => Err(format!("invalid operation: int({})", go_type(other))),
    }
}

fn shown(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => go_type(other).to_owned(),
    }
}
