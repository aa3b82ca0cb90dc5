//! What an actor sees when it looks: the store, who owns what, what users ask for, and the time.

use super::write::Key;
use crate::apiserver::Kinds;
use crate::load::Load;
use crate::store::{Change, Store};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub store: &'a Store,
    pub kinds: &'a Kinds,
    pub owned: &'a Owned,
    pub load: &'a Load,
    pub now: DateTime<Utc>,
}

/// Which objects name which owner, by the owner's uid.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    by_uid: BTreeMap<String, BTreeSet<Key>>,
}

impl<'a> Seen<'a> {
    pub fn get(&self, key: &Key) -> Option<&'a Arc<Value>> {
        self.store.get(&key.resource, &key.namespace, &key.name)
    }

    /// The objects of `resource` whose controller is `owner`, by name.
    pub fn controlled(&self, owner: &Value, resource: &str) -> Vec<&'a Arc<Value>> {
        let uid = uid(owner);
        self.owned_by(uid)
            .filter(|key| key.resource == resource)
            .filter_map(|key| self.get(key))
            .filter(|object| controller(object).is_some_and(|reference| reference["uid"] == uid))
            .collect()
    }

    /// Every object that names `uid` as one of its owners.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &'a Key> + use<'a> {
        self.owned.by_uid.get(uid).into_iter().flatten()
    }
}

impl Owned {
    pub(super) fn follow(&mut self, resource: &str, change: &Change) {
        if let Some(before) = &change.before {
            for reference in owners(before) {
                let of = uid_in(reference);
                if let Some(keys) = self.by_uid.get_mut(of) {
                    keys.remove(&Key::of(resource, before));
                    if keys.is_empty() {
                        self.by_uid.remove(of);
                    }
                }
            }
        }
        if let Some(after) = &change.after {
            for reference in owners(after) {
                self.by_uid
                    .entry(uid_in(reference).to_owned())
                    .or_default()
                    .insert(Key::of(resource, after));
            }
        }
    }
}

pub(super) fn uid(object: &Value) -> &str {
    uid_in(&object["metadata"])
}

fn uid_in(holder: &Value) -> &str {
    holder["uid"].as_str().unwrap_or_default()
}

pub(super) fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

/// The owner reference that says who controls an object.
pub(super) fn controller(object: &Value) -> Option<&Value> {
    owners(object).find(|reference| reference["controller"] == true)
}

/// The key of the controller of `object`, if it is of `kind`.
pub(super) fn controller_key(object: &Value, kind: &str, resource: &str) -> Option<Key> {
    let reference = controller(object).filter(|reference| reference["kind"] == kind)?;
    let namespace = object["metadata"]["namespace"].as_str()?;
    Some(Key::new(resource, namespace, reference["name"].as_str()?))
}

/// The owner reference by which `owner` controls an object.
pub(super) fn controlled_by(owner: &Value) -> Value {
    serde_json::json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

pub(super) fn is_ending(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Neither finished nor asked to end.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_ending(pod) && !is_finished(pod)
}

pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// A time in a field of an object.
pub(super) fn time(field: &Value) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(field.as_str()?).ok()?.with_timezone(&Utc))
}

/// Both ends of a change, for those who must hear of what an object was and of what it is.
pub(super) fn ends(change: &Change) -> impl Iterator<Item = &Arc<Value>> {
    change.before.iter().chain(&change.after)
}
