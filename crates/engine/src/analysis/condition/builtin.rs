//! The functions of conditions: ours, and those of the expr language that take plain values.
//!
//! What a call may be given is checked here, as the original does before it runs anything; most of the work itself is
//! done by the `expr-lang` crate. Functions that read the environment of the process (a `Local` time zone) are refused.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use expr::Value;

use super::kind::{Kind, Made};
use super::tree::Each;

/// Whether a function takes a float and nothing else, as Go's do: a whole number that is written out becomes one.
pub(super) fn takes_float(name: &str) -> bool {
    matches!(name, "isNaN" | "isInf")
}

/// What the functions of a condition know besides their arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) result: &'a Value,
    pub(super) now: DateTime<Utc>,
}

/// Texts and lists longer than this are not made.
pub(super) const LARGEST: usize = 1_000_000;

/// Whether a name means a function, so that `let` cannot have it.
pub(super) fn is_known(name: &str) -> bool {
    OURS.contains(&name) || PLAIN.contains(&name) || Each::of(name).is_some()
}

const OURS: [&str; 6] = ["isNaN", "isInf", "isNil", "asInt", "asFloat", "default"];

const PLAIN: [&str; 56] = [
    "len",
    "type",
    "abs",
    "ceil",
    "floor",
    "round",
    "int",
    "float",
    "string",
    "trim",
    "trimPrefix",
    "trimSuffix",
    "upper",
    "lower",
    "split",
    "splitAfter",
    "replace",
    "repeat",
    "join",
    "indexOf",
    "lastIndexOf",
    "hasPrefix",
    "hasSuffix",
    "max",
    "min",
    "mean",
    "median",
    "toJSON",
    "fromJSON",
    "toBase64",
    "fromBase64",
    "now",
    "duration",
    "date",
    "timezone",
    "first",
    "last",
    "get",
    "take",
    "keys",
    "values",
    "toPairs",
    "fromPairs",
    "reverse",
    "uniq",
    "concat",
    "flatten",
    "sort",
    "bitand",
    "bitor",
    "bitxor",
    "bitnand",
    "bitnot",
    "bitshl",
    "bitshr",
    "bitushr",
];

/// The kind of a call with arguments of these kinds.
///
/// # Errors
/// Why it cannot be called so.
pub(super) fn check(name: &str, kinds: &[Kind]) -> Result<Kind, String> {
    let list_of_any = || Kind::list(Kind::Any);
    let text = |n: usize| texts(name, kinds, n);
    Ok(match name {
        "isNaN" | "isInf" => {
            count(name, kinds, 1..=1)?;
            if !is_number(&kinds[0]) && !kinds[0].is_unknown() {
                return Err(cannot_use(&kinds[0], "float64", name));
            }
            Kind::Bool
        }
        "isNil" => {
            count(name, kinds, 1..=1)?;
            Kind::Bool
        }
        "asInt" => {
            count(name, kinds, 1..=1)?;
            Kind::Int
        }
        "asFloat" => {
            count(name, kinds, 1..=1)?;
            Kind::Float
        }
        "default" => {
            count(name, kinds, 2..=2)?;
            Kind::Any
        }
        "len" => {
            only(name, kinds, |kind| {
                kind.is_list() || matches!(kind, Kind::Map | Kind::KeyedMap(_) | Kind::Text)
            })?;
            Kind::Int
        }
        "type" | "string" => {
            count(name, kinds, 1..=1)?;
            Kind::Text
        }
        "abs" => only(name, kinds, is_number)?,
        "ceil" | "floor" | "round" => {
            only(name, kinds, is_number)?;
            Kind::Float
        }
        "int" => {
            only(name, kinds, |kind| is_number(kind) || *kind == Kind::Text)?;
            Kind::Int
        }
        "float" => {
            only(name, kinds, |kind| is_number(kind) || *kind == Kind::Text)?;
            Kind::Float
        }
        "trim" | "trimPrefix" | "trimSuffix" => {
            count(name, kinds, 1..=2)?;
            text(kinds.len())?;
            Kind::Text
        }
        "upper" | "lower" | "toBase64" | "fromBase64" => {
            count(name, kinds, 1..=1)?;
            text(1)?;
            Kind::Text
        }
        "split" | "splitAfter" => {
            count(name, kinds, 2..=3)?;
            text(2)?;
            integers(name, &kinds[2..])?;
            Kind::List {
                made: Made::Texts,
                of: Box::new(Kind::Text),
            }
        }
        "replace" => {
            count(name, kinds, 3..=4)?;
            text(3)?;
            integers(name, &kinds[3..])?;
            Kind::Text
        }
        "repeat" => {
            count(name, kinds, 2..=2)?;
            text(1)?;
            integers(name, &kinds[1..])?;
            Kind::Text
        }
        "join" => {
            count(name, kinds, 1..=2)?;
            if !kinds[0].is_unknown()
                && !matches!(
                    kinds[0],
                    Kind::List {
                        made: Made::Any | Made::Texts,
                        ..
                    }
                )
            {
                return Err(cannot_use(&kinds[0], "[]string", name));
            }
            texts(name, &kinds[1..], kinds.len() - 1)?;
            Kind::Text
        }
        "indexOf" | "lastIndexOf" => {
            count(name, kinds, 2..=2)?;
            text(2)?;
            Kind::Int
        }
        "hasPrefix" | "hasSuffix" => {
            count(name, kinds, 2..=2)?;
            text(2)?;
            Kind::Bool
        }
        "max" | "min" | "mean" | "median" => {
            count(name, kinds, 1..=usize::MAX)?;
            let loose = kinds.iter().find(|kind| !is_number(kind));
            match loose {
                Some(kind) if kind.is_unknown() || kind.is_list() => Kind::Any,
                Some(kind) => return Err(format!("invalid argument for {name} (type {kind})")),
                // A whole number to the original, which then is none.
                None if kinds[0] == Kind::Int && matches!(name, "mean" | "median") => {
                    return Err(format!("{name} of whole numbers without a list is not supported"));
                }
                None => kinds[0].clone(),
            }
        }
        "fromJSON" => {
            count(name, kinds, 1..=1)?;
            text(1)?;
            Kind::Any
        }
        "now" => {
            count(name, kinds, 0..=0)?;
            Kind::Time
        }
        "duration" => {
            count(name, kinds, 1..=1)?;
            text(1)?;
            Kind::Duration
        }
        "date" => {
            let rest = kinds.strip_prefix(&[Kind::Location]).unwrap_or(kinds);
            count(name, rest, 1..=3)?;
            Kind::Time
        }
        "timezone" => {
            count(name, kinds, 1..=1)?;
            text(1)?;
            Kind::Location
        }
        "first" | "last" => match only(name, kinds, Kind::is_list)? {
            Kind::List { made: Made::Floats, .. } => Kind::Float,
            Kind::List { made: Made::Texts, .. } => Kind::Text,
            _ => Kind::Any,
        },
        "get" => {
            count(name, kinds, 2..=2)?;
            let fits = match &kinds[0] {
                base if base.is_unknown() => return Ok(Kind::Unknown),
                Kind::List { .. } => kinds[1] == Kind::Int || kinds[1].is_unknown(),
                Kind::Map => kinds[1] == Kind::Text || kinds[1].is_unknown(),
                Kind::KeyedMap(_) => true,
                base => return Err(format!("type {base} does not support indexing")),
            };
            if !fits {
                return Err(format!("cannot use {} to get an element from {}", kinds[1], kinds[0]));
            }
            kinds[0].element()
        }
        "take" => {
            count(name, kinds, 2..=2)?;
            only(name, &kinds[..1], Kind::is_list)?;
            integers(name, &kinds[1..])?;
            kinds[0].clone()
        }
        "keys" | "values" | "toPairs" => {
            only(name, kinds, |kind| matches!(kind, Kind::Map | Kind::KeyedMap(_)))?;
            list_of_any()
        }
        "fromPairs" => {
            only(name, kinds, Kind::is_list)?;
            Kind::KeyedMap(Box::new(Kind::Any))
        }
        "reverse" | "uniq" | "flatten" => {
            only(name, kinds, Kind::is_list)?;
            list_of_any()
        }
        "concat" => {
            count(name, kinds, 1..=usize::MAX)?;
            for kind in kinds {
                only(name, std::slice::from_ref(kind), Kind::is_list)?;
            }
            list_of_any()
        }
        "sort" => {
            count(name, kinds, 1..=2)?;
            only(name, &kinds[..1], Kind::is_list)?;
            texts(name, &kinds[1..], kinds.len() - 1)?;
            list_of_any()
        }
        "bitand" | "bitor" | "bitxor" | "bitnand" | "bitshl" | "bitshr" | "bitushr" => {
            count(name, kinds, 2..=2)?;
            integers(name, kinds)?;
            Kind::Int
        }
        "bitnot" => {
            count(name, kinds, 1..=1)?;
            integers(name, kinds)?;
            Kind::Int
        }
        "toJSON" => return Err("toJSON is not supported".to_owned()),
        _ => return Err(format!("unknown name {name}")),
    })
}

/// The kind of a method call on a time, a duration and what they consist of.
///
/// # Errors
/// There is no such method that does not depend on where the process runs.
pub(super) fn check_method(of: &Kind, name: &str, args: &[Kind]) -> Result<Kind, String> {
    let (wants, yields): (&[Kind], Kind) = match (of, name) {
        (Kind::Time, "Year" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "YearDay") => (&[], Kind::Int),
        (Kind::Time, "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano") => (&[], Kind::Int),
        (Kind::Time, "Month") => (&[], Kind::Month),
        (Kind::Time, "Weekday") => (&[], Kind::Weekday),
        (Kind::Time, "UTC") => (&[], Kind::Time),
        (Kind::Time, "IsZero") => (&[], Kind::Bool),
        (Kind::Time, "Format") => (&[Kind::Text], Kind::Text),
        (Kind::Time, "Add" | "Round" | "Truncate") => (&[Kind::Duration], Kind::Time),
        (Kind::Time, "AddDate") => (&[Kind::Int, Kind::Int, Kind::Int], Kind::Time),
        (Kind::Time, "After" | "Before" | "Equal") => (&[Kind::Time], Kind::Bool),
        (Kind::Time, "Compare") => (&[Kind::Time], Kind::Int),
        (Kind::Time, "Sub") => (&[Kind::Time], Kind::Duration),
        (Kind::Time, "In") => (&[Kind::Location], Kind::Time),
        (Kind::Duration, "Hours" | "Minutes" | "Seconds") => (&[], Kind::Float),
        (Kind::Duration, "Milliseconds" | "Microseconds" | "Nanoseconds") => (&[], Kind::Int),
        (Kind::Duration, "Abs") => (&[], Kind::Duration),
        (Kind::Duration, "Round" | "Truncate") => (&[Kind::Duration], Kind::Duration),
        (Kind::Time | Kind::Duration | Kind::Month | Kind::Weekday | Kind::Location, "String") => (&[], Kind::Text),
        _ => return Err(format!("type {of} has no method {name}")),
    };
    if args.len() != wants.len() {
        return Err(format!("wrong number of arguments to call {name}"));
    }
    match args
        .iter()
        .zip(wants)
        .find(|(arg, want)| arg != want && !arg.is_unknown())
    {
        Some((arg, want)) => Err(cannot_use(arg, &want.to_string(), name)),
        None => Ok(yields),
    }
}

/// What a call yields.
///
/// # Errors
/// Why it yields nothing.
pub(super) fn call(name: &str, mut args: Vec<Value>, given: Given<'_>) -> Result<Value, String> {
    match (name, args.as_slice()) {
        ("isNaN", [Value::Float(number)]) => Ok(Value::Bool(number.is_nan())),
        ("isInf", [Value::Float(number)]) => Ok(Value::Bool(number.is_infinite())),
        ("isNaN" | "isInf", [other]) => Err(format!(
            "cannot use {} as argument (type float64) to call {name}",
            go_type(other)
        )),
        ("isNil", _) => Ok(Value::Bool(*given.result == Value::Nil)),
        ("default", [_, other]) => Ok(if *given.result == Value::Nil {
            other.clone()
        } else {
            given.result.clone()
        }),
        ("asInt", [value]) => as_int(value).map(Value::Integer),
        ("asFloat", [value]) => as_float(value).map(Value::Float),
        ("now", _) => Ok(Value::DateTime(given.now.fixed_offset().into())),
        ("duration", [Value::String(text)]) => {
            let duration = api::duration::parse_go_duration(text).map_err(|e| e.to_string())?;
            duration
                .num_nanoseconds()
                .map(Value::Duration)
                .ok_or_else(|| "duration out of range".to_owned())
        }
        ("fromJSON", [Value::String(text)]) => serde_json::from_str(text)
            .map(|json| super::json_value(&json))
            .map_err(|e| e.to_string()),
        ("date" | "timezone", args) if args.iter().any(|arg| arg.as_string() == Some("Local")) => {
            Err("the time zone Local is not supported".to_owned())
        }
        ("first", [Value::Array(list)]) => Ok(list.first().cloned().unwrap_or_default()),
        ("last", [Value::Array(list)]) => Ok(list.last().cloned().unwrap_or_default()),
        ("split" | "splitAfter", [_, _, Value::Integer(0)]) => Err(format!("{name} into no parts is not supported")),
        ("sort", [Value::Array(list), ..]) if list.len() < 2 => Ok(Value::Array(list.clone())),
        ("first", [Value::String(text)]) => Ok(text
            .bytes()
            .next()
            .map_or(Value::Nil, |byte| Value::Integer(byte.into()))),
        ("last", [Value::String(text)]) => Ok(text
            .bytes()
            .next_back()
            .map_or(Value::Nil, |byte| Value::Integer(byte.into()))),
        ("first" | "last", [_]) => Ok(Value::Nil),
        ("max" | "min", [Value::Integer(_) | Value::Float(_) | Value::Array(_)]) => plain(name, args),
        ("max" | "min", [other]) => Ok(other.clone()),
        ("get", [Value::Nil | Value::Bool(_) | Value::Integer(_) | Value::Float(_), _]) => Ok(Value::Nil),
        ("split" | "splitAfter", [Value::String(text), Value::String(separator), ..]) if separator.is_empty() => {
            match args.len() {
                2 => Ok(text
                    .chars()
                    .map(|c| Value::from(c.to_string()))
                    .collect::<Vec<_>>()
                    .into()),
                _ => Err(format!("{name} by nothing into a number of parts is not supported")),
            }
        }
        ("repeat", [Value::String(text), Value::Integer(times)])
            if text.len().saturating_mul(usize::try_from(*times).unwrap_or(0)) > LARGEST =>
        {
            Err("memory budget exceeded".to_owned())
        }
        ("median" | "sort", args) if args.iter().any(holds_nan) => Err(format!("{name} of NaN is not supported")),
        _ => {
            if matches!(name, "trimPrefix" | "trimSuffix") && args.len() == 1 {
                args.push(Value::from(" "));
            }
            plain(name, args)
        }
    }
}

fn plain(name: &str, args: Vec<Value>) -> Result<Value, String> {
    PLAIN_FUNCTIONS
        .eval_func(&expr::Context::default(), name, args, None)
        .map_err(|e| e.to_string())
}

/// What a method yields.
///
/// # Errors
/// Why it yields nothing.
pub(super) fn call_method(of: Value, name: &str, args: Vec<Value>) -> Result<Value, String> {
    // The crate calls methods from within an expression only: the values go in by name.
    let mut context = expr::Context::default();
    context.insert("it", of);
    let names: Vec<String> = (0..args.len()).map(|at| format!("a{at}")).collect();
    for (name, arg) in names.iter().zip(args) {
        context.insert(name.clone(), arg);
    }
    PLAIN_FUNCTIONS
        .eval(&format!("it.{name}({})", names.join(", ")), &context)
        .map_err(|e| e.to_string())
}

/// A Go type name for a value, for messages.
pub(super) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "int",
        Value::Bool(_) => "bool",
        Value::Float(_) => "float64",
        Value::Nil => "<nil>",
        Value::String(_) => "string",
        Value::DateTime(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        Value::Timezone(_) => "*time.Location",
        Value::Month(_) => "time.Month",
        Value::Weekday(_) => "time.Weekday",
        Value::Array(_) => "[]interface {}",
        Value::Bytes(_) => "[]uint8",
        Value::Map(_) => "map[string]interface {}",
        Value::KeyedMap(_) => "map[interface {}]interface {}",
    }
}

static PLAIN_FUNCTIONS: LazyLock<expr::Environment<'static>> = LazyLock::new(expr::Environment::new);

fn as_int(value: &Value) -> Result<i64, String> {
    match value {
        Value::Integer(number) => Ok(*number),
        // Towards zero; what is out of range or no number is not converted to something arbitrary.
        Value::Float(number) if number.abs() < 9.2e18 => Ok(*number as i64),
        Value::String(text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax")),
        other => Err(format!("asInt() not supported on {}", go_type(other))),
    }
}

fn as_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Integer(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::String(text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        other => Err(format!("asFloat() not supported on {}", go_type(other))),
    }
}

fn holds_nan(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_nan(),
        Value::Array(list) => list.iter().any(holds_nan),
        _ => false,
    }
}

fn is_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Float)
}

fn count(name: &str, kinds: &[Kind], allowed: std::ops::RangeInclusive<usize>) -> Result<(), String> {
    if kinds.len() < *allowed.start() {
        Err(format!("not enough arguments to call {name}"))
    } else if kinds.len() > *allowed.end() {
        Err(format!("too many arguments to call {name}"))
    } else {
        Ok(())
    }
}

/// The kind of the only argument, if it is one of those or unknown.
fn only(name: &str, kinds: &[Kind], is: impl Fn(&Kind) -> bool) -> Result<Kind, String> {
    count(name, kinds, 1..=1)?;
    if is(&kinds[0]) || kinds[0].is_unknown() {
        Ok(kinds[0].clone())
    } else {
        Err(format!("invalid argument for {name} (type {})", kinds[0]))
    }
}

fn texts(name: &str, kinds: &[Kind], first: usize) -> Result<(), String> {
    match kinds
        .iter()
        .take(first)
        .find(|kind| **kind != Kind::Text && !kind.is_unknown())
    {
        Some(kind) => Err(cannot_use(kind, "string", name)),
        None => Ok(()),
    }
}

fn integers(name: &str, kinds: &[Kind]) -> Result<(), String> {
    match kinds.iter().find(|kind| **kind != Kind::Int && !kind.is_unknown()) {
        Some(kind) => Err(cannot_use(kind, "int", name)),
        None => Ok(()),
    }
}

fn cannot_use(kind: &Kind, wanted: &str, name: &str) -> String {
    format!("cannot use {kind} as argument (type {wanted}) to call {name}")
}
