//! Keeping one kind's shelf up to date: list, watch, and list again when the watch cannot go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::core::{Status, WatchEvent};
use serde_json::Value;
use tokio::sync::watch::Sender;
use tokio::time::{Instant, sleep, timeout_at};

use super::backoff::{Backoff, spread};
use super::list;
use super::repair;
use super::version::Version;
use crate::config::Config;
use crate::decode;
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::Kind;

/// A watch lasts about this long: whoever hears nothing on a dead connection is blind no longer than that.
const LENGTH: Duration = Duration::from_secs(50);
/// How much later than agreed the end of a watch may come.
const SLACK: Duration = Duration::from_secs(5);
/// Watches of one kind are opened at least this far apart, whatever ends them.
const BETWEEN: Duration = Duration::from_millis(200);

/// The kinds that this controller watches.
pub fn kinds(config: &Config) -> Vec<Kind> {
    list::watched(config).collect()
}

/// Keeps a shelf up to date for ever. `synced` hears of the kind once it was listed.
pub async fn keep(edge: Arc<Edge>, kind: Kind, synced: Sender<BTreeSet<Kind>>) {
    let mut backoff = Backoff::of(kind);
    loop {
        let mut version = match take_listing(&edge, kind).await {
            Ok(version) => version,
            Err(error) if error.is_not_found() || error.is_forbidden() => {
                // Not installed, or not ours to see: that may change, and the rest goes on without.
                edge.cannot_see(kind, &error);
                synced.send_if_modified(|kinds| kinds.insert(kind));
                sleep(backoff.next()).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(%kind, %error, "will be listed again");
                sleep(backoff.next()).await;
                continue;
            }
        };
        edge.sees(kind);
        synced.send_if_modified(|kinds| kinds.insert(kind));
        backoff.reset();
        loop {
            let opened = Instant::now();
            let before = version.clone();
            let end = follow(&edge, kind, &mut version).await;
            if version != before {
                backoff.reset();
            }
            match end {
                End::Over => tokio::time::sleep_until(opened + BETWEEN).await,
                End::Expired => {
                    tracing::debug!(%kind, "the watch cannot go on from where it was: listing again");
                    break;
                }
                End::Broken(why) => {
                    tracing::debug!(%kind, why, "the watch broke off");
                    sleep(backoff.next()).await;
                }
            }
        }
    }
}

/// Keeps the shelf of a kind of workload, from when the first Rollout refers to one. Until then the kind is not read at all.
pub async fn keep_once_referred(edge: Arc<Edge>, kind: Kind) {
    let mut referred = edge.referred();
    // An error would mean that the edge is gone; it is here.
    if referred.wait_for(|kinds| kinds.contains(&kind)).await.is_ok() {
        drop(referred);
        tokio::join!(keep(edge.clone(), kind, Sender::default()), repair::keep(edge, kind));
    }
}

/// How a watch ended.
enum End {
    /// As agreed; the next one goes on from the same version.
    Over,
    /// The version is too old; everything must be listed again.
    Expired,
    /// Not as agreed; the next one goes on from the same version after a while.
    Broken(String),
}

async fn take_listing(edge: &Edge, kind: Kind) -> Result<Version, Error> {
    let mut listed = BTreeSet::new();
    let version = list::pages(edge, kind, list::Depth::Whole, |object| {
        edge.learn(kind, |shelves| shelves.take_page(kind, vec![object], &mut listed));
    })
    .await?;
    edge.learn(kind, |shelves| shelves.end_listing(kind, &listed, &version));
    Ok(version)
}

async fn follow(edge: &Edge, kind: Kind, version: &mut Version) -> End {
    let length = spread(LENGTH, &(kind, version.as_str()));
    let request = list::watch(
        kind,
        &edge.config,
        version,
        u32::try_from(length.as_secs()).unwrap_or(u32::MAX),
    );
    let mut events = match edge.server.watch(&format!("watch {}", kind.plural()), request).await {
        Ok(events) => events,
        Err(error) if error.is_expired() => return End::Expired,
        Err(error) => {
            edge.cannot_see(kind, &error);
            return End::Broken(error.to_string());
        }
    };
    edge.sees(kind);
    let end = Instant::now() + length + SLACK;
    loop {
        let event = match timeout_at(end, events.next()).await {
            Err(_) => return End::Broken("it did not end when it should have".to_owned()),
            Ok(None) => return End::Over,
            Ok(Some(Err(kube::Error::Api(status)))) => return failed(&status),
            Ok(Some(Err(error))) => return End::Broken(error.to_string()),
            Ok(Some(Ok(event))) => event,
        };
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                advance(version, &object);
                edge.learn(kind, |shelves| shelves.put(kind, object));
            }
            WatchEvent::Deleted(object) => {
                advance(version, &object);
                edge.learn(kind, |shelves| shelves.remove(kind, &object));
            }
            WatchEvent::Bookmark(bookmark) => *version = Version::new(bookmark.metadata.resource_version),
            WatchEvent::Error(status) => return failed(&status),
        }
    }
}

fn failed(status: &Status) -> End {
    if status.code == 410 {
        End::Expired
    } else {
        End::Broken(status.to_string())
    }
}

fn advance(version: &mut Version, object: &Value) {
    let seen = decode::stamp(object).version;
    if !seen.as_str().is_empty() {
        *version = seen;
    }
}
