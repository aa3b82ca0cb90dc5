//! What a condition comes to.

use std::cmp::Ordering;

use expr::Value;

use super::builtin::{self, Given, go_type};
use super::operate::{self, apply, orders};
use super::tree::{Binary, Each, Link, Node, Order, Sum, Unary};

/// Evaluates a condition whose kinds have been checked.
///
/// # Errors
/// Why it comes to nothing.
pub(super) fn eval(node: &Node, given: Given<'_>) -> Result<Value, String> {
    let mut run = Run {
        given,
        names: Vec::new(),
        scopes: Vec::new(),
        steps: 0,
    };
    run.eval(node).map_err(|stop| match stop {
        Stop::Error(why) => why,
        Stop::Nothing => "nil".to_owned(),
    })
}

/// Steps that one evaluation may take.
const STEPS: usize = 2_000_000;

/// Why an evaluation does not go on.
enum Stop {
    Error(String),
    /// `?.` met nothing: so is the chain it stands in.
    Nothing,
}

impl From<String> for Stop {
    fn from(why: String) -> Stop {
        Stop::Error(why)
    }
}

type Evaluated = Result<Value, Stop>;

struct Run<'a> {
    given: Given<'a>,
    /// What `let` has named.
    names: Vec<(&'a str, Value)>,
    /// The predicates around: what `#`, `#index` and `#acc` are.
    scopes: Vec<Pointed>,
    steps: usize,
}

struct Pointed {
    element: Value,
    index: usize,
    so_far: Value,
}

impl<'a> Run<'a> {
    /// Only hands on: the less of it lies on the stack, the deeper a condition may be.
    fn eval(&mut self, node: &'a Node) -> Evaluated {
        self.step(1)?;
        match node {
            Node::Nil => Ok(Value::Nil),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Int(number) => Ok(Value::Integer(*number)),
            Node::Float(number) => Ok(Value::Float(*number)),
            Node::Text(text) => Ok(Value::String(text.clone())),
            Node::Name(_) | Node::Pointer(_) => self.copied(node),
            Node::Unary(unary, of) => self.unary(*unary, of),
            Node::Binary(binary, left, right) => self.binary(*binary, left, right),
            Node::Order { first, rest } => self.order(first, rest),
            Node::Chain(inner) => self.chain(inner),
            Node::Member { of, key, link } => self.member(of, key, *link),
            Node::Slice { of, from, to } => self.slice(of, from.as_deref(), to.as_deref()),
            Node::Call { name, args } => self.call(name, args),
            Node::Method { of, name, args, link } => self.method(of, name, args, *link),
            Node::Each {
                what,
                over,
                predicate,
                more,
            } => self.each(*what, over, predicate.as_deref(), more.as_deref()),
            Node::Let { name, value, body } => self.with(name, value, body),
            Node::Sequence(nodes) => self.sequence(nodes),
            Node::If { condition, yes, no } => self.either(condition, yes, no),
            Node::List(nodes) => self.all(nodes).map(Value::Array),
            Node::Map(pairs) => self.map(pairs),
        }
    }

    fn all(&mut self, nodes: &'a [Node]) -> Result<Vec<Value>, Stop> {
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    /// What a name or a pointer stands for, where it lies; `None` for anything else.
    fn lying(&self, node: &Node) -> Option<&Value> {
        match node {
            Node::Name(name) => {
                let named = self.names.iter().rev().find(|(known, _)| known == name);
                Some(named.map_or(self.given.result, |(_, value)| value))
            }
            Node::Pointer(name) if name.is_empty() => self.scopes.last().map(|scope| &scope.element),
            Node::Pointer(name) if name == "acc" => self.scopes.last().map(|scope| &scope.so_far),
            _ => None,
        }
    }

    fn copied(&mut self, node: &Node) -> Evaluated {
        let value = match (self.lying(node), self.scopes.last()) {
            (Some(value), _) => value.clone(),
            (None, Some(scope)) => index_value(scope.index),
            (None, None) => return Err(Stop::Error("cannot use pointer accessor outside predicate".to_owned())),
        };
        self.step(size(&value))?;
        Ok(value)
    }

    fn unary(&mut self, unary: Unary, of: &'a Node) -> Evaluated {
        let value = self.eval(of)?;
        Ok(operate::unary(unary, value)?)
    }

    fn order(&mut self, first: &'a Node, rest: &'a [(Order, Node)]) -> Evaluated {
        let mut left = self.eval(first)?;
        for (order, right) in rest {
            let right = self.eval(right)?;
            if !orders(*order, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn chain(&mut self, inner: &'a Node) -> Evaluated {
        match self.eval(inner) {
            Err(Stop::Nothing) => Ok(Value::Nil),
            other => other,
        }
    }

    fn linked(&mut self, of: &'a Node, link: Link) -> Evaluated {
        match (self.eval(of)?, link) {
            (Value::Nil, Link::Optional) => Err(Stop::Nothing),
            (value, _) => Ok(value),
        }
    }

    fn member(&mut self, of: &'a Node, key: &'a Node, link: Link) -> Evaluated {
        if self.lying(of).is_some_and(|base| *base != Value::Nil) {
            let key = self.eval(key)?;
            // What lies there is not changed by evaluating the key; only the member is copied.
            return Ok(self
                .lying(of)
                .map_or(Ok(Value::Nil), |base| operate::member(base, &key))?);
        }
        let base = self.linked(of, link)?;
        let key = self.eval(key)?;
        Ok(operate::member(&base, &key)?)
    }

    fn slice(&mut self, of: &'a Node, from: Option<&'a Node>, to: Option<&'a Node>) -> Evaluated {
        let base = self.eval(of)?;
        let from = from.map(|node| self.eval(node)).transpose()?;
        let to = to.map(|node| self.eval(node)).transpose()?;
        Ok(operate::slice(base, from, to)?)
    }

    fn call(&mut self, name: &str, args: &'a [Node]) -> Evaluated {
        let mut values = self.all(args)?;
        self.step(values.iter().map(size).sum())?;
        if let ([Value::Integer(number)], [arg]) = (values.as_slice(), args)
            && builtin::takes_float(name)
            && has_literal(arg)
        {
            values = vec![Value::Float(*number as f64)];
        }
        Ok(builtin::call(name, values, self.given)?)
    }

    fn method(&mut self, of: &'a Node, name: &str, args: &'a [Node], link: Link) -> Evaluated {
        let base = self.linked(of, link)?;
        let args = self.all(args)?;
        Ok(builtin::call_method(base, name, args)?)
    }

    fn with(&mut self, name: &'a str, value: &'a Node, body: &'a Node) -> Evaluated {
        let value = self.eval(value)?;
        self.names.push((name, value));
        let body = self.eval(body);
        self.names.pop();
        body
    }

    fn sequence(&mut self, nodes: &'a [Node]) -> Evaluated {
        Ok(self.all(nodes)?.pop().unwrap_or_default())
    }

    fn either(&mut self, condition: &'a Node, yes: &'a Node, no: &'a Node) -> Evaluated {
        match self.eval(condition)? {
            Value::Bool(true) => self.eval(yes),
            Value::Bool(false) => self.eval(no),
            other => Err(not_bool(&other)),
        }
    }

    fn map(&mut self, pairs: &'a [(Node, Node)]) -> Evaluated {
        let mut map = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Value::String(key) = self.eval(key)? else {
                return Err(Stop::Error("a map key must be a string".to_owned()));
            };
            map.push((key, self.eval(value)?));
        }
        Ok(Value::Map(map.into_iter().collect()))
    }

    fn step(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > STEPS {
            Err(Stop::Error("the condition takes too long".to_owned()))
        } else {
            Ok(())
        }
    }

    fn binary(&mut self, binary: Binary, left: &'a Node, right: &'a Node) -> Evaluated {
        // The original does not evaluate what cannot matter.
        match (binary, right) {
            (Binary::Or, Node::Bool(true)) => return Ok(Value::Bool(true)),
            (Binary::And, Node::Bool(false)) => return Ok(Value::Bool(false)),
            _ => {}
        }
        let left = self.eval(left)?;
        match (binary, &left) {
            (Binary::And, Value::Bool(false)) | (Binary::Or, Value::Bool(true)) => return Ok(left),
            (Binary::And | Binary::Or, Value::Bool(_)) => {
                return match self.eval(right)? {
                    value @ Value::Bool(_) => Ok(value),
                    other => Err(not_bool(&other)),
                };
            }
            (Binary::And | Binary::Or, other) => return Err(not_bool(other)),
            (Binary::Coalesce, Value::Nil) => return self.eval(right),
            (Binary::Coalesce, _) => return Ok(left),
            _ => {}
        }
        if let (Binary::In, Some(texts)) = (binary, literal_texts(right)) {
            return Ok(Value::Bool(among(&left, &texts)?));
        }
        let right = self.eval(right)?;
        self.step(size(&left) + size(&right))?;
        Ok(apply(binary, left, right)?)
    }

    fn each(&mut self, what: Each, over: &'a Node, predicate: Option<&'a Node>, more: Option<&'a Node>) -> Evaluated {
        let list = match self.eval(over)? {
            Value::Array(list) => list,
            Value::String(text) => text.bytes().map(|byte| Value::Integer(i64::from(byte))).collect(),
            Value::Map(map) if map.is_empty() => Vec::new(),
            other => return Err(Stop::Error(format!("a list is needed, not {}", go_type(&other)))),
        };
        let total = list.len();
        let mut reducing = match (what, more) {
            (Each::Reduce, Some(more)) => Some(self.eval(more)?),
            _ => None,
        };
        let order = match (what, more) {
            (Each::SortBy, Some(more)) => Some(self.eval(more)?),
            _ => None,
        };
        let mut kept = Vec::new();
        let mut sum = Value::Integer(0);
        let mut count = 0;
        let backwards = matches!(what, Each::FindLast | Each::FindLastIndex);
        for at in 0..total {
            let index = if backwards { total - 1 - at } else { at };
            let element = list[index].clone();
            if what == Each::Reduce && reducing.is_none() {
                reducing = Some(element);
                continue;
            }
            let so_far = reducing.clone().unwrap_or_default();
            let yields = match predicate {
                Some(predicate) => {
                    self.scopes.push(Pointed {
                        element: element.clone(),
                        index,
                        so_far,
                    });
                    let yields = self.eval(predicate);
                    self.scopes.pop();
                    yields?
                }
                None => element.clone(),
            };
            let holds = || match &yields {
                Value::Bool(value) => Ok(*value),
                other => Err(not_bool(other)),
            };
            match what {
                Each::All if !holds()? => return Ok(Value::Bool(false)),
                Each::None | Each::Any if holds()? => return Ok(Value::Bool(what == Each::Any)),
                Each::Find | Each::FindLast if holds()? => return Ok(element),
                Each::FindIndex | Each::FindLastIndex if holds()? => return Ok(index_value(index)),
                Each::All | Each::None | Each::Any | Each::Find | Each::FindLast => {}
                Each::FindIndex | Each::FindLastIndex => {}
                Each::One | Each::Count => count += usize::from(holds()?),
                Each::Filter => {
                    if holds()? {
                        kept.push(element);
                    }
                }
                Each::Map => kept.push(yields),
                Each::Sum => sum = apply(Binary::Sum(Sum::Add), sum, yields)?,
                Each::Reduce => reducing = Some(yields),
                Each::GroupBy | Each::SortBy => kept.push(Value::Array(vec![yields, element])),
            }
        }
        Ok(match what {
            Each::All | Each::None => Value::Bool(true),
            Each::Any => Value::Bool(false),
            Each::One => Value::Bool(count == 1),
            Each::Count => index_value(count),
            Each::Find | Each::FindLast => Value::Nil,
            // The original yields nothing, under the kind of a number: most of what is done with it then fails.
            Each::FindIndex | Each::FindLastIndex => return Err(Stop::Error("no element was found".to_owned())),
            Each::Filter | Each::Map => Value::Array(kept),
            Each::Sum => sum,
            Each::Reduce => reducing.ok_or_else(|| "reduce of empty array with no initial value".to_owned())?,
            Each::GroupBy => grouped(kept)?,
            Each::SortBy => sorted(kept, order)?,
        })
    }
}

/// The texts of a list of nothing else.
fn literal_texts(node: &Node) -> Option<Vec<&str>> {
    let Node::List(nodes) = node else { return None };
    let texts: Option<Vec<&str>> = nodes
        .iter()
        .map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.filter(|texts| !texts.is_empty())
}

/// Only a text can be asked for among texts; nothing counts as the empty one.
fn among(needle: &Value, texts: &[&str]) -> Result<bool, String> {
    match needle {
        Value::String(needle) => Ok(texts.contains(&needle.as_str())),
        Value::Nil => Ok(texts.contains(&"")),
        other => Err(format!("{} is not assignable to type string", go_type(other))),
    }
}

/// Whether a whole number is written out in it, next to nothing but signs and plain arithmetic.
fn has_literal(node: &Node) -> bool {
    match node {
        Node::Int(_) => true,
        Node::Unary(_, of) => has_literal(of),
        Node::Binary(Binary::Sum(_), a, b) => has_literal(a) || has_literal(b),
        _ => false,
    }
}

fn grouped(pairs: Vec<Value>) -> Result<Value, String> {
    let mut groups: Vec<(Value, Value)> = Vec::new();
    for (key, element) in pairs.into_iter().filter_map(pair) {
        if matches!(key, Value::Array(_) | Value::Map(_) | Value::KeyedMap(_)) {
            return Err(format!("{} cannot be a key", go_type(&key)));
        }
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, Value::Array(list))) => list.push(element),
            Some(_) | None => groups.push((key, Value::Array(vec![element]))),
        }
    }
    Ok(Value::KeyedMap(groups))
}

fn sorted(pairs: Vec<Value>, order: Option<Value>) -> Result<Value, String> {
    let descending = match order.as_ref().map(Value::as_string) {
        None | Some(Some("asc")) => false,
        Some(Some("desc")) => true,
        Some(_) => return Err("invalid order, expected asc or desc".to_owned()),
    };
    let mut pairs: Vec<(Value, Value)> = pairs.into_iter().filter_map(pair).collect();
    for two in pairs.windows(2) {
        orders(Order::Less, &two[0].0, &two[1].0)?;
    }
    pairs.sort_by(|(a, _), (b, _)| {
        let (a, b) = if descending { (b, a) } else { (a, b) };
        match (orders(Order::Less, a, b), orders(Order::Less, b, a)) {
            (Ok(true), _) => Ordering::Less,
            (_, Ok(true)) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    });
    Ok(Value::Array(pairs.into_iter().map(|(_, element)| element).collect()))
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let Value::Array(two) = value else { return None };
    let [key, element] = <[Value; 2]>::try_from(two).ok()?;
    Some((key, element))
}

fn index_value(index: usize) -> Value {
    Value::Integer(i64::try_from(index).unwrap_or(i64::MAX))
}

fn not_bool(value: &Value) -> Stop {
    Stop::Error(format!(
        "interface conversion: interface {{}} is {}, not bool",
        go_type(value)
    ))
}

/// How much work a value is.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::String(text) => text.len(),
        Value::Map(map) => map.len(),
        _ => 1,
    }
}
