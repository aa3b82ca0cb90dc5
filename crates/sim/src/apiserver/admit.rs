//! What becomes of an object before it is stored: fields nobody knows go, defaults come, errors refuse it.

use super::builtin;
use super::kinds::Origin;
use super::openapi::built_in;
use super::request::Request;
use super::routes::{Sub, Target};
use super::schema;
use super::typed;
use super::write::metadata;
use super::{Cause, Refusal};
use serde_json::Value;

/// Whether a client sent a whole object or a patch; a strict complaint is worded differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Patched,
}

/// Brings an object into the form in which it is stored. The answer is the warnings for the client: unknown fields, if
/// it asked for them; a strict client (`fieldValidation=Strict`) is refused instead.
pub(crate) fn normalize(
    target: &Target,
    request: &Request,
    form: Form,
    object: &mut Value,
) -> Result<Vec<String>, Refusal> {
    let mut unknown = unknown_metadata(object);
    let compiled = match target.kind.origin {
        Origin::BuiltIn => built_in::whole(target.resource()),
        Origin::Custom => Some(built_in::object_meta()),
    };
    if let Some(mut why) = compiled.as_ref().and_then(|schema| typed::mismatch(schema, object)) {
        if target.kind.origin == Origin::Custom {
            // The metadata of a custom object is decoded by itself.
            why = why.replacen("ObjectMeta.metadata.", "ObjectMeta.", 1);
        }
        return Err(undecodable(target, form, object, why));
    }
    match (&target.kind.schema, target.kind.origin) {
        (Some(schema), _) => {
            schema::prune(schema, object, &mut unknown);
            schema::fill_defaults(schema, object);
        }
        (None, Origin::BuiltIn) => {
            if let Some(schema) = &compiled {
                schema::prune(schema, object, &mut unknown);
            }
            builtin::default_object(&target.kind, object);
        }
        (None, Origin::Custom) => {}
    }
    tidy_metadata(object);
    let complaints: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
    match request.asked("fieldValidation") {
        Some("Strict") if !complaints.is_empty() => {
            let why = format!("strict decoding error: {}", complaints.join(", "));
            Err(undecodable(target, form, object, why))
        }
        Some("Ignore" | "Strict") => Ok(Vec::new()),
        // Warnings are what a client gets that asks for nothing.
        Some(_) | None => Ok(complaints),
    }
}

/// Everything that is wrong with an object that is to replace `old`, if that exists.
pub(crate) fn check(target: &Target, object: &Value, old: Option<&Value>) -> Result<(), Refusal> {
    let mut causes = Vec::new();
    match target.kind.origin {
        // A status is written by controllers that know what they do.
        Origin::BuiltIn if target.sub == Sub::Status => {}
        Origin::BuiltIn => causes.extend(builtin::validate(&target.kind, object, old)),
        Origin::Custom => {
            if old.is_none() {
                causes.extend(builtin::name(&target.kind, &target.name));
            }
            causes.extend(builtin::metadata(object));
            if let Some(schema) = &target.kind.schema {
                causes.extend(schema::validate(schema, object, old));
                causes.extend(scale(target, object));
                causes.extend(rules(schema, object, old, &causes));
            }
        }
    }
    if target.sub == Sub::Status && target.kind.origin == Origin::Custom {
        for cause in &mut causes {
            // The status is validated by itself, as if it were the whole.
            if cause.message.contains(" in body ") {
                cause.message = cause.message.replacen(": status.", ": ", 1);
            }
        }
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Refusal::invalid(&target.kind, &target.name, causes))
    }
}

fn rules(schema: &Value, object: &Value, old: Option<&Value>, before: &[Cause]) -> Vec<Cause> {
    const BLOCKING: &[&str] = &[
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    ];
    if before.iter().any(|cause| BLOCKING.contains(&cause.reason)) {
        let why = "some validation rules were not checked because the object was invalid; correct the existing errors to \
                   complete validation";
        let unchecked = has_rules(schema).then(|| Cause::invalid("<nil>", &Value::Null, why));
        return unchecked.into_iter().collect();
    }
    old.map(|old| schema::changed(schema, old, object)).unwrap_or_default()
}

fn has_rules(schema: &Value) -> bool {
    schema["x-kubernetes-validations"].is_array()
        || schema["properties"]
            .as_object()
            .is_some_and(|properties| properties.values().any(has_rules))
        || schema.get("items").is_some_and(has_rules)
}

/// The counts that the scale subresource reads; a write of the status is held against that of the status alone.
fn scale(target: &Target, object: &Value) -> Vec<Cause> {
    let Some(paths) = &target.kind.scale else {
        return Vec::new();
    };
    let spec = (target.sub != Sub::Status).then_some(&paths.spec_replicas);
    let mut causes = Vec::new();
    for path in spec.into_iter().chain([&paths.status_replicas]) {
        if let Some(Value::String(text)) = super::scale::at_path(object, path) {
            let why = format!("{path} accessor error: {text} is of the type string, expected int64");
            causes.push(Cause::invalid(path.as_str(), &0.into(), why));
        }
        if let Some(count) = super::scale::at_path(object, path).filter(|count| count.as_i64().is_some_and(|it| it < 0))
        {
            causes.push(Cause::invalid(path.as_str(), count, "should be a non-negative integer"));
        }
    }
    causes
}

fn undecodable(target: &Target, form: Form, object: &Value, error: String) -> Refusal {
    match form {
        Form::Whole => Refusal::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {error}",
            target.kind.kind, target.kind.version, target.kind.kind
        )),
        Form::Patched => {
            let cause = Cause::invalid("patch", &object.to_string().into(), error);
            let message = format!(" \"\" is invalid: {}: {}", cause.field, cause.message);
            let mut refusal = Refusal::new(422, "Invalid", message);
            refusal.details = Some(serde_json::json!({
                "causes": [{ "reason": cause.reason, "message": cause.message, "field": cause.field }],
            }));
            refusal
        }
    }
}

const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

fn unknown_metadata(object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    metadata(object).retain(|field, _| {
        let known = METADATA.contains(&field.as_str());
        if !known {
            unknown.push(format!("metadata.{field}"));
        }
        known
    });
    unknown
}

/// Metadata is typed for every kind: nulls and empty maps, lists and texts are not stored.
fn tidy_metadata(object: &mut Value) {
    metadata(object).retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    });
}
