//! What exists and what changed: objects by resource, namespace and name, one revision counter, one log of changes.

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How many changes of one resource are remembered; older ones are compacted away (a watch from there gets 410).
const REMEMBERED: usize = 20_000;

/// All objects. A resource is named `plural.group`, or `plural` in the core group: `pods`, `rollouts.argoproj.io`.
#[derive(Clone, Debug)]
pub struct Store {
    revision: u64,
    compacted: u64,
    collections: BTreeMap<String, Collection>,
}

#[derive(Clone, Debug, Default)]
struct Collection {
    objects: BTreeMap<(String, String), Arc<Value>>,
    log: VecDeque<Change>,
}

/// One write, as watchers see it.
#[derive(Clone, Debug)]
pub struct Change {
    pub revision: u64,
    /// None: the object was created.
    pub before: Option<Arc<Value>>,
    /// None: the object was deleted. `last` still shows it.
    pub after: Option<Arc<Value>>,
    /// The object as of this change, with this change's resourceVersion; for a deletion the last state.
    pub last: Arc<Value>,
}

impl Store {
    pub fn new() -> Self {
        Store {
            revision: 1,
            compacted: 0,
            collections: BTreeMap::new(),
        }
    }

    /// The revision of the latest write; the resourceVersion of a list.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Revisions below this are forgotten.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets every change up to now, so that older watches and continue tokens expire.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
        for collection in self.collections.values_mut() {
            collection.log.clear();
        }
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.collections
            .get(resource)?
            .objects
            .get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The objects of a resource in order of (namespace, name); all namespaces if none is given.
    pub fn list<'a>(&'a self, resource: &str, namespace: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Value>> + 'a {
        self.collections
            .get(resource)
            .into_iter()
            .flat_map(move |collection| match namespace {
                Some(one) => collection.objects.range((one.to_owned(), String::new())..),
                None => collection.objects.range::<(String, String), _>(..),
            })
            .take_while(move |((of, _), _)| namespace.is_none_or(|one| one == of))
            .map(|(_, object)| object)
    }

    /// The objects as they were at `revision`; None if that has been forgotten or has not happened yet.
    pub fn list_at(&self, resource: &str, namespace: Option<&str>, revision: u64) -> Option<Vec<Arc<Value>>> {
        if revision > self.revision || revision < self.compacted {
            return None;
        }
        if revision == self.revision {
            return Some(self.list(resource, namespace).cloned().collect());
        }
        let Some(collection) = self.collections.get(resource) else {
            return Some(Vec::new());
        };
        let mut objects = collection.objects.clone();
        for change in collection
            .log
            .iter()
            .rev()
            .take_while(|change| change.revision > revision)
        {
            match &change.before {
                Some(before) => objects.insert(key(before), before.clone()),
                None => objects.remove(&key(&change.last)),
            };
        }
        let wanted = |of: &str| namespace.is_none_or(|one| one == of);
        Some(
            objects
                .into_iter()
                .filter(|((of, _), _)| wanted(of))
                .map(|(_, object)| object)
                .collect(),
        )
    }

    /// Stores an object under its own namespace and name, with the next revision as its resourceVersion.
    pub fn put(&mut self, resource: &str, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        let object = Arc::new(object);
        let revision = self.revision;
        let collection = self.collections.entry(resource.to_owned()).or_default();
        let before = collection.objects.insert(key(&object), object.clone());
        self.remember(
            resource,
            Change {
                revision,
                before,
                after: Some(object.clone()),
                last: object.clone(),
            },
        );
        object
    }

    /// Removes an object; the answer is its last state with the deletion's revision.
    pub fn remove(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let collection = self.collections.get_mut(resource)?;
        let before = collection.objects.remove(&(namespace.to_owned(), name.to_owned()))?;
        self.revision += 1;
        let revision = self.revision;
        let mut last = Value::clone(&before);
        last["metadata"]["resourceVersion"] = Value::String(revision.to_string());
        let last = Arc::new(last);
        self.remember(
            resource,
            Change {
                revision,
                before: Some(before),
                after: None,
                last: last.clone(),
            },
        );
        Some(last)
    }

    /// The changes of a resource after `revision`, oldest first; None if some of them have been forgotten.
    pub fn changes_after(&self, resource: &str, revision: u64) -> Option<impl Iterator<Item = &Change> + use<'_>> {
        if revision < self.compacted {
            return None;
        }
        let log = self.collections.get(resource).map(|collection| &collection.log);
        let from = log.map_or(0, |log| log.partition_point(|change| change.revision <= revision));
        Some(log.into_iter().flat_map(move |log| log.range(from..)))
    }

    fn remember(&mut self, resource: &str, change: Change) {
        let Some(collection) = self.collections.get_mut(resource) else {
            return;
        };
        collection.log.push_back(change);
        if collection.log.len() > REMEMBERED
            && let Some(oldest) = collection.log.pop_front()
        {
            self.compacted = self.compacted.max(oldest.revision);
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Store::new()
    }
}

fn key(object: &Value) -> (String, String) {
    let of = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (of("namespace"), of("name"))
}

#[cfg(test)]
mod tests {
    use super::Store;
    use serde_json::{Value, json};

    fn pod(name: &str, value: i64) -> Value {
        json!({ "metadata": { "name": name, "namespace": "default" }, "value": value })
    }

    fn names(objects: &[std::sync::Arc<Value>]) -> String {
        let show = |object: &std::sync::Arc<Value>| format!("{}={}", object["metadata"]["name"], object["value"]);
        objects.iter().map(show).collect::<Vec<_>>().join(" ").replace('"', "")
    }

    #[test]
    fn the_past_can_be_listed_until_it_is_compacted() {
        let mut store = Store::new();
        store.put("pods", pod("a", 1));
        store.put("pods", pod("b", 1));
        let then = store.revision();
        store.put("pods", pod("a", 2));
        store.remove("pods", "default", "b");
        store.put("pods", pod("c", 1));
        let at = |store: &Store, revision| store.list_at("pods", None, revision).map(|objects| names(&objects));
        assert_eq!(at(&store, then).as_deref(), Some("a=1 b=1"));
        assert_eq!(at(&store, then + 1).as_deref(), Some("a=2 b=1"));
        assert_eq!(at(&store, store.revision()).as_deref(), Some("a=2 c=1"));
        assert_eq!(at(&store, store.revision() + 1), None);
        assert_eq!(store.changes_after("pods", then).map(Iterator::count), Some(3));
        store.compact();
        assert_eq!(at(&store, then), None);
        assert!(store.changes_after("pods", then).is_none());
        assert_eq!(
            store.changes_after("pods", store.revision()).map(Iterator::count),
            Some(0)
        );
    }
}
