//! The tokens of a condition, as the expr language cuts them.

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Int(i64),
    Float(f64),
    Text(String),
    /// Operators, the words among them too.
    Op(&'static str),
    /// One of `()[]{}`.
    Bracket(char),
    End,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Name(name) => write!(f, "Identifier({name:?})"),
            Token::Int(number) => write!(f, "Number(\"{number}\")"),
            Token::Float(number) => write!(f, "Number(\"{number}\")"),
            Token::Text(text) => write!(f, "String({text:?})"),
            Token::Op(op) => write!(f, "Operator({op:?})"),
            Token::Bracket(bracket) => write!(f, "Bracket(\"{bracket}\")"),
            Token::End => f.write_str("EOF"),
        }
    }
}

/// Cuts the text; the last token is [`Token::End`].
///
/// # Errors
/// What cannot be a token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text;
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let before = rest;
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(after) = rest.strip_prefix("/*") {
            rest = after.split_once("*/").ok_or("unclosed comment")?.1;
        } else if first == '"' || first == '\'' {
            let (text, after) = quoted(rest, first)?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('`') {
            let (text, after) = after.split_once('`').ok_or("literal not terminated")?;
            if after.starts_with('`') {
                return Err("a backquote in a raw string".to_owned());
            }
            tokens.push(Token::Text(text.to_owned()));
            rest = after;
        } else if starts_number(rest) {
            let (token, after) = number(rest)?;
            tokens.push(token);
            rest = after;
        } else if is_letter(first) {
            let end = rest.find(|c| !is_letter_or_digit(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if (word == "b" || word == "B") && after.starts_with(['"', '\'']) {
                return Err("byte strings are not supported".to_owned());
            }
            tokens.push(
                WORDS
                    .iter()
                    .find(|op| **op == word)
                    .map_or_else(|| Token::Name(word.to_owned()), |op| Token::Op(op)),
            );
            rest = after;
        } else if "()[]{}".contains(first) {
            tokens.push(Token::Bracket(first));
            rest = &rest[1..];
        } else {
            let op = SIGNS.iter().find(|op| rest.starts_with(**op));
            let op = op.ok_or_else(|| format!("unrecognized character: U+{:04X} '{first}'", first as u32))?;
            tokens.push(Token::Op(op));
            rest = &rest[op.len()..];
        }
        debug_assert!(rest.len() < before.len());
    }
    tokens.push(Token::End);
    Ok(tokens)
}

/// Operators that are words.
const WORDS: [&str; 10] = [
    "not",
    "in",
    "or",
    "and",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "let",
    "if",
];

/// Operators that are signs, longer ones first. `else` is a word of its own and needs no operator.
const SIGNS: [&str; 28] = [
    "&&", "||", "==", "!=", "<=", ">=", "**", "..", "??", "?.", "::", "+", "-", "*", "/", "%", "^", "<", ">", "!", "=",
    "?", ":", ",", ";", ".", "#", "|",
];

fn is_letter(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic()
}

fn is_letter_or_digit(c: char) -> bool {
    is_letter(c) || c.is_numeric()
}

fn starts_number(text: &str) -> bool {
    let text = text.strip_prefix('.').unwrap_or(text);
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let bad = |end: usize| format!("bad number syntax: {:?}", &text[..end]);
    let radix = match text.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0o" | "0O") => 8,
        Some("0b" | "0B") => 2,
        Some(_) | None => 10,
    };
    let run = |from: usize, radix: u32| {
        let tail = &text[from..];
        from + tail
            .find(|c: char| !c.is_digit(radix) && c != '_')
            .unwrap_or(tail.len())
    };
    let mut end = run(if radix == 10 { 0 } else { 2 }, radix);
    let mut float = false;
    if radix == 10 {
        if text[end..].starts_with('.') && !text[end..].starts_with("..") {
            float = true;
            end = run(end + 1, 10);
        }
        if text[end..].starts_with(['e', 'E']) {
            float = true;
            let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
            end = run(end + 1 + sign, 10);
        }
    }
    if text[end..].starts_with(is_letter_or_digit) {
        return Err(bad(end));
    }
    let digits = text[..end].replace('_', "");
    let token = if float {
        let number: f64 = digits.parse().map_err(|_| bad(end))?;
        if !number.is_finite() {
            return Err("float literal is too large".to_owned());
        }
        Token::Float(number)
    } else {
        let digits = if radix == 10 { digits.as_str() } else { &digits[2..] };
        Token::Int(i64::from_str_radix(digits, radix).map_err(|e| format!("invalid integer literal: {e}"))?)
    };
    Ok((token, &text[end..]))
}

/// A quoted text without its quotes and escapes, and what follows it.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut plain = String::new();
    let mut chars = text[1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((plain, &text[1 + at + 1..])),
            '\n' | '\r' => break,
            '\\' => plain.push(escape(&mut chars)?),
            _ => plain.push(c),
        }
    }
    Err("literal not terminated".to_owned())
}

fn escape(chars: &mut std::str::CharIndices<'_>) -> Result<char, String> {
    let bad = || "unable to unescape string".to_owned();
    let (_, kind) = chars.next().ok_or_else(bad)?;
    let mut digits = |count: usize| -> Result<char, String> {
        let mut code = 0;
        for _ in 0..count {
            let digit = chars.next().and_then(|(_, c)| c.to_digit(16)).ok_or_else(bad)?;
            // Eight digits fit exactly.
            code = code * 16 + digit;
        }
        char::from_u32(code).ok_or_else(bad)
    };
    Ok(match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '\'' | '"' | '`' | '?' => kind,
        'x' | 'X' => digits(2)?,
        'u' => digits(4)?,
        'U' => digits(8)?,
        _ => return Err(bad()),
    })
}
