//! Patching: which object a merge patch, JSON patch or strategic merge patch makes of another.

mod strategic;

use super::admit::{Form, normalize};
use super::kinds::Origin;
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
            let patch: json_patch::Patch = parse(request)?;
            json_patch::patch(&mut new, &patch).map_err(|_| Refusal::unprocessable())?;
        }
        MERGE => json_patch::merge(&mut new, &object(request)?),
        APPLY if !strategic => json_patch::merge(&mut new, &object(request)?),
        STRATEGIC | APPLY if strategic => strategic::merge(&mut new, &object(request)?),
        _ => {
            let accepted = [JSON, MERGE, STRATEGIC, APPLY];
            let accepted: Vec<&str> = accepted
                .into_iter()
                .filter(|one| strategic || *one != STRATEGIC)
                .collect();
            return Err(Refusal::unsupported_media_type(&accepted.join(", ")));
        }
    }
    Ok(new)
}

fn media(request: &Request) -> &str {
    request.content_type.split(';').next().unwrap_or_default().trim()
}

fn parse<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    serde_json::from_slice(&request.body).map_err(|why| Refusal::bad_request(format!("error decoding patch: {why}")))
}

fn object(request: &Request) -> Result<Value, Refusal> {
    let patch: Value = parse(request)?;
    if patch.is_object() {
        Ok(patch)
    } else {
        Err(Refusal::bad_request("error decoding patch: it is not an object"))
    }
}
