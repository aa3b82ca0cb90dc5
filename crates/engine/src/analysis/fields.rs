//! What a Rollout's analysis arguments stand for: literals, pod template hashes, fields of the Rollout.
//!
//! Source: wire-contract 4.1 "Rollout arg resolution".

use api::analysis::Argument;
use api::rollout::{AnalysisRunArgument, Rollout};
use serde_json::Value;

/// The arguments with their values.
///
/// # Errors
/// A field path that leads nowhere. When a spec is validated, take the value to be empty instead: the field may come.
pub fn arguments(
    args: &[AnalysisRunArgument],
    rollout: &Rollout,
    new_hash: &str,
    stable_hash: &str,
) -> Result<Vec<Argument>, String> {
    let mut seen: Option<Value> = None;
    let mut resolve = |arg: &AnalysisRunArgument| -> Result<String, String> {
        let Some(from) = &arg.value_from else {
            return Ok(arg.value.clone().unwrap_or_default());
        };
        Ok(match (from.pod_template_hash_value.as_deref(), &from.field_ref) {
            (Some("Latest"), _) => new_hash.to_owned(),
            (Some("Stable"), _) => stable_hash.to_owned(),
            (_, Some(field)) => {
                let rollout = match &mut seen {
                    Some(seen) => &*seen,
                    None => seen.insert(serde_json::to_value(rollout).map_err(|e| e.to_string())?),
                };
                read(rollout, &field.field_path)?
            }
            (_, None) => arg.value.clone().unwrap_or_default(),
        })
    };
    args.iter()
        .map(|arg| {
            Ok(Argument {
                name: arg.name.clone(),
                value: Some(resolve(arg)?),
                value_from: None,
            })
        })
        .collect()
}

/// The text at a field path of a Rollout.
///
/// # Errors
/// Why there is none.
pub fn read(rollout: &Value, path: &str) -> Result<String, String> {
    if path.starts_with("metadata") {
        metadata(&rollout["metadata"], path)
    } else {
        walk(rollout, path)
    }
}

/// What the downward API lets a pod see of its metadata.
fn metadata(metadata: &Value, path: &str) -> Result<String, String> {
    let text = |field: &str| Ok(metadata[field].as_str().unwrap_or_default().to_owned());
    let unsupported = || format!("unsupported fieldPath: {path}");
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        return match map {
            "metadata.annotations" => Ok(metadata["annotations"][key].as_str().unwrap_or_default().to_owned()),
            "metadata.labels" => Ok(metadata["labels"][key].as_str().unwrap_or_default().to_owned()),
            _ => Err(format!("fieldPath {path:?} does not support subscript")),
        };
    }
    match path {
        "metadata.name" => text("name"),
        "metadata.namespace" => text("namespace"),
        "metadata.uid" => text("uid"),
        "metadata.annotations" => Ok(lines(&metadata["annotations"])),
        "metadata.labels" => Ok(lines(&metadata["labels"])),
        _ => Err(unsupported()),
    }
}

/// A map as `key="value"` lines, sorted by key.
fn lines(map: &Value) -> String {
    let Some(map) = map.as_object() else {
        return String::new();
    };
    let lines: Vec<String> = map
        .iter()
        .map(|(key, value)| format!("{key}={:?}", value.as_str().unwrap_or_default()))
        .collect();
    lines.join("\n")
}

fn walk(rollout: &Value, path: &str) -> Result<String, String> {
    let mut at = rollout;
    for section in path.split(['.', '[', ']']).filter(|section| !section.is_empty()) {
        at = match at {
            Value::Array(list) => {
                let index: i64 = section.parse().map_err(|_| format!("invalid index '{section}'"))?;
                let element = usize::try_from(index).ok().and_then(|index| list.get(index));
                element.ok_or_else(|| format!("index {index} out of range"))?
            }
            Value::Object(map) => map
                .get(section)
                .ok_or_else(|| format!("invalid path {path} in rollout"))?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(format!("invalid path {path} in rollout"));
            }
        };
    }
    match at {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(go_float(number.as_f64().unwrap_or_default())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("path {path} in rollout must terminate in a primitive value"))
        }
    }
}

/// A finite float as Go's `%v` writes it: the shortest digits, with an exponent below 1e-4 and from a million on.
pub fn go_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn floats() {
        let table = [
            (0.0, "0"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (-1_000_000.0, "-1e+06"),
            (12_345_678.5, "1.23456785e+07"),
            (2_147_483_647.0, "2.147483647e+09"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
        ];
        for (number, want) in table {
            assert_eq!(go_float(number), want);
        }
    }

    #[test]
    fn paths() {
        let rollout = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "labels": {"a": "1", "a.b": "2", "b/c": "say \"x\""}},
            "spec": {"replicas": 1_000_000, "paused": true, "template": {"spec": {"containers": [{"image": "nginx:1"}]}}},
        });
        let table = [
            ("metadata.name", Ok("web")),
            ("metadata.namespace", Ok("shop")),
            ("metadata.uid", Ok("u")),
            ("metadata.labels['b/c']", Ok("say \"x\"")),
            ("metadata.labels['none']", Ok("")),
            ("metadata.annotations", Ok("")),
            ("metadata.labels", Ok("a=\"1\"\na.b=\"2\"\nb/c=\"say \\\"x\\\"\"")),
            ("metadata.generation", Err("unsupported fieldPath: metadata.generation")),
            ("spec.replicas", Ok("1e+06")),
            ("spec.paused", Ok("true")),
            ("spec.template.spec.containers[0].image", Ok("nginx:1")),
            ("spec.template.spec.containers[1].image", Err("index 1 out of range")),
            ("spec.template.spec.containers.first", Err("invalid index 'first'")),
            ("spec.none.x", Err("invalid path spec.none.x in rollout")),
            ("spec.replicas.x", Err("invalid path spec.replicas.x in rollout")),
            (
                "spec.template",
                Err("path spec.template in rollout must terminate in a primitive value"),
            ),
        ];
        for (path, want) in table {
            assert_eq!(
                read(&rollout, path),
                want.map(str::to_owned).map_err(str::to_owned),
                "{path}"
            );
        }
    }

    #[test]
    fn where_values_come_from() {
        let rollout: Rollout = serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {"replicas": 5}
        }))
        .expect("a rollout");
        let table = [
            (json!({"value": "v"}), Ok(Some("v"))),
            (
                json!({"valueFrom": {"podTemplateHashValue": "Latest"}}),
                Ok(Some("new")),
            ),
            (
                json!({"valueFrom": {"podTemplateHashValue": "Stable"}}),
                Ok(Some("old")),
            ),
            (
                json!({"valueFrom": {"fieldRef": {"fieldPath": "spec.replicas"}}}),
                Ok(Some("5")),
            ),
            (
                json!({"valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}),
                Err("invalid path spec.x in rollout"),
            ),
            (json!({}), Ok(Some(""))),
        ];
        for (mut arg, want) in table {
            arg["name"] = json!("a");
            let arg: AnalysisRunArgument = serde_json::from_value(arg).expect("an argument");
            let got = arguments(&[arg], &rollout, "new", "old").map(|args| args[0].value.clone());
            assert_eq!(got, want.map(|v| v.map(str::to_owned)).map_err(str::to_owned));
        }
    }
}
