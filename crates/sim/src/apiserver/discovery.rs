//! What the server says of itself: its version, its health, and which groups, versions and kinds it serves.

use super::kinds::{Kind, Kinds, Origin, Scope};
use super::openapi;
use super::request::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version this server imitates.
pub const VERSION: &str = "v1.34.4";

/// The answer to a path that names no object; None if there is nothing either.
pub(super) fn answer(kinds: &Kinds, path: &str) -> Option<Response> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["healthz" | "livez" | "readyz", ..] => Some(Response::text(200, "ok")),
        ["version"] => Some(Response::ok(version())),
        ["api"] => Some(Response::ok(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }],
        }))),
        ["api", "v1"] => Some(Response::ok(resources(kinds, "", "v1"))),
        ["apis"] => {
            let groups: Vec<Value> = groups(kinds).keys().map(|name| group(kinds, name)).collect();
            Some(Response::ok(
                json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
            ))
        }
        ["apis", name] if groups(kinds).contains_key(*name) => {
            let mut answer = group(kinds, name);
            answer["kind"] = "APIGroup".into();
            answer["apiVersion"] = "v1".into();
            Some(Response::ok(answer))
        }
        ["apis", name, version]
            if groups(kinds)
                .get(*name)
                .is_some_and(|versions| versions.contains(version)) =>
        {
            Some(Response::ok(resources(kinds, name, version)))
        }
        ["openapi", "v3"] => Some(Response::ok(openapi::index(kinds))),
        ["openapi", "v3", "api", version] => openapi::document(kinds, "", version).map(Response::ok),
        ["openapi", "v3", "apis", group, version] => openapi::document(kinds, group, version).map(Response::ok),
        _ => None,
    }
}

/// Whether a path lies below a group and version that is served.
pub(super) fn serves_below(kinds: &Kinds, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["api", version, _, ..] => *version == "v1",
        ["apis", group, version, _, ..] => groups(kinds)
            .get(group)
            .is_some_and(|versions| versions.contains(version)),
        _ => false,
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "34", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
        "emulationMajor": "1", "emulationMinor": "34", "minCompatibilityMajor": "1", "minCompatibilityMinor": "33",
    })
}

/// Named groups with their versions.
pub(super) fn groups(kinds: &Kinds) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in kinds.iter().filter(|kind| !kind.group.is_empty()) {
        let versions = groups.entry(&kind.group).or_default();
        if !versions.contains(&kind.version.as_str()) {
            versions.push(&kind.version);
        }
    }
    groups
}

fn group(kinds: &Kinds, name: &str) -> Value {
    let groups = groups(kinds);
    let entry = |version: &&str| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let versions: Vec<Value> = groups.get(name).into_iter().flatten().map(entry).collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions.first() })
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Value {
    let served = kinds
        .iter()
        .filter(|kind| kind.group == group && kind.version == version);
    let resources: Vec<Value> = served.flat_map(|kind| entries(kind)).collect();
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources })
}

/// A kind and its subresources.
fn entries(kind: &Kind) -> Vec<Value> {
    let verbs: &[&str] = match kind.origin {
        Origin::BuiltIn => &[
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ],
        Origin::Custom => &[
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ],
    };
    let mut main = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.scope == Scope::Namespaced,
        "kind": kind.kind, "verbs": verbs,
    });
    if !kind.short_names.is_empty() {
        main["shortNames"] = kind.short_names.clone().into();
    }
    if !kind.categories.is_empty() {
        main["categories"] = kind.categories.clone().into();
    }
    let below = |name: &str, of: &str, verbs: &[&str]| {
        json!({
            "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.scope == Scope::Namespaced,
            "kind": of, "verbs": verbs,
        })
    };
    let mut entries = vec![main];
    if kind.is("pods") {
        let mut eviction = below("eviction", "Eviction", &["create"]);
        eviction["group"] = "policy".into();
        eviction["version"] = "v1".into();
        entries.extend([
            below("binding", "Binding", &["create"]),
            eviction,
            below("log", "Pod", &["get"]),
        ]);
    }
    if kind.is("namespaces") {
        entries.push(below("finalize", "Namespace", &["update"]));
    }
    if kind.scale.is_some() {
        let mut scale = below("scale", "Scale", &["get", "patch", "update"]);
        scale["group"] = "autoscaling".into();
        scale["version"] = "v1".into();
        entries.push(scale);
    }
    if kind.has_status {
        let status = below("status", &kind.kind, &["get", "patch", "update"]);
        // Of custom kinds the status is listed first.
        let place = if kind.origin == Origin::Custom {
            1
        } else {
            entries.len()
        };
        entries.insert(place, status);
    }
    entries
}
