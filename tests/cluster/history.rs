//! Everything that happened to some kinds of objects, in the order of resourceVersions: one watch a kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::call;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is as it is now, created or changed.
    Put,
    Deleted,
}

/// One object at one version.
#[derive(Clone, Debug)]
pub struct Change {
    pub event: Event,
    pub object: Value,
}

/// A change as it was recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// All kinds of a cluster are counted by one counter.
    pub version: u64,
    /// When it was heard of.
    pub at: DateTime<Utc>,
    /// The path of all objects of its kind: `/apis/apps/v1/replicasets`.
    pub path: &'static str,
    pub change: Change,
}

/// The record; clones see the same.
#[derive(Clone, Debug)]
pub struct History {
    inner: Arc<Mutex<Inner>>,
    heard: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    /// What there is now, by path, namespace and name.
    objects: BTreeMap<(&'static str, String, String), Value>,
}

impl Default for History {
    fn default() -> Self {
        History {
            inner: Arc::default(),
            heard: watch::Sender::new(0),
        }
    }
}

impl History {
    /// Records the objects of one kind for as long as it is polled.
    pub async fn record(&self, client: Client, path: &'static str) {
        let (changes, mut changed) = mpsc::channel(1024);
        let watching = follow(client, path, changes);
        tokio::pin!(watching);
        loop {
            tokio::select! {
                () = &mut watching => return,
                Some(change) = changed.recv() => self.take(path, change),
            }
        }
    }

    /// An object as it was last heard of.
    pub fn object(&self, path: &'static str, namespace: &str, name: &str) -> Option<Value> {
        self.lock()
            .objects
            .get(&(path, namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// The objects of a kind in a namespace, by name, as they were last heard of.
    pub fn objects(&self, path: &'static str, namespace: &str) -> Vec<Value> {
        let inner = self.lock();
        let from = (path, namespace.to_owned(), String::new());
        let there = inner
            .objects
            .range(from..)
            .take_while(|((of, place, _), _)| *of == path && place == namespace);
        there.map(|(_, object)| object.clone()).collect()
    }

    /// What happened in a namespace, in the order in which it happened.
    pub fn of(&self, namespace: &str) -> Vec<Entry> {
        let there = |entry: &&Entry| entry.change.object["metadata"]["namespace"] == namespace;
        let mut entries: Vec<Entry> = self.lock().entries.iter().filter(there).cloned().collect();
        entries.sort_by_key(|entry| entry.version);
        entries
    }

    /// Tells when something was heard.
    pub fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Waits until everything was heard that the API server has of a kind in a namespace at this moment.
    ///
    /// # Errors
    /// The API server refused to list them.
    pub async fn catch_up(&self, client: &Client, path: &'static str, namespace: &str) -> anyhow::Result<()> {
        let listed = call(client, sim::Request::get(&of_namespace(path, namespace))).await?;
        let mut heard = self.heard();
        loop {
            heard.mark_unchanged();
            let all = listed["items"].as_array().into_iter().flatten().all(|item| {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                let known = self.object(path, namespace, name);
                // Not known: it is gone again, or not yet heard of; later changes of the same name tell which.
                known.is_some_and(|known| version(&known) >= version(item)) || self.has_gone(path, item)
            });
            if all {
                return Ok(());
            }
            heard.changed().await?;
        }
    }

    fn has_gone(&self, path: &'static str, item: &Value) -> bool {
        let inner = self.lock();
        let mut of_it = inner
            .entries
            .iter()
            .filter(|entry| entry.path == path && entry.change.object["metadata"]["uid"] == item["metadata"]["uid"]);
        of_it.any(|entry| entry.change.event == Event::Deleted)
    }

    fn take(&self, path: &'static str, change: Change) {
        let text = |field: &str| change.object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let place = (path, text("namespace"), text("name"));
        let mut inner = self.lock();
        match change.event {
            Event::Put => inner.objects.insert(place, change.object.clone()),
            Event::Deleted => inner.objects.remove(&place),
        };
        inner.entries.push(Entry {
            version: version(&change.object),
            at: now(),
            path,
            change,
        });
        drop(inner);
        self.heard.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a kind's objects in one namespace.
pub fn of_namespace(path: &str, namespace: &str) -> String {
    let (root, plural) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{root}/namespaces/{namespace}/{plural}")
}

/// The resourceVersion, as the number it is.
pub fn version(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Lists and watches `path` and sends every change, until nobody listens any more. What vanished over a new listing is
/// sent as deleted, at the version last seen.
pub async fn follow(client: Client, path: &str, changes: mpsc::Sender<Change>) {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    while !changes.is_closed() {
        if let Err(error) = follow_once(&client, path, &mut known, &changes).await {
            tracing::debug!(path, %error, "the watch has ended; listing again");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn follow_once(
    client: &Client,
    path: &str,
    known: &mut BTreeMap<String, Value>,
    changes: &mpsc::Sender<Change>,
) -> anyhow::Result<()> {
    let listed = call(client, sim::Request::get(path)).await?;
    let mut since = listed["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut before = std::mem::take(known);
    for mut object in listed["items"].as_array().cloned().unwrap_or_default() {
        // The items of a list do not say what they are.
        if let Some(kind) = listed["kind"].as_str().and_then(|kind| kind.strip_suffix("List")) {
            object["kind"] = kind.into();
            object["apiVersion"] = listed["apiVersion"].clone();
        }
        let uid = uid(&object);
        let news = before
            .remove(&uid)
            .is_none_or(|seen| version(&seen) != version(&object));
        known.insert(uid, object.clone());
        if news {
            changes
                .send(Change {
                    event: Event::Put,
                    object,
                })
                .await?;
        }
    }
    for (_, object) in before {
        changes
            .send(Change {
                event: Event::Deleted,
                object,
            })
            .await?;
    }
    loop {
        let target = format!("{path}?watch=true&allowWatchBookmarks=true&resourceVersion={since}");
        let request = Request::get(target).body(Vec::new())?;
        let mut events = Box::pin(client.request_events::<Value>(request).await?);
        while let Some(event) = events.try_next().await? {
            let (event, object) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (Event::Put, object),
                WatchEvent::Deleted(object) => (Event::Deleted, object),
                WatchEvent::Bookmark(mark) => {
                    since = mark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(refusal) => anyhow::bail!("{refusal:?}"),
            };
            since = version(&object).to_string();
            match event {
                Event::Put => known.insert(uid(&object), object.clone()),
                Event::Deleted => known.remove(&uid(&object)),
            };
            changes.send(Change { event, object }).await?;
        }
    }
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

#[allow(clippy::disallowed_methods, reason = "a real cluster has no other time")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
