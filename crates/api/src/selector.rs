//! Which labels a selector selects, and the text of it that `status.selector` holds.

use std::collections::BTreeMap;

use crate::rollout::{LabelSelector, LabelSelectorRequirement};

impl LabelSelector {
    /// Whether an object with these labels is selected; an empty selector selects all, an unknown operator none.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .match_expressions
                .iter()
                .all(|requirement| requirement.matches(labels))
    }

    /// `app=web,tier in (a,b)`, sorted by key; `<none>` when empty, `<error>` on an unknown operator, as
    /// `FormatLabelSelector` of Kubernetes writes it.
    pub fn to_selector_string(&self) -> String {
        let labels = self
            .match_labels
            .iter()
            .map(|(key, value)| (key.as_str(), Some(format!("{key}={value}"))));
        let expressions = self.match_expressions.iter().map(|e| (e.key.as_str(), e.to_text()));
        let mut parts: Vec<(&str, Option<String>)> = labels.chain(expressions).collect();
        parts.sort_by_key(|(key, _)| *key);
        match parts.into_iter().map(|(_, text)| text).collect::<Option<Vec<String>>>() {
            None => "<error>".to_owned(),
            Some(parts) if parts.is_empty() => "<none>".to_owned(),
            Some(parts) => parts.join(","),
        }
    }
}

impl LabelSelectorRequirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }

    fn to_text(&self) -> Option<String> {
        let key = &self.key;
        let mut values = self.values.clone();
        values.sort();
        let values = values.join(",");
        Some(match self.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.clone(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(value: serde_json::Value) -> LabelSelector {
        serde_json::from_value(value).expect("a selector")
    }

    #[test]
    fn a_selector_is_written_sorted_by_key() {
        let full = selector(serde_json::json!({
            "matchLabels": {"tier": "x", "app": "web"},
            "matchExpressions": [
                {"key": "zone", "operator": "In", "values": ["b", "a"]},
                {"key": "gone", "operator": "DoesNotExist"},
                {"key": "here", "operator": "Exists"},
                {"key": "not", "operator": "NotIn", "values": ["c"]},
            ],
        }));
        assert_eq!(
            full.to_selector_string(),
            "app=web,!gone,here,not notin (c),tier=x,zone in (a,b)"
        );
        assert_eq!(LabelSelector::default().to_selector_string(), "<none>");
        let wrong = selector(serde_json::json!({"matchExpressions": [{"key": "a", "operator": "Equals"}]}));
        assert_eq!(wrong.to_selector_string(), "<error>");
    }

    #[test]
    fn every_requirement_must_hold() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        for (expression, want) in [
            (
                serde_json::json!({"key": "app", "operator": "In", "values": ["web"]}),
                true,
            ),
            (
                serde_json::json!({"key": "app", "operator": "NotIn", "values": ["web"]}),
                false,
            ),
            (
                serde_json::json!({"key": "tier", "operator": "NotIn", "values": ["x"]}),
                true,
            ),
            (serde_json::json!({"key": "tier", "operator": "Exists"}), false),
            (serde_json::json!({"key": "tier", "operator": "DoesNotExist"}), true),
            (
                serde_json::json!({"key": "app", "operator": "Gt", "values": ["1"]}),
                false,
            ),
        ] {
            let selector =
                selector(serde_json::json!({"matchLabels": {"app": "web"}, "matchExpressions": [expression]}));
            assert_eq!(selector.matches(&labels), want, "{expression}");
        }
    }
}
