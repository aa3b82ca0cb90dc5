//! The `scale` subresource: an `autoscaling/v1` Scale read from an object and written back to it.

use super::kinds::{Kind, Origin};
use super::read::text;
use super::request::{Request, Response};
use super::routes::Target;
use super::{ApiServer, Cause, Refusal};
use crate::selector::LabelSelector;
use serde_json::{Value, json};

impl ApiServer {
    pub(crate) fn read_scale(&mut self, target: &Target) -> Result<Response, Refusal> {
        let object = self.found(target)?;
        Ok(Response::ok(scale_of(&target.kind, &object)))
    }

    pub(crate) fn write_scale(
        &mut self,
        target: &Target,
        request: &Request,
        scale: &Value,
    ) -> Result<Response, Refusal> {
        let old = self.found(target)?;
        let sent = text(scale, "resourceVersion");
        if !sent.is_empty() && sent != text(&old, "resourceVersion") {
            return Err(Refusal::modified(&target.kind, &target.name));
        }
        let Some(paths) = &target.kind.scale else {
            return Err(Refusal::method_not_allowed());
        };
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 && target.kind.origin == Origin::BuiltIn {
            let why = "must be greater than or equal to 0";
            let cause = Cause::invalid("spec.replicas", &replicas.into(), why);
            let mut of_scale = Kind::clone(&target.kind);
            (of_scale.group, of_scale.kind) = ("autoscaling".into(), "Scale".into());
            return Err(Refusal::invalid(&of_scale, &target.name, vec![cause]));
        }
        let mut new = Value::clone(&old);
        set_path(&mut new, &paths.spec_replicas, replicas.into());
        let answer = self.replace(&target.main(), request, old, new)?.object();
        Ok(Response::ok(scale_of(&target.kind, &answer.unwrap_or_default())))
    }
}

/// The Scale of an object.
pub(crate) fn scale_of(kind: &Kind, object: &Value) -> Value {
    let Some(paths) = &kind.scale else { return Value::Null };
    let selector = match &paths.selector {
        Some(path) => at_path(object, path).and_then(Value::as_str).map(str::to_owned),
        None => LabelSelector::from_object(&object["spec"]["selector"]).map(|selector| selector.to_string()),
    };
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let count = |path: &str| at_path(object, path).and_then(Value::as_i64).unwrap_or(0);
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {},
        "status": { "replicas": count(&paths.status_replicas) },
    });
    let wanted = count(&paths.spec_replicas);
    if wanted != 0 {
        scale["spec"]["replicas"] = wanted.into();
    }
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

/// The value at a path such as `.spec.replicas`.
pub(crate) fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .filter(|field| !field.is_empty())
        .try_fold(object, |at, field| at.get(field))
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for field in path.split('.').filter(|field| !field.is_empty()) {
        at = &mut at[field];
    }
    *at = value;
}
