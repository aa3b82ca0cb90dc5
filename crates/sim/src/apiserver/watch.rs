//! Watching: which events a cursor is still owed.

use super::read::{Filter, as_served, parse_revision};
use super::request::{Request, Response};
use super::routes::Target;
use super::shape::{Headers, Shape};
use super::{ApiServer, Cause, Refusal};
use crate::faults::{Fault, Occasion};
use crate::store::Change;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

/// An open watch. It holds a place in the log of changes, no events.
#[derive(Clone, Debug)]
pub struct WatchCursor {
    target: Target,
    filter: Filter,
    shape: Shape,
    headers: Headers,
    agent: String,
    /// Everything up to here has been delivered.
    revision: u64,
    /// Objects to deliver as ADDED first.
    initial: Vec<Arc<Value>>,
    /// What follows the initial objects, if the client asked for them (`sendInitialEvents`).
    initial_bookmark: bool,
    bookmarks: bool,
    next_bookmark: DateTime<Utc>,
    ends: Option<DateTime<Utc>>,
    /// Nothing is delivered before this time (a fault).
    held: Option<DateTime<Utc>>,
    closed: bool,
}

/// One line of a watch response.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchEvent {
    pub kind: WatchEventKind,
    pub object: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    /// The object is a `metav1.Status`; the watch is over.
    Error,
}

impl WatchEvent {
    /// The line as it goes over the wire, without the line break.
    pub fn line(&self) -> String {
        let kind = match self.kind {
            WatchEventKind::Added => "ADDED",
            WatchEventKind::Modified => "MODIFIED",
            WatchEventKind::Deleted => "DELETED",
            WatchEventKind::Bookmark => "BOOKMARK",
            WatchEventKind::Error => "ERROR",
        };
        json!({ "type": kind, "object": self.object }).to_string()
    }
}

impl WatchCursor {
    /// True when no event will ever come again: the stream is to be ended.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
        self.initial.clear();
    }
}

/// How often a quiet watch hears a bookmark, as in the real server.
const BOOKMARK_EVERY: TimeDelta = TimeDelta::seconds(60);

impl ApiServer {
    pub(crate) fn watch(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let filter = Filter::of(target, request)?;
        let asked = request.asked("resourceVersion");
        let send_initial = initial_events(request)?;
        let from = parse_revision(asked.unwrap_or("0")).map_err(|refusal| {
            // Said by another part of the server than for a list, and as its own fault.
            Refusal::new(500, "", format!("resourceVersion: {}", refusal.message))
        })?;
        self.refuse_future(from)?;
        let now = self.clock.now();
        let seconds = request
            .asked("timeoutSeconds")
            .and_then(|seconds| seconds.parse::<i64>().ok());
        let from_start = from == 0 || send_initial;
        let mut initial = Vec::new();
        if from_start {
            let objects = self.store.list(target.resource(), target.namespace_filter());
            initial = objects.filter(|object| filter.matches(object)).cloned().collect();
        }
        Ok(Response::Watch(Box::new(WatchCursor {
            target: target.clone(),
            filter,
            shape: Shape::of(target, request),
            headers: Headers::Shown,
            agent: request.agent.clone(),
            revision: if from_start { self.store.revision() } else { from },
            initial,
            initial_bookmark: send_initial,
            bookmarks: request.flag("allowWatchBookmarks"),
            next_bookmark: now + BOOKMARK_EVERY,
            ends: seconds.and_then(TimeDelta::try_seconds).map(|length| now + length),
            held: None,
            closed: false,
        })))
    }

    /// The events that have come since the last call, oldest first. Empty: nothing new, or the cursor is closed.
    pub fn poll(&mut self, cursor: &mut WatchCursor) -> Vec<WatchEvent> {
        let now = self.clock.now();
        if cursor.closed || cursor.held.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let mut events: Vec<WatchEvent> = Vec::new();
        for object in std::mem::take(&mut cursor.initial) {
            events.push(WatchEvent {
                kind: WatchEventKind::Added,
                object: as_served(&cursor.target, &object),
            });
        }
        if std::mem::take(&mut cursor.initial_bookmark) {
            let mut bookmark = bookmark(cursor);
            bookmark.object["metadata"]["annotations"]["k8s.io/initial-events-end"] = "true".into();
            events.push(bookmark);
        }
        self.deliver(cursor, &mut events);
        let idle = !cursor.closed && cursor.held.is_none();
        if cursor.bookmarks && idle && now >= cursor.next_bookmark {
            cursor.next_bookmark = now + BOOKMARK_EVERY;
            events.push(bookmark(cursor));
        }
        if cursor.ends.is_some_and(|ends| now >= ends) {
            cursor.close();
        }
        for event in &mut events {
            if event.kind != WatchEventKind::Error {
                let headers = std::mem::replace(&mut cursor.headers, Headers::Omitted);
                event.object = cursor
                    .shape
                    .one(&cursor.target.kind, std::mem::take(&mut event.object), now, headers);
            }
        }
        events
    }

    /// When a cursor is to be polled even if nothing has changed until then.
    pub fn next_due(&self, cursor: &WatchCursor) -> Option<DateTime<Utc>> {
        let bookmark = cursor.bookmarks.then_some(cursor.next_bookmark);
        // While it is held it has nothing to say, not even that it ends.
        cursor
            .held
            .or_else(|| [cursor.ends, bookmark].into_iter().flatten().min())
    }

    fn deliver(&mut self, cursor: &mut WatchCursor, events: &mut Vec<WatchEvent>) {
        let (target, agent) = (cursor.target.clone(), cursor.agent.clone());
        let resource = target.resource();
        let Some(changes) = self.store.changes_after(resource, cursor.revision) else {
            let text = format!(
                "too old resource version: {} ({})",
                cursor.revision,
                self.store.compacted()
            );
            events.push(WatchEvent {
                kind: WatchEventKind::Error,
                object: Refusal::expired(text).status(),
            });
            cursor.close();
            return;
        };
        let occasion = Occasion {
            agent: &agent,
            verb: "watch",
            resource,
            namespace: &target.namespace,
            name: "",
            now: self.clock.now(),
        };
        let was_held = cursor.held.take().is_some();
        let pending: Vec<WatchEvent> = changes.filter_map(|change| event(cursor, change)).collect();
        let on_stream = |fault| matches!(fault, Fault::Cut | Fault::Expired);
        let on_pending = |fault| matches!(fault, Fault::Cut | Fault::Expired | Fault::Stale(_));
        let struck = if pending.is_empty() || was_held {
            self.faults.strike(&occasion, on_stream)
        } else {
            self.faults.strike(&occasion, on_pending)
        };
        match struck {
            Some(Fault::Cut) => return cursor.close(),
            Some(Fault::Expired) => {
                let text = format!(
                    "too old resource version: {} ({})",
                    cursor.revision,
                    self.store.revision()
                );
                events.push(WatchEvent {
                    kind: WatchEventKind::Error,
                    object: Refusal::expired(text).status(),
                });
                return cursor.close();
            }
            Some(Fault::Stale(length)) => {
                cursor.held = Some(occasion.now + TimeDelta::from_std(length).unwrap_or_default());
                return;
            }
            None => {}
            // Not among those that can strike a watch.
            Some(
                Fault::Conflict
                | Fault::TooManyRequests { .. }
                | Fault::ErrorBefore
                | Fault::ErrorAfter
                | Fault::Hang
                | Fault::HangAfter
                | Fault::Drop
                | Fault::Duplicate,
            ) => {}
        }
        for event in pending {
            let name = event.object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let occasion = Occasion {
                name: &name,
                ..occasion
            };
            let struck = self
                .faults
                .strike(&occasion, |fault| matches!(fault, Fault::Drop | Fault::Duplicate));
            if struck == Some(Fault::Duplicate) {
                events.push(event.clone());
            }
            if struck != Some(Fault::Drop) {
                events.push(event);
            }
        }
        cursor.revision = self.store.revision();
    }
}

/// What a change means to one watcher: an object that starts or stops matching is added or deleted for it.
fn event(cursor: &WatchCursor, change: &Change) -> Option<WatchEvent> {
    let seen = |object: &Arc<Value>| {
        let elsewhere = cursor
            .target
            .namespace_filter()
            .is_some_and(|one| object["metadata"]["namespace"] != one);
        !elsewhere && cursor.filter.matches(object)
    };
    let before = change.before.as_ref().filter(|object| seen(object));
    let after = change.after.as_ref().filter(|object| seen(object));
    let (kind, object) = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => (WatchEventKind::Added, Value::clone(after)),
        (Some(_), Some(after)) => (WatchEventKind::Modified, Value::clone(after)),
        // The watcher gets the last state it could see, stamped with the revision at which it stopped seeing it.
        (Some(before), None) => {
            let mut object = Value::clone(before);
            object["metadata"]["resourceVersion"] = change.revision.to_string().into();
            (WatchEventKind::Deleted, object)
        }
    };
    Some(WatchEvent {
        kind,
        object: as_served(&cursor.target, &object),
    })
}

fn bookmark(cursor: &WatchCursor) -> WatchEvent {
    let kind = &cursor.target.kind;
    let object = json!({
        "kind": kind.kind, "apiVersion": kind.api_version(),
        "metadata": { "resourceVersion": cursor.revision.to_string() },
    });
    WatchEvent {
        kind: WatchEventKind::Bookmark,
        object,
    }
}

fn initial_events(request: &Request) -> Result<bool, Refusal> {
    let refuse = |why: &str| {
        let cause = Cause::forbidden("resourceVersionMatch", why);
        Err(Refusal::invalid_options("ListOptions", &cause))
    };
    let matching = request.asked("resourceVersionMatch");
    match (request.asked("sendInitialEvents"), matching) {
        (None, None) => Ok(false),
        (None, Some(_)) => refuse("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
        (Some(_), Some("NotOlderThan")) => Ok(request.flag("sendInitialEvents")),
        (Some(_), _) => refuse("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    }
}
