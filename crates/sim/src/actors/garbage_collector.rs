//! What goes when an owner goes: dependents are deleted, kept as orphans, or waited for, as the deletion asked.

use super::seen::{Seen, is_ending, owners, uid};
use super::write::{Grace, Key, Subresource, Write};
use super::{Actor, Look};
use crate::apiserver::Scope;
use crate::store::Change;
use serde_json::{Value, json};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

#[derive(Clone, Copy, Debug, Default)]
pub struct GarbageCollector;

impl Actor for GarbageCollector {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn touched(&self, resource: &str, change: &Change, seen: &Seen<'_>) -> Vec<Key> {
        let owner_keys = |object| owners(object).filter_map(|owner| owner_key(object, owner, seen));
        let dependents = seen.owned_by(uid(&change.last)).cloned();
        match &change.after {
            None => dependents.chain(owner_keys(&change.last)).collect(),
            Some(after) if is_ending(after) => dependents
                .chain([Key::of(resource, after)])
                .chain(owner_keys(after))
                .collect(),
            Some(after) => {
                let references = |object: &Value| object["metadata"]["ownerReferences"].clone();
                let news = change
                    .before
                    .as_ref()
                    .is_none_or(|before| references(before) != references(after));
                if news && owners(after).next().is_some() {
                    vec![Key::of(resource, after)]
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(object) = seen.get(key) else {
            return Look::default();
        };
        let mut writes = if is_ending(object) {
            let_go(key, object, seen)
        } else {
            Vec::new()
        };
        if !is_ending(object) {
            writes.extend(bereaved(key, object, seen));
        }
        Look { writes, wake: None }
    }
}

/// What to do with an object whose owners have gone or are going.
fn bereaved(key: &Key, object: &Value, seen: &Seen<'_>) -> Option<Write> {
    let mut living = Vec::new();
    let (mut gone, mut waiting) = (0, 0);
    for reference in owners(object) {
        match state(object, reference, seen) {
            Owner::Here => living.push(reference.clone()),
            Owner::Waits => waiting += 1,
            Owner::Gone => gone += 1,
        }
    }
    if gone + waiting == 0 {
        None
    } else if living.is_empty() {
        Some(Write::delete(&key.resource, object, Grace::Own))
    } else {
        let body = json!({ "metadata": { "ownerReferences": living } });
        Some(Write::patch_unchanged(&key.resource, object, Subresource::Main, body))
    }
}

enum Owner {
    Here,
    /// Its deletion waits for its dependents.
    Waits,
    Gone,
}

fn state(object: &Value, reference: &Value, seen: &Seen<'_>) -> Owner {
    // A kind nobody serves may come back: its dependents are left alone.
    let Some(key) = owner_key(object, reference, seen) else {
        return Owner::Here;
    };
    match seen
        .get(&key)
        .filter(|owner| owner["metadata"]["uid"] == reference["uid"])
    {
        None => Owner::Gone,
        Some(owner) if is_ending(owner) && has_finalizer(owner, FOREGROUND) => Owner::Waits,
        Some(_) => Owner::Here,
    }
}

fn owner_key(object: &Value, reference: &Value, seen: &Seen<'_>) -> Option<Key> {
    let kind = seen
        .kinds
        .of_object(reference["apiVersion"].as_str()?, reference["kind"].as_str()?)?;
    let namespace = match kind.scope {
        Scope::Namespaced => object["metadata"]["namespace"].as_str().unwrap_or_default(),
        Scope::Cluster => "",
    };
    Some(Key::new(kind.resource(), namespace, reference["name"].as_str()?))
}

/// Finishes a deletion that waits for this actor: orphans the dependents, or waits until they are gone.
fn let_go(key: &Key, object: &Value, seen: &Seen<'_>) -> Vec<Write> {
    let dependents: Vec<_> = seen.owned_by(uid(object)).collect();
    let mut writes = Vec::new();
    if has_finalizer(object, ORPHAN) {
        for dependent in dependents {
            let Some(of) = seen.get(dependent) else { continue };
            let rest: Vec<_> = owners(of)
                .filter(|owner| owner["uid"] != uid(object))
                .cloned()
                .collect();
            let body = json!({ "metadata": { "ownerReferences": rest } });
            writes.push(Write::patch_unchanged(&dependent.resource, of, Subresource::Main, body));
        }
        writes.push(without_finalizer(key, object, ORPHAN));
    } else if has_finalizer(object, FOREGROUND) {
        let blocks = |dependent: &&Key| {
            let references = seen.get(dependent).into_iter().flat_map(|of| owners(of));
            references
                .filter(|owner| owner["uid"] == uid(object))
                .any(|owner| owner["blockOwnerDeletion"] == true)
        };
        if !dependents.into_iter().any(|dependent| blocks(&dependent)) {
            writes.push(without_finalizer(key, object, FOREGROUND));
        }
    }
    writes
}

fn has_finalizer(object: &Value, name: &str) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == name))
}

fn without_finalizer(key: &Key, object: &Value, name: &str) -> Write {
    let all = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    let rest: Vec<_> = all.filter(|one| *one != name).collect();
    let body = json!({ "metadata": { "finalizers": rest } });
    Write::patch_unchanged(&key.resource, object, Subresource::Main, body)
}
