//! Which objects a query means: label selectors (equality and set based) and field selectors.

use serde_json::Value;
use std::collections::BTreeMap;

/// A parsed `labelSelector`; all its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Above(String, i64),
    Below(String, i64),
}

impl LabelSelector {
    /// Reads the query syntax: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, `a`, `!a`, `a>1`, `a<1`, joined by
    /// commas. The error is the server's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let requirements = split_outside_parentheses(text)
            .into_iter()
            .map(|part| requirement(part.trim()).map_err(|why| format!("unable to parse requirement: {why}")));
        Ok(LabelSelector {
            requirements: requirements.collect::<Result<_, _>>()?,
        })
    }

    /// A `metav1.LabelSelector` object (`matchLabels`, `matchExpressions`). An empty one selects everything, none
    /// (`null`) selects nothing.
    pub fn from_object(selector: &Value) -> Option<Self> {
        if selector.is_null() {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            requirements.push(Requirement::In(key.clone(), vec![text(value)]));
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let key = text(&expression["key"]);
            let values = expression["values"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect();
            requirements.push(match expression["operator"].as_str() {
                Some("In") => Requirement::In(key, values),
                Some("NotIn") => Requirement::NotIn(key, values),
                Some("Exists") => Requirement::Exists(key),
                Some("DoesNotExist") => Requirement::Missing(key),
                Some(_) | None => return None,
            });
        }
        Some(LabelSelector { requirements })
    }

    /// A plain map such as a Service's selector. An empty one selects nothing, as for Services.
    pub fn from_map(labels: &Value) -> Option<Self> {
        let labels = labels.as_object().filter(|labels| !labels.is_empty())?;
        let same = |(key, value): (&String, &Value)| {
            Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()])
        };
        Some(LabelSelector {
            requirements: labels.iter().map(same).collect(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether an object's `metadata.labels` satisfy this.
    pub fn matches(&self, object: &Value) -> bool {
        self.matches_labels(&object["metadata"]["labels"])
    }

    pub fn matches_labels(&self, labels: &Value) -> bool {
        let label = |key: &String| labels.get(key).and_then(Value::as_str);
        let number = |key: &String| label(key).and_then(|value| value.parse::<i64>().ok());
        self.requirements.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Missing(key) => label(key).is_none(),
            Requirement::In(key, values) => label(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::NotIn(key, values) => !label(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::Above(key, bound) => number(key).is_some_and(|value| value > *bound),
            Requirement::Below(key, bound) => number(key).is_some_and(|value| value < *bound),
        })
    }
}

/// Prints the query syntax, sorted by key, as `metav1.FormatLabelSelector` does.
impl std::fmt::Display for LabelSelector {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts: Vec<(String, String)> = Vec::new();
        for requirement in &self.requirements {
            let (key, shown) = match requirement {
                Requirement::Exists(key) => (key, key.clone()),
                Requirement::Missing(key) => (key, format!("!{key}")),
                Requirement::In(key, values) if values.len() == 1 => (key, format!("{key}={}", values[0])),
                Requirement::In(key, values) => (key, format!("{key} in ({})", sorted(values))),
                Requirement::NotIn(key, values) => (key, format!("{key} notin ({})", sorted(values))),
                Requirement::Above(key, bound) => (key, format!("{key}>{bound}")),
                Requirement::Below(key, bound) => (key, format!("{key}<{bound}")),
            };
            parts.push((key.clone(), shown));
        }
        parts.sort();
        to.write_str(&parts.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>().join(","))
    }
}

fn sorted(values: &[String]) -> String {
    let mut values = values.to_vec();
    values.sort();
    values.join(",")
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn requirement(text: &str) -> Result<Requirement, String> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement::Missing(label_key(key.trim())?));
    }
    for (sign, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = text.split_once(sign) {
            let (key, values) = (label_key(key.trim())?, vec![label_value(value.trim())?]);
            return Ok(if negated {
                Requirement::NotIn(key, values)
            } else {
                Requirement::In(key, values)
            });
        }
    }
    for sign in ['>', '<'] {
        if let Some((key, value)) = text.split_once(sign) {
            let key = label_key(key.trim())?;
            let bound = value.trim().parse().map_err(|_| {
                format!(
                    "values[0][{key}]: Invalid value: {:?}: for 'Gt', 'Lt' operators, the value must be an integer",
                    value.trim()
                )
            })?;
            return Ok(if sign == '>' {
                Requirement::Above(key, bound)
            } else {
                Requirement::Below(key, bound)
            });
        }
    }
    let Some((key, rest)) = text.split_once(char::is_whitespace) else {
        return Ok(Requirement::Exists(label_key(text)?));
    };
    let rest = rest.trim();
    let (operator, list) = rest.split_at(rest.find(['(', ' ']).unwrap_or(rest.len()));
    let inside = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
    let Some(inside) = inside else {
        return Err(format!("found '{rest}', expected: in, notin, =, ==, !=, gt, lt"));
    };
    let values = inside
        .split(',')
        .map(|value| label_value(value.trim()))
        .collect::<Result<_, _>>()?;
    match operator {
        "in" => Ok(Requirement::In(label_key(key)?, values)),
        "notin" => Ok(Requirement::NotIn(label_key(key)?, values)),
        _ => Err(format!("found '{operator}', expected: in, notin, =, ==, !=, gt, lt")),
    }
}

fn label_key(key: &str) -> Result<String, String> {
    let name = key.rsplit('/').next().unwrap_or(key);
    if name.is_empty() || !plain(name) {
        return Err(format!(
            "key: Invalid value: {key:?}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
             with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
             '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ));
    }
    Ok(key.to_owned())
}

fn label_value(value: &str) -> Result<String, String> {
    if !value.is_empty() && !plain(value) {
        return Err(format!(
            "values[0]: Invalid value: {value:?}: a valid label must be an empty string or consist of alphanumeric characters, '-', \
             '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
             used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        ));
    }
    Ok(value.to_owned())
}

fn plain(text: &str) -> bool {
    let inner = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    inner && edge(text.chars().next()) && edge(text.chars().last())
}

/// A parsed `fieldSelector`: dotted paths compared with texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    path: String,
    value: String,
    sense: Sense,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    Equal,
    Unequal,
}

impl FieldSelector {
    /// Reads `a.b=c`, `a.b==c`, `a.b!=c`, joined by commas. `supported` says which paths the kind offers beyond
    /// `metadata.name` and `metadata.namespace`.
    pub fn parse(text: &str, supported: &[&str]) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let signs = [("!=", Sense::Unequal), ("==", Sense::Equal), ("=", Sense::Equal)];
            let found = signs
                .iter()
                .find_map(|(sign, sense)| part.split_once(sign).map(|pair| (pair, *sense)));
            let Some(((path, value), sense)) = found else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            let path = path.trim();
            if !["metadata.name", "metadata.namespace"].contains(&path) && !supported.contains(&path) {
                return Err(format!("field label not supported: {path}"));
            }
            terms.push(Term {
                path: path.to_owned(),
                value: value.trim().to_owned(),
                sense,
            });
        }
        Ok(FieldSelector { terms })
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| {
            let found = term.path.split('.').try_fold(object, |at, field| at.get(field));
            let shown = match found {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            (shown == term.value) == (term.sense == Sense::Equal)
        })
    }
}

/// Labels as a sorted map, for those who group by them.
pub fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object["metadata"]["labels"].as_object();
    labels
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{FieldSelector, LabelSelector};
    use serde_json::json;

    /// Which of four objects a selector picks: `app=web`, `app=db,tier=2`, `tier=9`, none.
    fn picked(selector: &str) -> String {
        let labels = [
            json!({"app": "web"}),
            json!({"app": "db", "tier": "2"}),
            json!({"tier": "9"}),
            json!({}),
        ];
        match LabelSelector::parse(selector) {
            Ok(selector) => (0..4)
                .filter(|at| selector.matches_labels(&labels[*at]))
                .map(|at| at.to_string())
                .collect(),
            Err(why) => why.split(" (").next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn label_selectors_pick() {
        for (selector, expected) in [
            ("", "0123"),
            ("app=web", "0"),
            ("app==web", "0"),
            ("app!=web", "123"),
            ("app in (web, db)", "01"),
            ("app notin (web),tier", "12"),
            ("!app", "23"),
            ("tier>2", "2"),
            ("tier<9,app", "1"),
            (
                "app in web",
                "unable to parse requirement: found 'in web', expected: in, notin, =, ==, !=, gt, lt",
            ),
        ] {
            assert_eq!(picked(selector), expected, "{selector}");
        }
    }

    #[test]
    fn a_selector_object_prints_as_kubernetes_prints_it() {
        let object = json!({"matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [{"key": "c", "operator": "In", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"}]});
        let shown = LabelSelector::from_object(&object).map(|selector| selector.to_string());
        assert_eq!(shown.as_deref(), Some("a=1,b=2,c in (x,y),!d"));
    }

    #[test]
    fn field_selectors_pick() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {}, "status": {"phase": "Running"}});
        let matches = |text| FieldSelector::parse(text, &["spec.nodeName", "status.phase"]).map(|it| it.matches(&pod));
        assert_eq!(matches("metadata.name=a,status.phase!=Failed"), Ok(true));
        assert_eq!(matches("spec.nodeName="), Ok(true));
        assert_eq!(matches("spec.nodeName!="), Ok(false));
        assert_eq!(matches("spec.x=1"), Err("field label not supported: spec.x".into()));
    }
}
