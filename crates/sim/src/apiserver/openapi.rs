//! The schemas of what is served, as OpenAPI v3: what `kubectl explain` shows and clients check before they send.

pub(super) mod built_in;

use super::discovery::{VERSION, groups};
use super::kinds::{Kind, Kinds, Origin, Scope};
use serde_json::{Map, Value, json};

/// `/openapi/v3`: where the document of each group and version is.
pub(super) fn index(kinds: &Kinds) -> Value {
    let mut paths = Map::new();
    let mut add = |path: String| {
        let entry = json!({ "serverRelativeURL": format!("/openapi/v3/{path}") });
        paths.insert(path, entry);
    };
    add("api/v1".into());
    for (group, versions) in groups(kinds) {
        for version in versions {
            add(format!("apis/{group}/{version}"));
        }
    }
    json!({ "paths": paths })
}

/// The document of one group and version.
pub(super) fn document(kinds: &Kinds, group: &str, version: &str) -> Option<Value> {
    let served = kinds
        .iter()
        .filter(|kind| kind.group == group && kind.version == version);
    let served: Vec<&Kind> = served.map(AsRef::as_ref).collect();
    if served.is_empty() {
        return None;
    }
    let mut schemas = built_in::schemas(
        served
            .iter()
            .filter(|kind| kind.origin == Origin::BuiltIn)
            .map(|kind| kind.resource()),
    );
    let mut paths = Map::new();
    for kind in served {
        let id = json!({ "group": kind.group, "version": kind.version, "kind": kind.kind });
        let name = component(kind);
        if let Some(schema) = &kind.schema {
            schemas.insert(name.clone(), custom(schema));
        }
        if let Some(schema) = schemas.get_mut(&name) {
            schema["x-kubernetes-group-version-kind"] = json!([id]);
        }
        let collection = match (kind.scope, kind.group.as_str()) {
            (Scope::Namespaced, "") => format!("/api/v1/namespaces/{{namespace}}/{}", kind.plural),
            (Scope::Cluster, "") => format!("/api/v1/{}", kind.plural),
            (Scope::Namespaced, group) => format!("/apis/{group}/{version}/namespaces/{{namespace}}/{}", kind.plural),
            (Scope::Cluster, group) => format!("/apis/{group}/{version}/{}", kind.plural),
        };
        let operation = |verb: &str| operation(verb, &id, &name);
        paths.insert(format!("{collection}/{{name}}"), json!({
            "get": operation("get"), "put": operation("put"), "patch": operation("patch"), "delete": operation("delete"),
        }));
        paths.insert(
            collection,
            json!({ "get": operation("list"), "post": operation("post") }),
        );
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": VERSION },
        "paths": paths,
        "components": { "schemas": schemas },
    }))
}

/// The name of a kind's schema: the group backwards, as the server names it.
fn component(kind: &Kind) -> String {
    if let (Origin::BuiltIn, Some(name)) = (kind.origin, built_in::component(kind.resource())) {
        return name;
    }
    let backwards: Vec<&str> = kind.group.split('.').rev().collect();
    format!("{}.{}.{}", backwards.join("."), kind.version, kind.kind)
}

/// The schema of a custom kind with the fields every object has.
fn custom(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let text = |description: &str| json!({ "type": "string", "description": description });
    let properties = &mut schema["properties"];
    properties["apiVersion"] = text("APIVersion defines the versioned schema of this representation of an object.");
    properties["kind"] = text("Kind is a string value representing the REST resource this object represents.");
    properties["metadata"] = json!({
        "description": "Standard object's metadata.",
        "allOf": [{ "$ref": format!("#/components/schemas/{}", built_in::OBJECT_META) }],
    });
    schema
}

/// An operation, with the query parameters by which a client learns that the server checks fields by itself.
fn operation(verb: &str, id: &Value, component: &str) -> Value {
    let parameter = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    let body = json!({ "schema": { "$ref": format!("#/components/schemas/{component}") } });
    let mut operation = json!({
        "x-kubernetes-action": verb, "x-kubernetes-group-version-kind": id,
        "responses": { "200": { "description": "OK", "content": { "application/json": body } } },
    });
    match verb {
        "put" | "post" | "patch" => {
            let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation"]
                .into_iter()
                .map(parameter)
                .collect();
            operation["parameters"] = parameters.into();
            // Strategic merge is not offered here, because these schemas do not say by which keys lists are merged:
            // clients then fall back to what they know of the built-in kinds.
            let media = if verb == "patch" {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            operation["requestBody"] = json!({ "content": { media: body } });
        }
        "delete" => operation["parameters"] = json!([parameter("dryRun")]),
        _ => {}
    }
    operation
}
