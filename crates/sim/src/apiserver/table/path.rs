//! The JSON paths of printer columns: fields, indexes, and the filter `[?(@.type=="Ready")]`.

use serde_json::Value;

/// The first value at a path such as `.status.conditions[?(@.type=="Ready")].status`.
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut found = vec![object];
    let mut rest = path.trim();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let end = closing(inside)?;
            let (inner, after) = inside.split_at(end);
            found = found.into_iter().flat_map(|value| bracket(value, inner)).collect();
            rest = &after[1..];
        } else {
            let (field, after) = field(rest.strip_prefix('.').unwrap_or(rest));
            found = found.into_iter().filter_map(|value| value.get(&field)).collect();
            rest = after;
        }
    }
    found.first().copied()
}

/// Where the bracket ends that has just been opened.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

/// A field name and what follows it; a dot in a name is written `\.`.
fn field(text: &str) -> (String, &str) {
    let (mut name, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(letter),
        }
    }
    (name, "")
}

fn bracket<'a>(value: &'a Value, inner: &str) -> Vec<&'a Value> {
    let inner = inner.trim();
    if inner == "*" {
        return match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
    }
    if let Some(condition) = inner.strip_prefix("?(").and_then(|inner| inner.strip_suffix(')')) {
        let items = value.as_array().into_iter().flatten();
        return items.filter(|item| holds(item, condition)).collect();
    }
    if let Some(name) = quoted(inner) {
        return value.get(name).into_iter().collect();
    }
    let length = value.as_array().map_or(0, Vec::len) as i64;
    let index = inner
        .parse::<i64>()
        .ok()
        .map(|index| if index < 0 { length + index } else { index });
    index
        .and_then(|index| usize::try_from(index).ok())
        .and_then(|index| value.get(index))
        .into_iter()
        .collect()
}

fn holds(item: &Value, condition: &str) -> bool {
    let Some((left, right)) = condition.split_once("==") else {
        return false;
    };
    let Some(path) = left.trim().strip_prefix('@') else {
        return false;
    };
    let expected = quoted(right.trim()).unwrap_or(right.trim());
    find(item, path).is_some_and(|found| match found {
        Value::String(text) => text == expected,
        other => serde_json::from_str(expected).is_ok_and(|expected: Value| *other == expected),
    })
}

fn quoted(text: &str) -> Option<&str> {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use super::find;
    use serde_json::json;

    #[test]
    fn paths_find() {
        let object = json!({"spec": {"replicas": 2, "a.b": "dot"}, "items": ["x", "y"],
            "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]}});
        for (path, expected) in [
            (".spec.replicas", "2"),
            (r".spec.a\.b", "\"dot\""),
            (".spec['a.b']", "\"dot\""),
            (".items[1]", "\"y\""),
            (".items[-1]", "\"y\""),
            (r#".status.conditions[?(@.type=="Ready")].status"#, "\"True\""),
            (".status.conditions[?(@.type=='None')].status", "none"),
            (".spec.missing.deeper", "none"),
        ] {
            assert_eq!(
                find(&object, path).map_or("none".into(), ToString::to_string),
                expected,
                "{path}"
            );
        }
    }
}
