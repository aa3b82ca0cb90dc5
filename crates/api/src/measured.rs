//! What a metric provider measured, as conditions see it: a float keeps NaN and infinity, which JSON cannot carry.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde_json::Value;

/// The `result` of a condition. Source: wire-contract 4.4 and 4.5.
///
/// `Display` is the text of `measurement.value`: numbers as [`Float`] writes them, lists `[a,b,c]`, JSON compact with sorted
/// keys and Go's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// One float (a Prometheus scalar).
    Number(f64),
    /// Floats in the order of the answer (a Prometheus vector; a matrix flattened). Empty: there was no data.
    Numbers(Vec<f64>),
    /// Any JSON (a match of a JSONPath; the raw body as a string). `null`: there was no data.
    Json(Value),
}

impl Measured {
    /// Nil or an empty list: conditions on it fail with `no data returned from the metric provider`.
    pub fn is_no_data(&self) -> bool {
        match self {
            Measured::Number(_) => false,
            Measured::Numbers(list) => list.is_empty(),
            Measured::Json(json) => json.is_null() || json.as_array().is_some_and(Vec::is_empty),
        }
    }
}

impl Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measured::Number(number) => Float(*number).fmt(f),
            Measured::Numbers(list) => {
                f.write_str("[")?;
                for (at, number) in list.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    Float(*number).fmt(f)?;
                }
                f.write_str("]")
            }
            Measured::Json(json) => write_json(json, f),
        }
    }
}

/// JSON as Go marshals what it unmarshalled: every number went through a float, keys are sorted. Sorted here, as
/// serde_json keeps the order of the source once any crate of the build asks for `preserve_order`.
fn write_json(json: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match json {
        Value::Number(number) => write_json_number(number.as_f64().unwrap_or(f64::NAN), f),
        Value::Array(list) => {
            f.write_str("[")?;
            for (at, item) in list.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { "," })?;
                write_json(item, f)?;
            }
            f.write_str("]")
        }
        Value::Object(map) => {
            f.write_str("{")?;
            for (at, (key, item)) in BTreeMap::from_iter(map).into_iter().enumerate() {
                f.write_str(if at == 0 { "" } else { "," })?;
                write!(f, "{}:", Value::from(key.as_str()))?;
                write_json(item, f)?;
            }
            f.write_str("}")
        }
        Value::Null | Value::Bool(_) | Value::String(_) => json.fmt(f),
    }
}

/// Go's `encoding/json`: digits from 1e-6 up to 1e21, an exponent beyond.
fn write_json_number(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = number.abs();
    if size != 0.0 && size >= 1e21 {
        f.write_str(&format!("{number:e}").replace('e', "e+"))
    } else if size != 0.0 && size < 1e-6 {
        write!(f, "{number:e}")
    } else {
        write!(f, "{number}")
    }
}

/// A float as Prometheus writes a sample value: Go's `FormatFloat(v, 'f', -1, 64)`, the shortest digits that read back
/// the same, never an exponent; `NaN`, `+Inf`, `-Inf`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Float(pub f64);

impl Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            v if v.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            v => write!(f, "{v}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts() {
        let table = [
            (Measured::Number(1.0), "1"),
            (Measured::Number(0.1 + 0.2), "0.30000000000000004"),
            (Measured::Number(-0.0), "-0"),
            (Measured::Number(1e21), "1000000000000000000000"),
            (Measured::Number(2.5e-7), "0.00000025"),
            (Measured::Number(f64::NAN), "NaN"),
            (Measured::Number(f64::INFINITY), "+Inf"),
            (Measured::Numbers(vec![]), "[]"),
            (Measured::Numbers(vec![1.5, f64::NEG_INFINITY]), "[1.5,-Inf]"),
            (
                Measured::Json(json!({"b": [1, "x"], "a": null})),
                r#"{"a":null,"b":[1,"x"]}"#,
            ),
            (
                Measured::Json(json!([1.0, 0.25, 1e21, -2e-7, 12345678901234567890_u64])),
                "[1,0.25,1e+21,-2e-7,12345678901234567000]",
            ),
        ];
        for (measured, text) in table {
            assert_eq!(measured.to_string(), text);
        }
    }

    #[test]
    fn no_data() {
        for empty in [
            Measured::Numbers(vec![]),
            Measured::Json(json!(null)),
            Measured::Json(json!([])),
        ] {
            assert!(empty.is_no_data(), "{empty}");
        }
        for some in [
            Measured::Number(f64::NAN),
            Measured::Numbers(vec![0.0]),
            Measured::Json(json!({})),
        ] {
            assert!(!some.is_no_data(), "{some}");
        }
    }
}
