//! The text of a JSONPath template to its steps, or a sentence that says what is not understood.

use serde_json::Value;

use super::{Comparison, Operand, Step};

/// The steps of the first expression of a template; a `{range A}{B}{end}` is A and then B.
pub(super) fn template(text: &str) -> Result<Vec<Step>, String> {
    let mut rest = text.trim();
    let mut steps: Vec<Step> = Vec::new();
    let mut open_ranges = 0;
    loop {
        let Some(inside) = rest.strip_prefix('{') else {
            return Err(match (rest, open_ranges) {
                ("", 0) => "there is no {expression}".to_owned(),
                ("", _) => "{range} without {end}".to_owned(),
                (text, _) => format!("text outside of braces: write {{{text}}}"),
            });
        };
        let end = closing_brace(inside).ok_or("a { is not closed")?;
        let (expression, after) = (inside[..end].trim(), &inside[end + 1..]);
        if let Some(path) = expression.strip_prefix("range ") {
            open_ranges += 1;
            steps.extend(whole_path(path)?);
            rest = after.trim_start();
            continue;
        }
        if after.matches("{end}").count() < open_ranges {
            return Err("{range} without {end}".to_owned());
        }
        steps.extend(whole_path(expression)?);
        return Ok(steps);
    }
}

/// Where the expression ends, braces inside of quotes left out.
fn closing_brace(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '}') => return Some(at),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (_, _) => {}
        }
    }
    // A quote that is not closed is a better message than a brace that is not.
    quote.and_then(|_| text.rfind('}'))
}

fn whole_path(text: &str) -> Result<Vec<Step>, String> {
    let mut cursor = Cursor { rest: text.trim() };
    if !cursor.eat("$") && !cursor.eat("@") && !cursor.rest.starts_with(['.', '[']) {
        return Err("an expression begins with $, @, . or [".to_owned());
    }
    // `{.}` is the whole tree.
    if cursor.rest == "." {
        return Ok(Vec::new());
    }
    let steps = cursor.steps()?;
    cursor.end().map(|()| steps)
}

/// What is left to read.
struct Cursor<'t> {
    rest: &'t str,
}

/// What ends an unescaped name.
const ENDS_NAME: [char; 16] = [
    '.', ',', '[', ']', '$', '@', '{', '}', '(', ')', '=', '!', '<', '>', '\'', '"',
];

impl Cursor<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn end(&self) -> Result<(), String> {
        match self.rest.trim_start() {
            "" => Ok(()),
            rest => Err(format!("not understood: {rest}")),
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.eat("..") {
                steps.push(Step::Descend);
                if !self.rest.starts_with('[') {
                    steps.push(self.name()?);
                }
            } else if self.eat(".") {
                // `.[0]` is how some write `[0]`.
                if !self.rest.starts_with('[') {
                    steps.push(self.name()?);
                }
            } else if self.eat("[") {
                steps.push(self.bracket()?);
            } else {
                return Ok(steps);
            }
        }
    }

    fn name(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::Each);
        }
        let mut name = String::new();
        let mut chars = self.rest.char_indices();
        let end = loop {
            match chars.next() {
                None => break self.rest.len(),
                Some((_, '\\')) => name.extend(chars.next().map(|(_, escaped)| escaped)),
                Some((at, c)) if c.is_whitespace() || ENDS_NAME.contains(&c) => break at,
                Some((_, c)) => name.push(c),
            }
        };
        self.rest = &self.rest[end..];
        if name.is_empty() {
            return Err("a name is missing after .".to_owned());
        }
        Ok(Step::Field(name))
    }

    /// After `[`, up to and with `]`.
    fn bracket(&mut self) -> Result<Step, String> {
        self.blanks();
        if self.eat("?(") {
            let filter = self.filter()?;
            self.blanks();
            return if self.eat("]") {
                Ok(filter)
            } else {
                Err("[ is not closed".to_owned())
            };
        }
        let mut parts = Vec::new();
        loop {
            self.blanks();
            parts.push(match self.rest.chars().next() {
                Some('\'' | '"') => Step::Field(self.quoted()?),
                Some(']') if parts.is_empty() => return Err("[] is empty".to_owned()),
                _ => {
                    let end = self.rest.find([',', ']']).ok_or("[ is not closed")?;
                    let (part, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    index(part.trim())?
                }
            });
            self.blanks();
            if self.eat("]") {
                return Ok(match (parts.pop(), parts.is_empty()) {
                    (Some(only), true) => only,
                    (last, _) => {
                        parts.extend(last);
                        Step::Union(parts)
                    }
                });
            }
            if !self.eat(",") {
                return Err("[ is not closed".to_owned());
            }
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let open = &self.rest[..1];
        let (text, rest) = self.rest[1..].split_once(open).ok_or("a quote is not closed")?;
        self.rest = rest;
        Ok(text.to_owned())
    }

    /// After `?(`, up to and with `)`.
    fn filter(&mut self) -> Result<Step, String> {
        let left = self.operand()?;
        self.blanks();
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let right = match comparisons.into_iter().find(|(token, _)| self.eat(token)) {
            Some((_, comparison)) => Some((comparison, self.operand()?)),
            None => None,
        };
        self.blanks();
        if self.eat(")") {
            Ok(Step::Filter(left, right))
        } else {
            Err(format!("not understood: {}", self.rest))
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.blanks();
        match self.rest.chars().next() {
            Some('\'' | '"') => Ok(Operand::Literal(Value::String(self.quoted()?))),
            Some('$') => {
                self.eat("$");
                self.steps().map(Operand::FromRoot)
            }
            Some('@' | '.') => {
                self.eat("@");
                self.steps().map(Operand::Path)
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "=!<>)".contains(c);
                let (literal, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
                self.rest = rest;
                match (literal, serde_json::from_str(literal)) {
                    ("", _) => Err("not understood: an operand is missing".to_owned()),
                    (_, Ok(value @ (Value::Bool(_) | Value::Number(_)))) => Ok(Operand::Literal(value)),
                    _ => Err(format!("not understood: {literal}")),
                }
            }
        }
    }
}

/// `*`, `3`, `-1`, `1:`, `1:5:2`
fn index(text: &str) -> Result<Step, String> {
    let unclear = || format!("not an index, slice or quoted name: {text}");
    if text == "*" {
        return Ok(Step::Each);
    }
    let parts: Vec<Option<i64>> = text
        .split(':')
        .map(|part| match part.trim() {
            "" => Ok(None),
            number => number.parse().map(Some).map_err(|_| unclear()),
        })
        .collect::<Result<_, _>>()?;
    match parts[..] {
        [Some(at)] => Ok(Step::At(at)),
        [start, end] => Ok(Step::Slice { start, end, step: 1 }),
        [start, end, step] => match usize::try_from(step.unwrap_or(1)) {
            Ok(step @ 1..) => Ok(Step::Slice { start, end, step }),
            Ok(0) | Err(_) => Err("a step is at least 1".to_owned()),
        },
        _ => Err(unclear()),
    }
}
