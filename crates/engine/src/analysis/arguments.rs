//! Which text stands where a metric says `{{ args.NAME }}`.
//!
//! Source: wire-contract 4.3 "Argument substitution". The incumbent works on the metric's JSON text; we work on the
//! strings in it, which is the same without its trouble with control characters (wire-contract 10.3, 40).

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::{Argument, Metric};
use serde_json::Value;

/// The keys of each Secret by its name, or why they could not be read.
pub type Secrets = BTreeMap<String, Result<BTreeMap<String, String>, String>>;

/// The value of every argument, and which of the values must never be shown.
#[derive(Clone, Default, PartialEq)]
pub struct Values {
    by_name: BTreeMap<String, String>,
    /// Secret texts, longest first, so that hiding one never leaves the rest of another.
    pub secret: Vec<String>,
}

impl Values {
    /// Every secret is a placeholder: enough to see whether a spec is sound, and to show it.
    ///
    /// # Errors
    /// `argument "x" was not supplied`, used or not.
    pub fn with_placeholders(args: &[Argument]) -> Result<Values, String> {
        Values::resolve(args, |_, _| Ok(PLACEHOLDER.to_owned()))
    }

    /// Every secret is what the Secret holds.
    ///
    /// # Errors
    /// As above, and `secrets "x" not found`, `key 'k' does not exist in secret 'x'`.
    pub fn with_secrets(args: &[Argument], secrets: &Secrets) -> Result<Values, String> {
        let mut shown = BTreeSet::new();
        let mut values = Values::resolve(args, |name, key| {
            let keys = secrets.get(name);
            let keys = keys
                .ok_or_else(|| format!("secrets {name:?} not found"))?
                .as_ref()
                .map_err(Clone::clone)?;
            let value = keys
                .get(key)
                .ok_or_else(|| format!("key '{key}' does not exist in secret '{name}'"))?;
            shown.insert(value.clone());
            Ok(value.clone())
        })?;
        values.secret = shown.into_iter().filter(|value| !value.is_empty()).collect();
        values
            .secret
            .sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Ok(values)
    }

    fn resolve(
        args: &[Argument],
        mut secret: impl FnMut(&str, &str) -> Result<String, String>,
    ) -> Result<Values, String> {
        let mut by_name = BTreeMap::new();
        for arg in args {
            let key = arg.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref());
            let value = match (key, &arg.value) {
                (Some(key), _) => secret(&key.name, &key.key)?,
                (None, Some(value)) => value.clone(),
                (None, None) => return Err(format!("argument {:?} was not supplied", arg.name)),
            };
            by_name.insert(arg.name.clone(), value);
        }
        Ok(Values {
            by_name,
            secret: Vec::new(),
        })
    }

    /// The metric with every `{{ args.NAME }}` replaced.
    ///
    /// # Errors
    /// `failed to resolve {{tag}}`, or why the result is no metric.
    pub fn fill(&self, metric: &Metric) -> Result<Metric, String> {
        let raw = serde_json::to_value(metric).map_err(|e| e.to_string())?;
        serde_json::from_value(self.fill_json(raw)?).map_err(|e| e.to_string())
    }

    fn fill_json(&self, value: Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill_text(&text)?),
            Value::Array(list) => Value::Array(list.into_iter().map(|v| self.fill_json(v)).collect::<Result<_, _>>()?),
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .map(|(k, v)| Ok((self.fill_text(&k)?, self.fill_json(v)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        })
    }

    fn fill_text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((tag, after)) = after.split_once("}}") else {
                return Err(format!(
                    "cannot find end tag=\"}}}}\" in the template={text:?} starting from {after:?}"
                ));
            };
            filled.push_str(before);
            let value = tag.trim().strip_prefix("args.").and_then(|name| self.by_name.get(name));
            filled.push_str(value.ok_or_else(|| format!("failed to resolve {{{{{tag}}}}}"))?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Values").field(&self.by_name.keys()).finish()
    }
}

/// The Secrets that the arguments name.
pub fn secret_names(args: &[Argument]) -> BTreeSet<String> {
    let refs = args
        .iter()
        .filter_map(|arg| arg.value_from.as_ref()?.secret_key_ref.as_ref());
    refs.map(|key| key.name.clone()).collect()
}

/// The text with every secret in it replaced by `*****`.
pub fn redact(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "*****"))
}

const PLACEHOLDER: &str = "temp-for-secret";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn args(raw: Value) -> Vec<Argument> {
        serde_json::from_value(raw).expect("arguments")
    }

    #[test]
    fn tags() {
        let values = Values::with_placeholders(&args(json!([
            {"name": "svc", "value": "web"}, {"name": "q", "value": "say \"hi\"\u{7}"}, {"name": "none", "value": ""}
        ])));
        let values = values.expect("values");
        let table = [
            ("plain", Ok("plain")),
            ("up{job=\"{{args.svc}}\"}", Ok("up{job=\"web\"}")),
            ("{{ args.svc }}/{{args.none}}/{{args.q}}", Ok("web//say \"hi\"\u{7}")),
            ("{{args.other}}", Err("failed to resolve {{args.other}}")),
            ("{{ inputs.svc }}", Err("failed to resolve {{ inputs.svc }}")),
            (
                "a {{args.svc",
                Err("cannot find end tag=\"}}\" in the template=\"a {{args.svc\" starting from \"args.svc\""),
            ),
        ];
        for (text, want) in table {
            assert_eq!(
                values.fill_text(text),
                want.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }

    #[test]
    fn every_argument_needs_a_value() {
        let unset = args(json!([{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]));
        assert_eq!(
            Values::with_placeholders(&unset).unwrap_err(),
            "argument \"a\" was not supplied"
        );
    }

    #[test]
    fn secrets() {
        let args = args(json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]));
        let table = [
            (json!({}), Err("secrets \"s\" not found")),
            (
                json!({"s": {"Err": "secrets \"s\" is forbidden"}}),
                Err("secrets \"s\" is forbidden"),
            ),
            (
                json!({"s": {"Ok": {"other": "x"}}}),
                Err("key 'k' does not exist in secret 's'"),
            ),
            (json!({"s": {"Ok": {"k": "hush"}}}), Ok("Bearer hush")),
        ];
        for (secrets, want) in table {
            let secrets = serde_json::from_value(secrets).expect("secrets");
            let got = Values::with_secrets(&args, &secrets).and_then(|v| v.fill_text("Bearer {{args.token}}"));
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned));
        }
        assert_eq!(secret_names(&args), BTreeSet::from(["s".to_owned()]));
        assert_eq!(
            redact("401 for hush-hush", &["hush-hush".to_owned(), "hush".to_owned()]),
            "401 for *****"
        );
    }
}
