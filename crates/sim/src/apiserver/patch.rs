//! Patching: which object a merge patch, JSON patch or strategic merge patch makes of another.

mod strategic;

use super::admit::{Form, normalize};
use super::kinds::{Origin, Scope};
use super::read::text;
use super::request::{Request, Response};
use super::routes::{Sub, Target};
use super::scale::scale_of;
use super::{ApiServer, Refusal};
use serde_json::Value;

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
/// Server-side apply, of which only the merge is done here: nobody owns fields, so leaving a field out never removes it.
const APPLY: &str = "application/apply-patch+yaml";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

impl ApiServer {
    pub(crate) fn patch(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let old = match self.found(target) {
            Ok(old) => old,
            Err(_) if media(request) == APPLY && target.sub == Sub::Main => return self.create_named(target, request),
            Err(refusal) => return Err(refusal),
        };
        if target.sub == Sub::Scale {
            let patched = patched(target, request, &scale_of(&target.kind, &old))?;
            return self.write_scale(target, request, &patched);
        }
        let mut new = patched(target, request, &old)?;
        if text(&new, "name") != target.name {
            let message = format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                text(&new, "name"),
                target.name
            );
            return Err(Refusal::bad_request(message));
        }
        if target.kind.scope == Scope::Namespaced && text(&new, "namespace") != target.namespace {
            let why = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Refusal::bad_request(why));
        }
        if media(request) == APPLY && request.asked("fieldManager").is_none() {
            let why =
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
            return Err(Refusal::new(422, "Invalid", why));
        }
        let warnings = normalize(target, request, Form::Patched, &mut new)?;
        Ok(self.replace(target, request, old, new)?.warning(warnings))
    }
}

fn patched(target: &Target, request: &Request, old: &Value) -> Result<Value, Refusal> {
    let mut new = old.clone();
    let strategic = target.kind.origin == Origin::BuiltIn || target.sub == Sub::Scale;
    match media(request) {
        JSON => {
            let operations: Value = parse(request)?;
            if !operations.is_array() {
                return Err(wrong_type(&operations, "[]handlers.jsonPatchOp"));
            }
            let patch: json_patch::Patch = serde_json::from_value(operations).map_err(|_| Refusal::unprocessable())?;
            json_patch::patch(&mut new, &patch).map_err(|_| Refusal::unprocessable())?;
        }
        MERGE => json_patch::merge(&mut new, &object(request)?),
        APPLY if !strategic => json_patch::merge(&mut new, &object(request)?),
        STRATEGIC | APPLY if strategic => {
            let patch = object(request)?;
            if let Some((key, item)) = strategic::unnamed(&patch) {
                let message = format!("{} does not contain declared merge key: {key}", go_map(item));
                return Err(Refusal::new(500, "", message));
            }
            strategic::merge(&mut new, &patch);
        }
        _ if strategic => {
            return Err(Refusal {
                details: Some(serde_json::json!({})),
                ..Refusal::new(415, "UnsupportedMediaType", "415: Unsupported Media Type")
            });
        }
        _ => {
            return Err(Refusal::unsupported_media_type(&[JSON, MERGE, APPLY].join(", ")));
        }
    }
    Ok(new)
}

fn media(request: &Request) -> &str {
    request.content_type.split(';').next().unwrap_or_default().trim()
}

fn parse<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    serde_json::from_slice(&request.body).map_err(|why| {
        let why = if why.is_eof() {
            "unexpected end of JSON input".to_owned()
        } else {
            why.to_string()
        };
        Refusal::bad_request(format!("error decoding patch: {why}"))
    })
}

fn wrong_type(found: &Value, wanted: &str) -> Refusal {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Refusal::bad_request(format!(
        "error decoding patch: json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}

/// An object as Go prints a map.
fn go_map(object: &Value) -> String {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = object.as_object().into_iter().flatten();
    let each: Vec<String> = fields
        .map(|(field, value)| format!("{field}:{}", shown(value)))
        .collect();
    format!("map: map[{}]", each.join(" "))
}

fn object(request: &Request) -> Result<Value, Refusal> {
    let patch: Value = parse(request)?;
    if patch.is_object() {
        Ok(patch)
    } else {
        Err(wrong_type(&patch, "map[string]interface {}"))
    }
}
