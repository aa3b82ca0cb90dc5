//! What a condition says, as a tree: the grammar of the expr language, v1.17.
//!
//! Source: wire-contract 4.4 names the language; expr-lang.org/docs/language-definition defines it.

use super::token::{Token, tokens};
use super::tree::{Binary, Each, Infix, Link, Node, Order, Side, Unary};

/// How deep a condition may be nested.
const DEEPEST: usize = 60;
/// How many operators, members and indices it may have: each lets the tree grow one deeper to its left. Both limits
/// together keep a condition from exhausting the stack; the original stops at 10 000 nodes.
const LONGEST: usize = 200;
const TOO_LARGE: &str = "compilation failed: expression exceeds maximum allowed nodes";

/// Parses a condition.
///
/// # Errors
/// The first thing that is not expected.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        predicates: 0,
        depth: 0,
        length: 0,
    };
    let node = parser.sequence()?;
    match parser.peek() {
        Token::End => Ok(node),
        other => Err(unexpected(other)),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// How many predicates we are inside of.
    predicates: usize,
    depth: usize,
    length: usize,
}

type Parsed = Result<Node, String>;

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Token::Op(found) if *found == op)
    }

    fn is_bracket(&self, bracket: char) -> bool {
        *self.peek() == Token::Bracket(bracket)
    }

    fn take_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    fn take_bracket(&mut self, bracket: char) -> bool {
        let found = self.is_bracket(bracket);
        self.at += usize::from(found);
        found
    }

    fn expect_op(&mut self, op: &str) -> Result<(), String> {
        if self.take_op(op) {
            Ok(())
        } else {
            Err(unexpected(self.peek()))
        }
    }

    fn expect_bracket(&mut self, bracket: char) -> Result<(), String> {
        if self.take_bracket(bracket) {
            Ok(())
        } else {
            Err(unexpected(self.peek()))
        }
    }

    fn expect_name(&mut self) -> Result<String, String> {
        match self.next() {
            Token::Name(name) => Ok(name),
            other => Err(unexpected(&other)),
        }
    }

    /// Runs a part of the grammar one level deeper.
    fn deeper(&mut self, part: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(TOO_LARGE.to_owned());
        }
        let node = part(self);
        self.depth -= 1;
        node
    }

    /// Counts what lets the tree grow to the left.
    fn longer(&mut self) -> Result<(), String> {
        self.length += 1;
        if self.length > LONGEST {
            Err(TOO_LARGE.to_owned())
        } else {
            Ok(())
        }
    }

    fn sequence(&mut self) -> Parsed {
        let first = self.expression(0)?;
        if !self.is_op(";") {
            return Ok(first);
        }
        let mut nodes = vec![first];
        while self.take_op(";") && *self.peek() != Token::End {
            nodes.push(self.expression(0)?);
        }
        Ok(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::Sequence(nodes)
        })
    }

    fn expression(&mut self, least: u16) -> Parsed {
        self.deeper(|parser| parser.operators(least))
    }

    fn operators(&mut self, least: u16) -> Parsed {
        if least == 0 && self.take_op("let") {
            let name = self.expect_name()?;
            self.expect_op("=")?;
            let value = Box::new(self.expression(0)?);
            self.expect_op(";")?;
            return Ok(Node::Let {
                name,
                value,
                body: Box::new(self.sequence()?),
            });
        }
        if least == 0 && self.take_op("if") {
            return self.deeper(Self::conditional);
        }
        let mut left = self.primary()?;
        let mut after_coalesce = false;
        while let Token::Op(op) = *self.peek() {
            let negated = op == "not";
            let op = match self.tokens.get(self.at + 1) {
                Some(Token::Op(next @ ("in" | "matches" | "contains" | "startsWith" | "endsWith"))) if negated => next,
                Some(other) if negated => return Err(unexpected(other)),
                Some(_) | None => op,
            };
            if op == "|" {
                if least > 0 {
                    break;
                }
                self.at += 1;
                let name = self.expect_name()?;
                self.longer()?;
                left = self.call(name, Some(left))?;
                after_coalesce = false;
                continue;
            }
            let Some((infix, strength, side)) = Infix::of(op).filter(|(_, strength, _)| *strength >= least) else {
                break;
            };
            self.longer()?;
            self.at += 1 + usize::from(negated);
            let coalesces = infix == Infix::Binary(Binary::Coalesce);
            if after_coalesce && !coalesces {
                return Err(format!(
                    "Operator ({op}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses."
                ));
            }
            after_coalesce = coalesces;
            let binary = match infix {
                Infix::Binary(binary) => binary,
                Infix::Order(order) => {
                    left = self.comparison(left, order, strength)?;
                    continue;
                }
            };
            let right = self.expression(if side == Side::Left { strength + 1 } else { strength })?;
            left = Node::Binary(binary, Box::new(left), Box::new(right));
            if negated {
                left = Node::Unary(Unary::Not, Box::new(left));
            }
        }
        if least == 0 {
            left = self.ternary(left)?;
        }
        Ok(left)
    }

    /// `a < b < c` means `a < b && b < c`.
    fn comparison(&mut self, first: Node, order: Order, strength: u16) -> Parsed {
        let mut rest = vec![(order, self.expression(strength + 1)?)];
        while let Token::Op(op) = *self.peek() {
            let Some((Infix::Order(next), _, _)) = Infix::of(op) else {
                break;
            };
            self.longer()?;
            self.at += 1;
            rest.push((next, self.expression(strength + 1)?));
        }
        Ok(Node::Order {
            first: Box::new(first),
            rest,
        })
    }

    fn ternary(&mut self, mut node: Node) -> Parsed {
        while self.take_op("?") {
            // `a ?: b` is a where a is true.
            let yes = if self.is_op(":") {
                Node::Bool(true)
            } else {
                self.expression(0)?
            };
            self.expect_op(":")?;
            let no = self.expression(0)?;
            node = Node::If {
                condition: Box::new(node),
                yes: Box::new(yes),
                no: Box::new(no),
            };
        }
        Ok(node)
    }

    fn conditional(&mut self) -> Parsed {
        let condition = Box::new(self.expression(0)?);
        let yes = Box::new(self.block()?);
        match self.next() {
            Token::Name(word) if word == "else" => {}
            other => return Err(unexpected(&other)),
        }
        let no = if self.take_op("if") {
            self.deeper(Self::conditional)?
        } else {
            self.block()?
        };
        Ok(Node::If {
            condition,
            yes,
            no: Box::new(no),
        })
    }

    fn block(&mut self) -> Parsed {
        self.expect_bracket('{')?;
        let node = self.sequence()?;
        self.expect_bracket('}')?;
        Ok(node)
    }

    fn primary(&mut self) -> Parsed {
        if let Token::Op(op) = *self.peek() {
            let unary = match op {
                "not" | "!" => Some((Unary::Not, 50)),
                "-" => Some((Unary::Minus, 90)),
                "+" => Some((Unary::Plus, 90)),
                _ => None,
            };
            if let Some((unary, strength)) = unary {
                self.at += 1;
                let node = Node::Unary(unary, Box::new(self.expression(strength)?));
                return self.postfix(node);
            }
            if self.predicates > 0 && (op == "#" || op == ".") {
                let mut name = String::new();
                if self.take_op("#")
                    && let Token::Name(found) = self.peek()
                {
                    name.clone_from(found);
                    self.at += 1;
                }
                return self.postfix(Node::Pointer(name));
            }
        }
        if self.take_bracket('(') {
            let node = self.sequence()?;
            self.expect_bracket(')')?;
            return self.postfix(node);
        }
        self.operand()
    }

    fn operand(&mut self) -> Parsed {
        let node = match self.next() {
            Token::Name(name) => match name.as_str() {
                "true" => return Ok(Node::Bool(true)),
                "false" => return Ok(Node::Bool(false)),
                "nil" => return Ok(Node::Nil),
                _ if self.is_bracket('(') => self.call(name, None)?,
                _ => Node::Name(name),
            },
            Token::Int(number) => return Ok(Node::Int(number)),
            Token::Float(number) => return Ok(Node::Float(number)),
            Token::Text(text) => Node::Text(text),
            Token::Bracket('[') => Node::List(self.listed(']')?),
            Token::Bracket('{') => self.map()?,
            other => return Err(unexpected(&other)),
        };
        self.postfix(node)
    }

    fn call(&mut self, name: String, piped: Option<Node>) -> Parsed {
        self.expect_bracket('(')?;
        let Some(what) = Each::of(&name) else {
            let mut args: Vec<Node> = piped.into_iter().collect();
            args.extend(self.listed(')')?);
            return Ok(Node::Call { name, args });
        };
        let piped_in = piped.is_some();
        let over = match piped {
            Some(node) => node,
            None => self.expression(0)?,
        };
        let bare = matches!(what, Each::Count | Each::Sum) && self.is_bracket(')');
        let mut predicate = None;
        if !bare {
            if !piped_in {
                self.expect_op(",")?;
            }
            predicate = Some(Box::new(self.deeper(Self::predicate)?));
        }
        let mut more = None;
        if self.take_op(",") && matches!(what, Each::SortBy | Each::Reduce) && !self.is_bracket(')') {
            more = Some(Box::new(self.expression(0)?));
            self.take_op(",");
        }
        self.expect_bracket(')')?;
        Ok(Node::Each {
            what,
            over: Box::new(over),
            predicate,
            more,
        })
    }

    fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let node = if self.is_bracket('{') {
            self.block()
        } else {
            self.expression(0)
        }?;
        self.predicates -= 1;
        Ok(node)
    }

    /// Expressions with commas between them, up to the closing bracket.
    fn listed(&mut self, close: char) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        while !self.take_bracket(close) {
            if !nodes.is_empty() {
                self.expect_op(",")?;
                if self.take_bracket(close) {
                    break;
                }
            }
            nodes.push(self.expression(0)?);
        }
        Ok(nodes)
    }

    fn map(&mut self) -> Parsed {
        let mut pairs = Vec::new();
        while !self.take_bracket('}') {
            if !pairs.is_empty() {
                self.expect_op(",")?;
                if self.take_bracket('}') {
                    break;
                }
            }
            let key = match self.peek().clone() {
                Token::Bracket('(') => self.expression(0)?,
                Token::Name(text) | Token::Text(text) => {
                    self.at += 1;
                    Node::Text(text)
                }
                Token::Int(number) => {
                    self.at += 1;
                    Node::Text(number.to_string())
                }
                other => return Err(unexpected(&other)),
            };
            self.expect_op(":")?;
            pairs.push((key, self.expression(0)?));
        }
        Ok(Node::Map(pairs))
    }

    /// What follows a value: members, methods, indices, slices.
    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let link = if self.is_op("?.") {
                Link::Optional
            } else {
                Link::Required
            };
            if self.take_op(".") || self.take_op("?.") {
                self.longer()?;
                if link == Link::Optional && self.take_bracket('[') {
                    let key = Box::new(self.expression(0)?);
                    self.expect_bracket(']')?;
                    node = Node::Chain(Box::new(Node::Member {
                        of: Box::new(node),
                        key,
                        link,
                    }));
                    continue;
                }
                let name = match self.next() {
                    Token::Name(name) => name,
                    Token::Op(word) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => word.to_owned(),
                    _ => return Err("expected name".to_owned()),
                };
                let (of, chained) = match node {
                    Node::Chain(inner) => (inner, true),
                    other => (Box::new(other), false),
                };
                node = if self.take_bracket('(') {
                    Node::Method {
                        of,
                        name,
                        args: self.listed(')')?,
                        link,
                    }
                } else {
                    Node::Member {
                        of,
                        key: Box::new(Node::Text(name)),
                        link,
                    }
                };
                if chained || link == Link::Optional {
                    node = Node::Chain(Box::new(node));
                }
            } else if self.take_bracket('[') {
                self.longer()?;
                let from = if self.is_op(":") {
                    None
                } else {
                    Some(Box::new(self.expression(0)?))
                };
                if self.take_op(":") {
                    let to = if self.is_bracket(']') {
                        None
                    } else {
                        Some(Box::new(self.expression(0)?))
                    };
                    node = Node::Slice {
                        of: Box::new(node),
                        from,
                        to,
                    };
                } else if let Some(key) = from {
                    node = Node::Member {
                        of: Box::new(node),
                        key,
                        link,
                    };
                }
                self.expect_bracket(']')?;
            } else {
                return Ok(node);
            }
        }
    }
}

fn unexpected(token: &Token) -> String {
    format!("unexpected token {token}")
}
