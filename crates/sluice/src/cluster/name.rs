//! The name of an object, as it may stand in a path.

/// A name that is one path segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, name)) = text.split_once('/') {
            return Err(format!("the verb already says the kind: write `{name}`"));
        }
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        match text {
            "" | "." | ".." => Err("a name is lower-case letters, digits, `-` and `.`".to_owned()),
            _ if text.chars().all(fits) => Ok(Name(text.to_owned())),
            _ => Err("a name is lower-case letters, digits, `-` and `.`".to_owned()),
        }
    }
}
