//! `validation.jsonl`: a manifest, and the errors of the spec rules in order.

use serde_json::Value;

pub(super) fn check(line: &Value) -> Result<(), String> {
    let mut manifest = line["rollout"].clone();
    without_nulls(&mut manifest);
    let rollout = serde_json::from_value(manifest).map_err(|e| format!("the manifest does not decode: {e}"))?;
    let got: Vec<String> = api::validate::rollout(&rollout)
        .iter()
        .map(ToString::to_string)
        .collect();
    let want: Vec<&str> = line["wantErrors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if got == want {
        return Ok(());
    }
    let name = &line["name"];
    Err(format!(
        "{name}\n  want {}\n  got  {}",
        want.join("\n       "),
        got.join("\n       ")
    ))
}

/// Go reads a null as an absent field.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
