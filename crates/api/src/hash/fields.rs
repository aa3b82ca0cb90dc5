//! The order of fields in Go structs, read from a table of text.

use std::collections::BTreeMap;

/// Structs by name.
pub(super) struct Structs(BTreeMap<&'static str, Vec<Field>>);

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) when: When,
    pub(super) shape: Shape,
    pub(super) of: Type,
}

/// When a field is written.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// Unless it is empty: `""`, 0, false, no element.
    NotEmpty,
    /// Unless it is absent or null.
    Present,
    /// Always; absent is the empty string, or the empty struct.
    Always,
    /// Always; absent is 0.
    AlwaysNumber,
    /// Always; absent is null.
    AlwaysNull,
}

#[derive(Clone, Copy)]
pub(super) enum Shape {
    One,
    List,
    Map,
}

#[derive(Clone, Copy)]
pub(super) enum Type {
    Scalar,
    Quantity,
    Raw,
    Struct(&'static str),
}

impl Structs {
    /// The tables are ours, so a line that cannot be read is left out, and the vectors notice.
    pub(super) fn parse(text: &'static str) -> Structs {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(": "));
        Structs(
            lines
                .map(|(name, fields)| (name, fields.split(", ").map(Field::parse).collect()))
                .collect(),
        )
    }

    pub(super) fn fields(&self, name: &str) -> &[Field] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

impl Field {
    fn parse(text: &'static str) -> Field {
        let (rest, shape) = if let Some(rest) = text.strip_suffix("[]") {
            (rest, Shape::List)
        } else if let Some(rest) = text.strip_suffix("{}") {
            (rest, Shape::Map)
        } else {
            (text, Shape::One)
        };
        let (rest, of) = match rest.split_once(':') {
            None => (rest, Type::Scalar),
            Some((rest, "Quantity")) => (rest, Type::Quantity),
            Some((rest, "Raw")) => (rest, Type::Raw),
            Some((rest, name)) => (rest, Type::Struct(name)),
        };
        let marks = [
            ("!null", When::AlwaysNull),
            ("!0", When::AlwaysNumber),
            ("!", When::Always),
            ("*", When::Present),
        ];
        let marked = marks
            .iter()
            .find_map(|(mark, when)| Some((rest.strip_suffix(mark)?, *when)));
        let (name, when) = marked.unwrap_or((rest, When::NotEmpty));
        Field { name, when, shape, of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_struct_that_is_named_is_there() {
        for text in [include_str!("pod-template-fields.txt"), include_str!("step-fields.txt")] {
            let structs = Structs::parse(text);
            for (name, fields) in &structs.0 {
                assert!(!fields.is_empty(), "{name}");
                for field in fields {
                    if let Type::Struct(of) = field.of {
                        assert!(structs.0.contains_key(of), "{name}.{}: {of}", field.name);
                    }
                }
            }
        }
    }
}
