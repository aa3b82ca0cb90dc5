//! What kind of value each part of a condition has, as far as that is known before it runs.
//!
//! The original refuses a condition whose kinds cannot fit before it evaluates any of it, and with it `||` in front of
//! nonsense. A condition that passes here may still fail when it runs. Kinds are named as Go names them.

use super::builtin;
use super::tree::{Binary, Each, Node, Order, Sum, Text, Unary};

/// A kind of value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing is known.
    Unknown,
    /// An element of a JSON list or map: anything.
    Any,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    List {
        made: Made,
        of: Box<Kind>,
    },
    /// JSON: keys are texts, values anything.
    Map,
    /// Keys of any kind.
    KeyedMap(Box<Kind>),
    Time,
    Duration,
    Location,
    Month,
    Weekday,
}

/// What a list is to Go, whatever is known of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Any,
    Floats,
    Texts,
}

impl Kind {
    pub(super) fn list(of: Kind) -> Kind {
        Kind::List {
            made: Made::Any,
            of: Box::new(of),
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Kind::Unknown | Kind::Any)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Kind::List { .. })
    }

    /// Durations are numbers to the checks of the original, and fail when it runs.
    fn is_number(&self) -> bool {
        matches!(self, Kind::Int | Kind::Float | Kind::Duration)
    }

    fn is_map(&self) -> bool {
        matches!(self, Kind::Map | Kind::KeyedMap(_))
    }

    /// What an element of it is.
    pub(super) fn element(&self) -> Kind {
        match self {
            Kind::List { of, .. } => (**of).clone(),
            Kind::Map => Kind::Any,
            Kind::KeyedMap(of) => (**of).clone(),
            Kind::Unknown
            | Kind::Any
            | Kind::Nil
            | Kind::Bool
            | Kind::Int
            | Kind::Float
            | Kind::Text
            | Kind::Time
            | Kind::Duration
            | Kind::Location
            | Kind::Month
            | Kind::Weekday => Kind::Unknown,
        }
    }

    /// Whether a value of this kind can stand where one of the other is asked for.
    pub(super) fn fits(&self, other: &Kind) -> bool {
        match (self, other) {
            (Kind::Unknown, _) | (_, Kind::Unknown) => false,
            (_, Kind::Any) => true,
            (Kind::Nil, other) => other.is_map() || other.is_list(),
            (Kind::List { made: a, .. }, Kind::List { made: b, .. }) => a == b,
            (Kind::KeyedMap(_), Kind::KeyedMap(_)) => true,
            (a, b) => a == b,
        }
    }

    fn compares_to(&self, other: &Kind) -> bool {
        self.is_unknown()
            || other.is_unknown()
            || matches!((self, other), (Kind::Nil, _) | (_, Kind::Nil))
            || (self.is_number() && other.is_number())
            || (self.is_list() && other.is_list())
            || self.fits(other)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Unknown | Kind::Nil => "unknown",
            Kind::Any => "interface {}",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Float => "float64",
            Kind::Text => "string",
            Kind::List { made: Made::Any, .. } => "[]interface {}",
            Kind::List { made: Made::Floats, .. } => "[]float64",
            Kind::List { made: Made::Texts, .. } => "[]string",
            Kind::Map => "map[string]interface {}",
            Kind::KeyedMap(_) => "map[interface {}]interface {}",
            Kind::Time => "time.Time",
            Kind::Duration => "time.Duration",
            Kind::Location => "*time.Location",
            Kind::Month => "time.Month",
            Kind::Weekday => "time.Weekday",
        })
    }
}

/// The kind of a whole condition, whose `result` is of this kind.
///
/// # Errors
/// The first part that cannot be of any kind.
pub(super) fn of(node: &Node, result: &Kind) -> Checked {
    let mut scope = Scope {
        result,
        names: Vec::new(),
        lists: Vec::new(),
    };
    scope.check(node)
}

type Checked = Result<Kind, String>;

struct Scope<'a> {
    result: &'a Kind,
    /// What `let` has named.
    names: Vec<(String, Kind)>,
    /// The predicates around: what they run over, and what `#...` names there.
    lists: Vec<(Kind, Vec<(&'static str, Kind)>)>,
}

impl Scope<'_> {
    fn check(&mut self, node: &Node) -> Checked {
        Ok(match node {
            Node::Nil => Kind::Nil,
            Node::Bool(_) => Kind::Bool,
            Node::Int(_) => Kind::Int,
            Node::Float(_) => Kind::Float,
            Node::Text(_) => Kind::Text,
            Node::Name(name) => self.name(name)?,
            Node::Unary(unary, of) => self.unary(*unary, of)?,
            Node::Binary(binary, left, right) => self.binary(*binary, left, right)?,
            Node::Order { first, rest } => {
                let mut left = self.check(first)?;
                for (order, right) in rest {
                    let right = self.check(right)?;
                    ordered(*order, &left, &right)?;
                    left = right;
                }
                Kind::Bool
            }
            Node::Chain(inner) => self.check(inner)?,
            Node::Member { of, key, .. } => self.member(of, key)?,
            Node::Slice { of, from, to } => self.slice(of, [from, to])?,
            Node::Call { name, args } => {
                let kinds = args.iter().map(|arg| self.check(arg)).collect::<Result<Vec<_>, _>>()?;
                builtin::check(name, &kinds)?
            }
            Node::Method { of, name, args, .. } => {
                let of = self.check(of)?;
                let kinds = args.iter().map(|arg| self.check(arg)).collect::<Result<Vec<_>, _>>()?;
                builtin::check_method(&of, name, &kinds)?
            }
            Node::Each {
                what,
                over,
                predicate,
                more,
            } => self.each(*what, over, predicate.as_deref(), more.as_deref())?,
            Node::Pointer(name) => self.pointer(name)?,
            Node::Let { name, value, body } => {
                if name == "result" || builtin::is_known(name) || self.names.iter().any(|(known, _)| known == name) {
                    return Err(format!("cannot redeclare {name}"));
                }
                let value = self.check(value)?;
                self.names.push((name.clone(), value));
                let body = self.check(body);
                self.names.pop();
                body?
            }
            Node::Sequence(nodes) => {
                let mut last = Kind::Unknown;
                for node in nodes {
                    last = self.check(node)?;
                }
                last
            }
            Node::If { condition, yes, no } => {
                let condition = self.check(condition)?;
                if condition != Kind::Bool && !condition.is_unknown() {
                    return Err(format!("non-bool expression (type {condition}) used as condition"));
                }
                either(self.check(yes)?, self.check(no)?)
            }
            Node::List(nodes) => {
                let kinds = nodes
                    .iter()
                    .map(|node| self.check(node))
                    .collect::<Result<Vec<_>, _>>()?;
                let same = kinds.windows(2).all(|pair| same_shape(&pair[0], &pair[1]));
                match kinds.into_iter().next_back() {
                    Some(kind) if same => Kind::list(kind),
                    Some(_) => Kind::list(Kind::Any),
                    None => Kind::list(Kind::Unknown),
                }
            }
            Node::Map(pairs) => {
                for (key, value) in pairs {
                    self.check(key)?;
                    self.check(value)?;
                }
                Kind::Map
            }
        })
    }

    fn name(&self, name: &str) -> Checked {
        match self.names.iter().rev().find(|(known, _)| known == name) {
            Some((_, kind)) => Ok(kind.clone()),
            None if name == "result" => Ok(self.result.clone()),
            None => Err(format!("unknown name {name}")),
        }
    }

    fn unary(&mut self, unary: Unary, of: &Node) -> Checked {
        let kind = self.check(of)?;
        let sign = match unary {
            Unary::Not if kind == Kind::Bool || kind.is_unknown() => return Ok(Kind::Bool),
            Unary::Plus | Unary::Minus if kind.is_number() => return Ok(kind),
            Unary::Plus | Unary::Minus if kind.is_unknown() => return Ok(Kind::Unknown),
            Unary::Not => "!",
            Unary::Plus => "+",
            Unary::Minus => "-",
        };
        Err(format!("invalid operation: {sign} (mismatched type {kind})"))
    }

    fn binary(&mut self, binary: Binary, left: &Node, right: &Node) -> Checked {
        let (l, r) = (self.check(left)?, self.check(right)?);
        let number = |kind: &Kind| kind.is_number();
        let text = |kind: &Kind| *kind == Kind::Text;
        let mismatch = || format!("invalid operation: {} (mismatched types {l} and {r})", binary.as_str());
        let promoted = || {
            if l == Kind::Float || r == Kind::Float {
                Kind::Float
            } else {
                Kind::Int
            }
        };
        let fits = match binary {
            // To the original a concat of nothing is nil.
            Binary::Equal | Binary::NotEqual
                if (r == Kind::Nil && is_concat(left)) || (l == Kind::Nil && is_concat(right)) =>
            {
                None
            }
            Binary::Equal | Binary::NotEqual => l.compares_to(&r).then_some(Kind::Bool),
            Binary::Or | Binary::And => maybe(&l, &r, |kind| *kind == Kind::Bool).then_some(Kind::Bool),
            Binary::Sum(Sum::Add) => match (&l, &r) {
                (Kind::Time, Kind::Duration) | (Kind::Duration, Kind::Time) => Some(Kind::Time),
                (Kind::Duration, Kind::Duration) => Some(Kind::Duration),
                (Kind::Text, Kind::Text) => Some(Kind::Text),
                _ if number(&l) && number(&r) => Some(promoted()),
                _ => maybe_unknown(&l, &r, |kind| number(kind) || text(kind) || *kind == Kind::Time)
                    .then_some(Kind::Unknown),
            },
            Binary::Sum(Sum::Subtract) => match (&l, &r) {
                (Kind::Time, Kind::Time) | (Kind::Duration, Kind::Duration) => Some(Kind::Duration),
                (Kind::Time, Kind::Duration) => Some(Kind::Time),
                _ if number(&l) && number(&r) => Some(promoted()),
                _ => maybe_unknown(&l, &r, |kind| number(kind) || *kind == Kind::Time).then_some(Kind::Unknown),
            },
            Binary::Sum(Sum::Multiply) => match (&l, &r) {
                (Kind::Duration, _) | (_, Kind::Duration) if number(&l) && number(&r) => Some(Kind::Duration),
                _ if number(&l) && number(&r) => Some(promoted()),
                _ => maybe_unknown(&l, &r, number).then_some(Kind::Unknown),
            },
            Binary::Divide | Binary::Power => maybe(&l, &r, number).then_some(Kind::Float),
            Binary::Modulo => {
                if matches!(right, Node::Int(0)) {
                    return Err("integer divide by zero".to_owned());
                }
                maybe(&l, &r, |kind| *kind == Kind::Int).then_some(Kind::Int)
            }
            Binary::Range => maybe(&l, &r, |kind| *kind == Kind::Int).then(|| Kind::list(Kind::Int)),
            Binary::Text(Text::Matches) => {
                if let Node::Text(pattern) = right {
                    regex::Regex::new(pattern).map_err(|_| format!("error parsing regexp: `{pattern}`"))?;
                }
                maybe(&l, &r, text).then_some(Kind::Bool)
            }
            Binary::Text(Text::Contains | Text::StartsWith | Text::EndsWith) => {
                maybe(&l, &r, text).then_some(Kind::Bool)
            }
            Binary::In => contained(&l, &r)?.then_some(Kind::Bool),
            Binary::Coalesce => Some(match (&l, &r) {
                (Kind::Nil, _) => r.clone(),
                (_, Kind::Nil) => l.clone(),
                _ if r.fits(&l) => l.clone(),
                _ => Kind::Unknown,
            }),
        };
        fits.ok_or_else(mismatch)
    }

    fn member(&mut self, of: &Node, key: &Node) -> Checked {
        let (base, property) = (self.check(of)?, self.check(key)?);
        if base.is_unknown() {
            return Ok(Kind::Unknown);
        }
        match (&base, key) {
            (Kind::Nil, Node::Text(name)) => Err(format!("type nil has no field {name}")),
            (Kind::Map, _) if !property.fits(&Kind::Text) && !property.is_unknown() => {
                Err(format!("cannot use {property} to get an element from {base}"))
            }
            (Kind::Map | Kind::KeyedMap(_), _) => Ok(base.element()),
            (Kind::List { .. }, _) if property == Kind::Int || property.is_unknown() => Ok(base.element()),
            (Kind::List { .. }, _) => Err(format!(
                "array elements can only be selected using an integer (got {property})"
            )),
            (_, Node::Text(name)) => Err(format!("type {base} has no field {name}")),
            _ => Err(format!("type {base}[{property}] is undefined")),
        }
    }

    fn slice(&mut self, of: &Node, bounds: [&Option<Box<Node>>; 2]) -> Checked {
        let base = self.check(of)?;
        if base.is_unknown() {
            // The original does not look at the bounds then; what is wrong with them shows when it runs.
            return Ok(Kind::Unknown);
        }
        if base != Kind::Text && !base.is_list() {
            return Err(format!("cannot slice {base}"));
        }
        for bound in bounds.into_iter().flatten() {
            let kind = self.check(bound)?;
            if kind != Kind::Int && !kind.is_unknown() {
                return Err(format!("non-integer slice index {kind}"));
            }
        }
        Ok(base)
    }

    fn each(&mut self, what: Each, over: &Node, predicate: Option<&Node>, more: Option<&Node>) -> Checked {
        let list = self.check(over)?;
        if !list.is_list() && !list.is_unknown() {
            return Err(format!("builtin {} takes only array (got {list})", what.as_str()));
        }
        let named = match what {
            Each::Map => vec![("index", Kind::Int)],
            Each::Reduce => vec![("index", Kind::Int), ("acc", Kind::Unknown)],
            Each::All | Each::None | Each::Any | Each::One | Each::Filter | Each::Count | Each::Sum => Vec::new(),
            Each::Find | Each::FindIndex | Each::FindLast | Each::FindLastIndex => Vec::new(),
            Each::GroupBy | Each::SortBy => Vec::new(),
        };
        let yields = match predicate {
            Some(predicate) => {
                self.lists.push((list.clone(), named));
                let yields = self.check(predicate);
                self.lists.pop();
                yields?
            }
            // Without a predicate the elements themselves are counted or added up.
            None => list.element(),
        };
        if predicate.is_some() && yields == Kind::Nil {
            return Err("predicate should has one input and one output param".to_owned());
        }
        let boolean = || match &yields {
            Kind::Bool => Ok(()),
            kind if kind.is_unknown() || predicate.is_none() => Ok(()),
            kind => Err(format!("predicate should return boolean (got {kind})")),
        };
        let more = more.map(|more| self.check(more)).transpose()?;
        Ok(match what {
            Each::All | Each::None | Each::Any | Each::One => {
                boolean()?;
                Kind::Bool
            }
            Each::Filter => {
                boolean()?;
                Kind::list(if list.is_unknown() { Kind::Any } else { list.element() })
            }
            Each::Find | Each::FindLast => {
                boolean()?;
                list.element()
            }
            Each::FindIndex | Each::FindLastIndex | Each::Count => {
                boolean()?;
                Kind::Int
            }
            Each::Map => Kind::list(yields),
            Each::Sum | Each::Reduce => yields,
            Each::GroupBy => Kind::KeyedMap(Box::new(Kind::list(list.element()))),
            Each::SortBy => match more {
                Some(order) if order != Kind::Text && !order.is_unknown() => {
                    return Err(format!("sortBy order argument must be a string (got {order})"));
                }
                Some(_) | None => list,
            },
        })
    }

    fn pointer(&self, name: &str) -> Checked {
        let Some((list, named)) = self.lists.last() else {
            return Err("cannot use pointer accessor outside predicate".to_owned());
        };
        if name.is_empty() {
            return Ok(list.element());
        }
        let known = named.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, kind)| kind.clone())
            .ok_or_else(|| format!("unknown pointer #{name}"))
    }
}

/// Whether both are of the kind, or one is and the other may be, or both may be.
fn maybe(left: &Kind, right: &Kind, is: impl Fn(&Kind) -> bool) -> bool {
    (is(left) && is(right)) || maybe_unknown(left, right, is)
}

fn maybe_unknown(left: &Kind, right: &Kind, is: impl Fn(&Kind) -> bool) -> bool {
    match (left.is_unknown(), right.is_unknown()) {
        (true, true) => true,
        (true, false) => is(right),
        (false, true) => is(left),
        (false, false) => false,
    }
}

fn ordered(order: Order, left: &Kind, right: &Kind) -> Result<(), String> {
    let number = left.is_number() && right.is_number();
    let same = matches!((left, right), (Kind::Text, Kind::Text) | (Kind::Time, Kind::Time));
    let orders = |kind: &Kind| kind.is_number() || matches!(kind, Kind::Text | Kind::Time);
    if number || same || maybe_unknown(left, right, orders) {
        Ok(())
    } else {
        Err(format!(
            "invalid operation: {} (mismatched types {left} and {right})",
            order.as_str()
        ))
    }
}

fn contained(left: &Kind, right: &Kind) -> Result<bool, String> {
    match right {
        Kind::Map if !left.is_unknown() && !left.fits(&Kind::Text) => {
            Err(format!("cannot use {left} as type string in map key"))
        }
        Kind::Map | Kind::KeyedMap(_) => Ok(true),
        Kind::List { of, .. } if left.compares_to(of) => Ok(true),
        Kind::List { of, .. } => Err(format!("cannot use {left} as type {of} in array")),
        Kind::Text => Ok(left.is_unknown()),
        Kind::Unknown | Kind::Any => Ok(true),
        Kind::Nil
        | Kind::Bool
        | Kind::Int
        | Kind::Float
        | Kind::Time
        | Kind::Duration
        | Kind::Location
        | Kind::Month
        | Kind::Weekday => Ok(false),
    }
}

fn is_concat(node: &Node) -> bool {
    matches!(node, Node::Call { name, .. } if name == "concat")
}

/// The kind of one of two.
fn either(yes: Kind, no: Kind) -> Kind {
    match (&yes, &no) {
        (Kind::Nil, _) => no,
        (_, Kind::Nil) => yes,
        (Kind::List { of: a, .. }, Kind::List { of: b, .. }) if yes.fits(&no) && !(a.fits(b) && b.fits(a)) => {
            Kind::list(Kind::Any)
        }
        _ if yes.fits(&no) => yes,
        _ => Kind::Unknown,
    }
}

/// Whether the elements of a list literal count as of one kind.
fn same_shape(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::List { .. }, Kind::List { .. }) => true,
        (a, b) if a.is_map() && b.is_map() => true,
        (Kind::Nil | Kind::Unknown, Kind::Nil | Kind::Unknown) => true,
        (a, b) => a == b,
    }
}
