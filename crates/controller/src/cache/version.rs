//! Which of two resourceVersions is newer, when that can be told.

use std::cmp::Ordering;
use std::fmt;

/// A resourceVersion: opaque text that compares as a number when it is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// The version an object carries.
    pub fn new(text: impl Into<String>) -> Self {
        Version(text.into())
    }

    /// The text as the server wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How the two compare; `None` when they differ and one of them is no number.
    pub fn order(&self, other: &Version) -> Option<Ordering> {
        match (self.0.parse::<u64>(), other.0.parse::<u64>()) {
            (Ok(a), Ok(b)) => Some(a.cmp(&b)),
            _ => (self == other).then_some(Ordering::Equal),
        }
    }

    /// Whether this version is certainly the older one.
    pub fn is_older_than(&self, other: &Version) -> bool {
        self.order(other) == Some(Ordering::Less)
    }

    /// Whether this version is certainly `wanted` or newer.
    pub fn has_reached(&self, wanted: &Version) -> bool {
        matches!(self.order(wanted), Some(Ordering::Equal | Ordering::Greater))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers_or_not_at_all() {
        let table = [
            ("9", "10", Some(Ordering::Less)),
            ("10", "10", Some(Ordering::Equal)),
            ("11", "10", Some(Ordering::Greater)),
            ("a", "a", Some(Ordering::Equal)),
            ("a", "b", None),
            ("", "1", None),
        ];
        for (a, b, expected) in table {
            assert_eq!(Version::new(a).order(&Version::new(b)), expected, "{a} {b}");
        }
    }
}
