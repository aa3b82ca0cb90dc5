//! The parts of a condition: what it is parsed into.

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// `first < a <= b`: each with the one before it.
    Order {
        first: Box<Node>,
        rest: Vec<(Order, Node)>,
    },
    /// Where `?.` on nothing ends, with nothing.
    Chain(Box<Node>),
    Member {
        of: Box<Node>,
        key: Box<Node>,
        link: Link,
    },
    Slice {
        of: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    Call {
        name: String,
        args: Vec<Node>,
    },
    Method {
        of: Box<Node>,
        name: String,
        args: Vec<Node>,
        link: Link,
    },
    /// A function that runs a predicate over a list.
    Each {
        what: Each,
        over: Box<Node>,
        predicate: Option<Box<Node>>,
        more: Option<Box<Node>>,
    },
    /// `#`, `#index`, `#acc` inside a predicate.
    Pointer(String),
    Let {
        name: String,
        value: Box<Node>,
        body: Box<Node>,
    },
    Sequence(Vec<Node>),
    If {
        condition: Box<Node>,
        yes: Box<Node>,
        no: Box<Node>,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Plus,
    Minus,
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    In,
    Text(Text),
    Range,
    Sum(Sum),
    Divide,
    Modulo,
    Power,
    Coalesce,
}

/// Which of two values comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What one text is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Matches,
    Contains,
    StartsWith,
    EndsWith,
}

/// Arithmetic that keeps whole numbers whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    Add,
    Subtract,
    Multiply,
}

/// An operator between two operands, as the parser meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Infix {
    Binary(Binary),
    Order(Order),
}

impl Infix {
    /// The operator of this token, how tightly it binds, and which side goes first.
    pub(super) fn of(op: &str) -> Option<(Infix, u16, Side)> {
        let binary = |binary, strength| Some((Infix::Binary(binary), strength, Side::Left));
        let order = |order| Some((Infix::Order(order), 20, Side::Left));
        match op {
            "or" | "||" => binary(Binary::Or, 10),
            "and" | "&&" => binary(Binary::And, 15),
            "==" => binary(Binary::Equal, 20),
            "!=" => binary(Binary::NotEqual, 20),
            "<" => order(Order::Less),
            "<=" => order(Order::LessOrEqual),
            ">" => order(Order::Greater),
            ">=" => order(Order::GreaterOrEqual),
            "in" => binary(Binary::In, 20),
            "matches" => binary(Binary::Text(Text::Matches), 20),
            "contains" => binary(Binary::Text(Text::Contains), 20),
            "startsWith" => binary(Binary::Text(Text::StartsWith), 20),
            "endsWith" => binary(Binary::Text(Text::EndsWith), 20),
            ".." => binary(Binary::Range, 25),
            "+" => binary(Binary::Sum(Sum::Add), 30),
            "-" => binary(Binary::Sum(Sum::Subtract), 30),
            "*" => binary(Binary::Sum(Sum::Multiply), 60),
            "/" => binary(Binary::Divide, 60),
            "%" => binary(Binary::Modulo, 60),
            "**" | "^" => Some((Infix::Binary(Binary::Power), 100, Side::Right)),
            "??" => binary(Binary::Coalesce, 500),
            _ => None,
        }
    }
}

impl Binary {
    /// As it is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Binary::Or => "||",
            Binary::And => "&&",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::In => "in",
            Binary::Text(Text::Matches) => "matches",
            Binary::Text(Text::Contains) => "contains",
            Binary::Text(Text::StartsWith) => "startsWith",
            Binary::Text(Text::EndsWith) => "endsWith",
            Binary::Range => "..",
            Binary::Sum(Sum::Add) => "+",
            Binary::Sum(Sum::Subtract) => "-",
            Binary::Sum(Sum::Multiply) => "*",
            Binary::Divide => "/",
            Binary::Modulo => "%",
            Binary::Power => "**",
            Binary::Coalesce => "??",
        }
    }
}

impl Order {
    /// As it is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Order::Less => "<",
            Order::LessOrEqual => "<=",
            Order::Greater => ">",
            Order::GreaterOrEqual => ">=",
        }
    }
}

/// Which of two operators that bind alike goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// `.` or `?.`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Required,
    Optional,
}

/// The functions that run a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Each {
    All,
    None,
    Any,
    One,
    Filter,
    Map,
    Count,
    Sum,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    GroupBy,
    SortBy,
    Reduce,
}

impl Each {
    const NAMES: [(&str, Each); 15] = [
        ("all", Each::All),
        ("none", Each::None),
        ("any", Each::Any),
        ("one", Each::One),
        ("filter", Each::Filter),
        ("map", Each::Map),
        ("count", Each::Count),
        ("sum", Each::Sum),
        ("find", Each::Find),
        ("findIndex", Each::FindIndex),
        ("findLast", Each::FindLast),
        ("findLastIndex", Each::FindLastIndex),
        ("groupBy", Each::GroupBy),
        ("sortBy", Each::SortBy),
        ("reduce", Each::Reduce),
    ];

    /// The function of this name.
    pub(super) fn of(name: &str) -> Option<Each> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, each)| *each)
    }

    /// As it is written.
    pub(super) fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, each)| *each == self)
            .map_or("", |(name, _)| name)
    }
}
