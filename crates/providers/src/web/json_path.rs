//! JSONPath as Kubernetes writes it (`{$.items[?(@.name=="a")].value}`), and its first match in a JSON tree.
//!
//! Kubernetes' form is not RFC 9535: braces around it, a key that is missing is an error, names are escaped by `\`, a
//! filter is one comparison, `{range A}{B}{end}`. Source: wire-contract 4.5 (Web), the JSONPath page of Kubernetes.

mod parse;

use std::cmp::Ordering;

use serde_json::Value;

/// A parsed template. Of several expressions the first one counts.
#[derive(Debug, PartialEq)]
pub(crate) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq)]
enum Step {
    /// `.name`, `['name']`
    Field(String),
    /// `.*`, `[*]`
    Each,
    /// `..`: the value and all that is below it
    Descend,
    /// `[3]`, `[-1]`
    At(i64),
    /// `[start:end:step]`
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: usize,
    },
    /// `['a','b']`, `[0,2]`
    Union(Vec<Step>),
    /// `[?(@.a)]`, `[?(@.a=="b")]`
    Filter(Operand, Option<(Comparison, Operand)>),
}

#[derive(Debug, PartialEq)]
enum Operand {
    /// `@.a.b`, from the element that is tested
    Path(Vec<Step>),
    /// `$.a.b`
    FromRoot(Vec<Step>),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Reads a template.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::template(text).map(|steps| JsonPath { steps })
    }

    /// The first match. `None`: a wildcard or filter matched nothing. An error: the path names what is not there.
    pub(crate) fn first<'v>(&self, root: &'v Value) -> Result<Option<&'v Value>, String> {
        Ok(walk(&self.steps, root, vec![root])?.into_iter().next())
    }
}

fn walk<'v>(steps: &[Step], root: &'v Value, from: Vec<&'v Value>) -> Result<Vec<&'v Value>, String> {
    steps.iter().try_fold(from, |values, step| step.apply(root, &values))
}

impl Step {
    fn apply<'v>(&self, root: &'v Value, values: &[&'v Value]) -> Result<Vec<&'v Value>, String> {
        let mut found = Vec::new();
        match self {
            // Missing somewhere is fine as long as it is there somewhere.
            Step::Field(name) => {
                found.extend(values.iter().filter_map(|value| value.get(name)));
                if found.is_empty() && !values.is_empty() {
                    return Err(format!("{name} is not found"));
                }
            }
            Step::Each => values.iter().for_each(|value| found.extend(children(value))),
            Step::Descend => values.iter().for_each(|value| descend(value, &mut found)),
            Step::At(index) => {
                for value in values {
                    let list = list(value)?;
                    let at = position(*index, list.len());
                    let out = || format!("array index out of bounds: index {index}, length {}", list.len());
                    found.push(usize::try_from(at).ok().and_then(|at| list.get(at)).ok_or_else(out)?);
                }
            }
            Step::Slice { start, end, step } => {
                for value in values {
                    let list = list(value)?;
                    let bound = |index: Option<i64>, default: usize| match index {
                        None => default,
                        Some(index) => usize::try_from(position(index, list.len()))
                            .unwrap_or(0)
                            .min(list.len()),
                    };
                    let (start, end) = (bound(*start, 0), bound(*end, list.len()));
                    found.extend(list.get(start..end).unwrap_or_default().iter().step_by(*step));
                }
            }
            Step::Union(parts) => {
                for part in parts {
                    found.extend(part.apply(root, values)?);
                }
            }
            Step::Filter(left, right) => {
                for value in values {
                    for item in list(value)? {
                        if passes(left, right.as_ref(), root, item) {
                            found.push(item);
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value
        .as_array()
        .ok_or_else(|| format!("{} is not array or slice", kind(value)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Negative indices count from the end.
fn position(index: i64, length: usize) -> i64 {
    match index {
        0.. => index,
        _ => index.saturating_add_unsigned(length as u64),
    }
}

/// Members in the order of their names, so that "the first" means the same every time.
fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => std::collections::BTreeMap::from_iter(map).into_values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn descend<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    found.push(value);
    for child in children(value) {
        descend(child, found);
    }
}

/// An operand that is not there, or is not one value, passes no comparison.
fn passes<'v>(left: &'v Operand, right: Option<&'v (Comparison, Operand)>, root: &'v Value, item: &'v Value) -> bool {
    let Some((comparison, right)) = right else {
        return !left.values(root, item).is_empty();
    };
    let (left, right) = (left.values(root, item), right.values(root, item));
    let ([left], [right]) = (left.as_slice(), right.as_slice()) else {
        return false;
    };
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (left, right) => (left == right).then_some(Ordering::Equal),
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

impl Operand {
    fn values<'v>(&'v self, root: &'v Value, item: &'v Value) -> Vec<&'v Value> {
        match self {
            Operand::Literal(value) => vec![value],
            Operand::Path(steps) => walk(steps, root, vec![item]).unwrap_or_default(),
            Operand::FromRoot(steps) => walk(steps, root, vec![root]).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn first_matches() {
        let tree = json!({
            "data": {"ok": true, "n": 3, "a.b": "dotted", "result": [{"value": [1700000000, "0.5"]}]},
            "items": [
                {"name": "one", "size": 1, "tags": ["x", "y"]},
                {"name": "two", "size": 2.5, "on": true},
                {"name": "three", "size": 30},
            ],
            "empty": [],
        });
        let table = [
            ("{$.data.n}", "3"),
            ("{.data.n}", "3"),
            ("{@.data.n}", "3"),
            ("  { .data.n } ", "3"),
            ("{$.data['n']}", "3"),
            ("{$['data'][\"n\"]}", "3"),
            ("{$.data.a\\.b}", "\"dotted\""),
            ("{$.data['a.b']}", "\"dotted\""),
            ("{$.data.result[0].value[1]}", "\"0.5\""),
            ("{.items[-1].name}", "\"three\""),
            ("{.items[*].name}", "\"one\""),
            ("{.items[1:].name}", "\"two\""),
            ("{.items[-2:-1].name}", "\"two\""),
            ("{.items[::2]['size']}", "1"),
            ("{.items[2,0].name}", "\"three\""),
            ("{.items[0]['size','name']}", "1"),
            ("{..size}", "1"),
            ("{.data.*}", "\"dotted\""),
            ("{.items[?(@.name==\"two\")].size}", "2.5"),
            ("{.items[?(@.name == 'two')].size}", "2.5"),
            ("{.items[?(@.size>2)].name}", "\"two\""),
            ("{.items[?(@.size>=30)].name}", "\"three\""),
            ("{.items[?(@.name!='one')].name}", "\"two\""),
            ("{.items[?(@.size<=$.data.n)].name}", "\"one\""),
            ("{.items[?(@.on)].name}", "\"two\""),
            ("{.items[?(@.on==true)].name}", "\"two\""),
            ("{.items[?(@.tags[1]=='y')].name}", "\"one\""),
            ("{range .items[*]}{.size}{end}", "1"),
            ("{range .items[?(@.size>2)]}{@.name}, {end}", "\"two\""),
            ("{.items[?(@.name=='four')].size}", "nothing"),
            ("{.items[?(@.name=='four')]}", "nothing"),
            ("{.empty[*]}", "nothing"),
            ("{.items[3:]}", "nothing"),
            ("{.data.m}", "error: m is not found"),
            ("{.data[0]}", "error: an object is not array or slice"),
            ("{.items[3]}", "error: array index out of bounds: index 3, length 3"),
            ("{.items[-4]}", "error: array index out of bounds: index -4, length 3"),
        ];
        for (path, want) in table {
            let path = path.to_owned();
            let got = match JsonPath::parse(&path)
                .unwrap_or_else(|why| panic!("{path}: {why}"))
                .first(&tree)
            {
                Ok(Some(value)) => value.to_string(),
                Ok(None) => "nothing".to_owned(),
                Err(why) => format!("error: {why}"),
            };
            assert_eq!(got, want, "{path}");
        }
    }

    #[test]
    fn not_a_path() {
        let table = [
            ("", "there is no {expression}"),
            ("$.a", "text outside of braces: write {$.a}"),
            ("{$.a", "a { is not closed"),
            ("{a.b}", "an expression begins with $, @, . or ["),
            ("{.a b}", "not understood: b"),
            ("{.a[}", "[ is not closed"),
            ("{.a[]}", "[] is empty"),
            ("{.a[x]}", "not an index, slice or quoted name: x"),
            ("{.a[1:2:0]}", "a step is at least 1"),
            ("{.a['x]}", "a quote is not closed"),
            ("{.a[?(@.b==)]}", "not understood: an operand is missing"),
            ("{.a[?(@.b=1)]}", "not understood: =1)]"),
            ("{.a[?(@.b==1 && @.c)]}", "not understood: && @.c)]"),
            ("{range .a[*]}{.b}", "{range} without {end}"),
            ("{.a.}", "a name is missing after ."),
        ];
        for (path, want) in table {
            assert_eq!(JsonPath::parse(path), Err(want.to_owned()), "{path}");
        }
    }
}
