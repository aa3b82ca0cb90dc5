//! `IntOrString`: a number, or a string that may mean a percentage.
//!
//! Source: wire-contract 1.0 and 3.6.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// An integer or a string, kept as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A JSON number.
    Int(i32),
    /// A JSON string.
    String(String),
}

impl IntOrString {
    /// The number; a string is read as Go's `Atoi` would, and is 0 where it is no integer.
    /// Source: wire-contract 4.3.
    pub fn as_count(&self) -> i32 {
        match self {
            IntOrString::Int(n) => *n,
            IntOrString::String(s) => s.parse().unwrap_or(0),
        }
    }
}

/// `maxSurge` and `maxUnavailable` as pods of `replicas`: surge rounded up, unavailable down, never both zero (then one
/// pod may be missing), and never more missing than there are. A number is pods; a string is a percentage with or
/// without its sign, and one that is no number makes both zero. Source: wire-contract 3.6.
pub fn resolve_surge_and_unavailable(surge: &IntOrString, unavailable: &IntOrString, replicas: i32) -> (i32, i32) {
    let (Some(surge), Some(unavailable)) = (
        pods(surge, replicas, Round::Up),
        pods(unavailable, replicas, Round::Down),
    ) else {
        return (0, 0);
    };
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    (surge, unavailable.min(replicas.max(0)))
}

/// `maxUnavailable` alone, as blue/green has it: rounded down, no more than there are.
pub fn resolve_unavailable(unavailable: &IntOrString, replicas: i32) -> i32 {
    pods(unavailable, replicas, Round::Down)
        .unwrap_or(0)
        .min(replicas.max(0))
}

enum Round {
    Up,
    Down,
}

fn pods(amount: &IntOrString, replicas: i32, round: Round) -> Option<i32> {
    let percent: i64 = match amount {
        IntOrString::Int(n) => return Some(*n),
        IntOrString::String(text) => text.replace('%', "").parse().ok()?,
    };
    let hundredths = percent.checked_mul(i64::from(replicas))?;
    let pods = match round {
        Round::Up => -(-hundredths).div_euclid(100),
        Round::Down => hundredths.div_euclid(100),
    };
    i32::try_from(pods).ok()
}

impl From<i32> for IntOrString {
    fn from(n: i32) -> Self {
        IntOrString::Int(n)
    }
}

impl From<&str> for IntOrString {
    fn from(s: &str) -> Self {
        IntOrString::String(s.to_owned())
    }
}

impl std::fmt::Display for IntOrString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IntOrString::Int(n) => n.fmt(f),
            IntOrString::String(s) => s.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

/// By hand, because the derived reading of an untagged enum says nothing of what it found.
struct Either;

impl Visitor<'_> for Either {
    type Value = IntOrString;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a 32-bit integer or a string")
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<IntOrString, E> {
        i32::try_from(n)
            .map(IntOrString::Int)
            .map_err(|_| E::invalid_value(Unexpected::Signed(n), &self))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<IntOrString, E> {
        i32::try_from(n)
            .map(IntOrString::Int)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<IntOrString, E> {
        Ok(IntOrString::String(text.to_owned()))
    }
}

impl JsonSchema for IntOrString {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IntOrString".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_percentages_and_numbers_are_pods() {
        for (surge, unavailable, replicas, want) in [
            ("25".into(), "25".into(), 10, (3, 2)),
            ("25%".into(), "25%".into(), 1, (1, 0)),
            (0.into(), "25%".into(), 1, (0, 1)),
            (0.into(), 0.into(), 5, (0, 1)),
            (0.into(), 0.into(), 0, (0, 0)),
            (5.into(), 7.into(), 3, (5, 3)),
            ("ten".into(), 3.into(), 10, (0, 0)),
            ("100%".into(), "0%".into(), 4, (4, 0)),
        ] {
            let got = resolve_surge_and_unavailable(&surge, &unavailable, replicas);
            assert_eq!(got, want, "{surge} {unavailable} of {replicas}");
        }
    }
}
