//! What a watch has told of one kind.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use kube::runtime::watcher::Event;

use super::{Readable, shown};
use crate::cluster::Failure;

/// The objects of a kind as last told, by name. A list that is under way replaces them when it is done.
pub(crate) struct Mirror<T> {
    objects: BTreeMap<String, T>,
    /// The list under way; objects that vanished are not in it.
    arriving: BTreeMap<String, T>,
    complete: bool,
    trouble: Option<String>,
}

impl<T: Readable> Mirror<T> {
    pub(crate) fn new() -> Self {
        Mirror {
            objects: BTreeMap::new(),
            arriving: BTreeMap::new(),
            complete: false,
            trouble: None,
        }
    }

    /// Takes in an event. One object that cannot be read is a trouble, not the end.
    pub(crate) fn take(&mut self, seen: Result<Event<DynamicObject>, Failure>) {
        match seen {
            Err(failure) => {
                self.trouble = Some(format!("the watch of {}s is interrupted: {failure}", T::KIND.singular));
            }
            Ok(Event::Init) => {
                self.arriving.clear();
                self.trouble = None;
            }
            Ok(Event::InitApply(object)) => {
                let read = self.read(object);
                self.arriving.extend(read);
            }
            Ok(Event::InitDone) => {
                self.objects = std::mem::take(&mut self.arriving);
                self.complete = true;
            }
            Ok(Event::Apply(object)) => {
                self.trouble = None;
                let read = self.read(object);
                self.objects.extend(read);
            }
            Ok(Event::Delete(object)) => {
                self.trouble = None;
                self.objects.remove(&object.metadata.name.unwrap_or_default());
            }
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &T> {
        self.objects.values()
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn read(&mut self, object: DynamicObject) -> Option<(String, T)> {
        let name = object.metadata.name.clone().unwrap_or_default();
        let object = serde_json::to_value(object).map_err(anyhow::Error::from);
        match object.and_then(|object| shown(&object)) {
            Ok((object, dropped)) => {
                self.trouble = dropped.into_iter().next().or(self.trouble.take());
                Some((name, object))
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                None
            }
        }
    }
}
