//! What is known of one kind: objects by name, and by the uid of their owner.
//!
//! A shelf never goes back in time: an older version of an object does not replace a newer one, and an object whose
//! deletion was seen does not come back by an answer that was older than the deletion.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::version::Version;
use crate::kind::Name;

/// One kind's objects.
#[derive(Clone, Debug)]
pub struct Shelf<T> {
    objects: BTreeMap<Name, Shelved<T>>,
    by_owner: BTreeMap<String, BTreeSet<Name>>,
    /// Which objects ended lately, oldest first, and at which version.
    ended: VecDeque<(Name, Version)>,
}

/// How many ends are remembered: an answer is never that late.
const ENDS: usize = 512;

/// An object and what identifies this state of it.
#[derive(Debug)]
pub struct Shelved<T> {
    pub object: Arc<T>,
    pub stamp: Stamp,
}

impl<T> Clone for Shelved<T> {
    fn clone(&self) -> Self {
        Shelved {
            object: self.object.clone(),
            stamp: self.stamp.clone(),
        }
    }
}

/// Which object, which version, whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub uid: String,
    pub version: Version,
    /// The owner that manages the object.
    pub owner: Option<Owner>,
}

/// The managing owner of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    pub kind: String,
    pub name: String,
    pub uid: String,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf {
            objects: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            ended: VecDeque::new(),
        }
    }
}

impl<T> Shelf<T> {
    /// The object of this name.
    pub fn get(&self, name: &Name) -> Option<&Shelved<T>> {
        self.objects.get(name)
    }

    /// All objects, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Shelved<T>)> {
        self.objects.iter()
    }

    /// The objects of one namespace, by name.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a Name, &'a Shelved<T>)> {
        self.beginning(namespace, "")
    }

    /// The objects of one namespace whose names begin like this, by name.
    pub fn beginning<'a>(
        &'a self,
        namespace: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Shelved<T>)> {
        let first = Name::new(namespace, prefix);
        let within = move |name: &Name| name.namespace == namespace && name.name.starts_with(prefix);
        self.objects.range(first..).take_while(move |(name, _)| within(name))
    }

    /// The objects managed by this owner, by name.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = (&Name, &Shelved<T>)> {
        self.by_owner
            .get(uid)
            .into_iter()
            .flatten()
            .filter_map(|name| self.objects.get_key_value(name))
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Takes an object in. The state it replaces is returned; `Err` when that was newer, and then nothing changed.
    pub(super) fn put(&mut self, name: Name, new: Shelved<T>) -> Result<Option<Shelved<T>>, Stale> {
        let known = self.objects.get(&name).map(|old| &old.stamp.version);
        let ended = self
            .ended
            .iter()
            .rev()
            .find(|(ended, _)| *ended == name)
            .map(|(_, version)| version);
        if known
            .into_iter()
            .chain(ended)
            .any(|later| new.stamp.version.is_older_than(later))
        {
            return Err(Stale);
        }
        let owner = new.stamp.owner.as_ref().map(|owner| owner.uid.clone());
        let old = self.take(&name);
        if let Some(uid) = owner {
            self.by_owner.entry(uid).or_default().insert(name.clone());
        }
        self.objects.insert(name, new);
        Ok(old)
    }

    /// Forgets an object that ended at this version.
    pub(super) fn end(&mut self, name: &Name, version: &Version) -> Option<Shelved<T>> {
        if self.ended.len() == ENDS {
            self.ended.pop_front();
        }
        self.ended.push_back((name.clone(), version.clone()));
        self.take(name)
    }

    /// Takes an object out.
    pub(super) fn take(&mut self, name: &Name) -> Option<Shelved<T>> {
        let old = self.objects.remove(name)?;
        if let Some(owner) = &old.stamp.owner
            && let Some(names) = self.by_owner.get_mut(&owner.uid)
        {
            names.remove(name);
            if names.is_empty() {
                self.by_owner.remove(&owner.uid);
            }
        }
        Some(old)
    }

    /// The names that a listing at `version` no longer has: those that are not in it and are not newer than it.
    pub(super) fn missing_from(&self, listed: &BTreeSet<Name>, version: &Version) -> Vec<Name> {
        let gone = |(name, shelved): &(&Name, &Shelved<T>)| {
            !listed.contains(*name) && !version.is_older_than(&shelved.stamp.version)
        };
        self.objects.iter().filter(gone).map(|(name, _)| name.clone()).collect()
    }
}

/// What was to be taken in is older than what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stale;

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, owner: &str) -> Shelved<()> {
        let owner = (!owner.is_empty()).then(|| Owner {
            uid: owner.to_owned(),
            ..Owner::default()
        });
        Shelved {
            object: Arc::new(()),
            stamp: Stamp {
                uid: "u".to_owned(),
                version: Version::new(version),
                owner,
            },
        }
    }

    fn name(text: &str) -> Name {
        Name::new("shop", text)
    }

    fn owned(shelf: &Shelf<()>, owner: &str) -> Vec<String> {
        shelf.owned_by(owner).map(|(name, _)| name.name.clone()).collect()
    }

    #[test]
    fn the_owner_index_follows_the_objects() {
        let mut shelf = Shelf::default();
        shelf.put(name("a"), object("1", "x")).unwrap();
        shelf.put(name("b"), object("2", "x")).unwrap();
        assert_eq!(owned(&shelf, "x"), ["a", "b"]);
        shelf.put(name("a"), object("3", "y")).unwrap();
        assert_eq!(owned(&shelf, "x"), ["b"]);
        assert_eq!(owned(&shelf, "y"), ["a"]);
        shelf.take(&name("b"));
        assert!(!shelf.by_owner.contains_key("x"));
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one() {
        let mut shelf = Shelf::default();
        shelf.put(name("a"), object("10", "")).unwrap();
        assert_eq!(shelf.put(name("a"), object("9", "")).unwrap_err(), Stale);
        assert_eq!(shelf.get(&name("a")).unwrap().stamp.version.as_str(), "10");
    }

    #[test]
    fn an_answer_does_not_bring_back_what_was_seen_to_end() {
        let mut shelf = Shelf::default();
        shelf.put(name("a"), object("10", "")).unwrap();
        shelf.end(&name("a"), &Version::new("11"));
        assert_eq!(shelf.put(name("a"), object("10", "")).unwrap_err(), Stale);
        assert!(shelf.put(name("a"), object("12", "")).is_ok());
    }

    #[test]
    fn a_listing_removes_what_it_lacks_but_not_what_is_newer() {
        let mut shelf = Shelf::default();
        shelf.put(name("kept"), object("1", "")).unwrap();
        shelf.put(name("gone"), object("2", "")).unwrap();
        shelf.put(name("newer"), object("9", "")).unwrap();
        let listed = BTreeSet::from([name("kept")]);
        assert_eq!(shelf.missing_from(&listed, &Version::new("5")), [name("gone")]);
    }

    #[test]
    fn a_namespace_is_a_range() {
        let mut shelf = Shelf::default();
        for (namespace, text) in [("a", "z"), ("b", "x"), ("b", "y"), ("bc", "w")] {
            shelf.put(Name::new(namespace, text), object("1", "")).unwrap();
        }
        let names: Vec<_> = shelf.in_namespace("b").map(|(name, _)| name.name.as_str()).collect();
        assert_eq!(names, ["x", "y"]);
    }
}
