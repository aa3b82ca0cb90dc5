//! What a watch has told of one kind.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;

use super::typed;
use crate::cluster::{Failure, Kind};

/// The objects of a kind as last told, by name. A list that is under way replaces them when it is done.
pub(super) struct Mirror<T> {
    kind: Kind,
    objects: BTreeMap<String, T>,
    /// The list under way; objects that vanished are not in it.
    arriving: BTreeMap<String, T>,
    complete: bool,
    trouble: Option<String>,
}

impl<T: DeserializeOwned> Mirror<T> {
    pub(super) fn new(kind: Kind) -> Self {
        Mirror {
            kind,
            objects: BTreeMap::new(),
            arriving: BTreeMap::new(),
            complete: false,
            trouble: None,
        }
    }

    /// Takes in an event. One object that cannot be read is a trouble, not the end.
    pub(super) fn take(&mut self, seen: Result<Event<DynamicObject>, Failure>) {
        match seen {
            Err(failure) => {
                self.trouble = Some(format!(
                    "the watch of {}s is interrupted: {failure}",
                    self.kind.singular
                ));
                return;
            }
            Ok(Event::Init) => self.arriving.clear(),
            Ok(Event::InitApply(object)) => {
                if let Some((name, object)) = self.read(object) {
                    self.arriving.insert(name, object);
                }
                return;
            }
            Ok(Event::InitDone) => {
                self.objects = std::mem::take(&mut self.arriving);
                self.complete = true;
            }
            Ok(Event::Apply(object)) => {
                if let Some((name, object)) = self.read(object) {
                    self.objects.insert(name, object);
                } else {
                    return;
                }
            }
            Ok(Event::Delete(object)) => {
                self.objects.remove(&object.metadata.name.unwrap_or_default());
            }
        }
        self.trouble = None;
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &T> {
        self.objects.values()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn read(&mut self, object: DynamicObject) -> Option<(String, T)> {
        let name = object.metadata.name.clone().unwrap_or_default();
        let object = serde_json::to_value(object).map_err(anyhow::Error::from);
        match object.and_then(|object| typed(&self.kind, object)) {
            Ok(object) => Some((name, object)),
            Err(error) => {
                self.trouble = Some(error.to_string());
                None
            }
        }
    }
}
