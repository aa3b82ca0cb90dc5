//! Creating, reading, changing, deleting and watching objects.

use super::super::{Response, WatchCursor};
use super::{answer, config, exchange, pod, send, server, widget};
use serde_json::{Value, json};
use std::time::Duration;

const NOTHING: Value = Value::Null;

#[test]
fn objects_are_created_read_changed_and_deleted() {
    let mut server = server();
    let stale = {
        send(&mut server, "POST configmaps", config("stale", "1"));
        send(&mut server, "GET configmaps/stale", NOTHING).object().unwrap()
    };
    let modified = "409 Conflict Operation cannot be fulfilled on configmaps \"stale\": the object has been modified; please \
                    apply your changes to the latest version and try again";
    let steps: &[(&str, Value, &[&str], &str)] = &[
        (
            "POST configmaps",
            config("a", "1"),
            &["metadata.name", "metadata.creationTimestamp"],
            "201 \"a\" \"2026-01-01T00:00:00Z\"",
        ),
        (
            "POST configmaps",
            config("a", "1"),
            &[],
            "409 AlreadyExists configmaps \"a\" already exists",
        ),
        (
            "GET configmaps/a",
            NOTHING,
            &["data.k", "kind"],
            "200 \"1\" \"ConfigMap\"",
        ),
        (
            "GET configmaps/b",
            NOTHING,
            &[],
            "404 NotFound configmaps \"b\" not found",
        ),
        (
            "GET nothings/b",
            NOTHING,
            &[],
            "404 NotFound the server could not find the requested resource",
        ),
        (
            "MERGE configmaps/stale",
            json!({"data": {"k": "2"}}),
            &["data.k"],
            "200 \"2\"",
        ),
        ("PUT configmaps/stale", stale, &[], modified),
        (
            "MERGE configmaps/stale",
            json!({"metadata": {"resourceVersion": "1"}}),
            &[],
            modified,
        ),
        ("PUT configmaps/a", config("a", "3"), &["data.k"], "200 \"3\""),
        (
            "PUT configmaps/a",
            config("b", "3"),
            &[],
            "400 BadRequest the name of the object (b) does not match the name on the URL (a)",
        ),
        (
            "POST /api/v1/namespaces/none/configmaps",
            config("a", "1"),
            &[],
            "404 NotFound namespaces \"none\" not found",
        ),
        (
            "POST configmaps",
            json!({}),
            &[],
            "422 Invalid ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            "DELETE configmaps/a",
            NOTHING,
            &["status", "details.kind"],
            "200 \"Success\" \"configmaps\"",
        ),
        (
            "DELETE configmaps/a",
            NOTHING,
            &[],
            "404 NotFound configmaps \"a\" not found",
        ),
    ];
    exchange(&mut server, steps);
}

#[test]
fn a_write_that_changes_nothing_keeps_the_version() {
    let mut server = server();
    send(&mut server, "POST configmaps", config("a", "1"));
    let version = answer(&mut server, "GET configmaps/a", NOTHING, &["metadata.resourceVersion"]);
    for (line, body) in [
        ("MERGE configmaps/a", json!({"data": {"k": "1"}})),
        ("PUT configmaps/a", config("a", "1")),
    ] {
        assert_eq!(answer(&mut server, line, body, &["metadata.resourceVersion"]), version);
    }
}

#[test]
fn status_and_spec_are_written_apart_and_generation_counts_spec() {
    let mut server = server();
    let seen: &[&str] = &["metadata.generation", "spec.replicas", "status.phase"];
    let both = json!({"spec": {"replicas": 3}, "status": {"phase": "Up"}});
    exchange(
        &mut server,
        &[
            (
                "POST widgets",
                widget("a", json!({"replicas": 2})),
                seen,
                "201 1 2 null",
            ),
            ("MERGE widgets/a/status", both.clone(), seen, "200 1 2 \"Up\""),
            (
                "MERGE widgets/a",
                json!({"spec": {"replicas": 3}, "status": {"phase": "Down"}}),
                seen,
                "200 2 3 \"Up\"",
            ),
            (
                "MERGE widgets/a",
                json!({"metadata": {"labels": {"x": "y"}}}),
                seen,
                "200 2 3 \"Up\"",
            ),
            (
                "GET widgets/a/scale",
                NOTHING,
                &["spec.replicas", "status.replicas", "kind"],
                "200 3 0 \"Scale\"",
            ),
            (
                "MERGE widgets/a/scale",
                json!({"spec": {"replicas": 5}}),
                &["spec.replicas"],
                "200 5",
            ),
            ("GET widgets/a", NOTHING, seen, "200 3 5 \"Up\""),
        ],
    );
}

#[test]
fn a_json_patch_whose_test_fails_is_refused() {
    let mut server = server();
    send(&mut server, "POST configmaps", config("a", "1"));
    let rejected = "422 Invalid the server rejected our request due to an error in our request";
    let patch = |expected: &str| json!([{"op": "test", "path": "/data/k", "value": expected}, {"op": "replace", "path": "/data/k", "value": "2"}]);
    exchange(
        &mut server,
        &[
            ("JSON configmaps/a", patch("9"), &[], rejected),
            (
                "JSON configmaps/a",
                json!([{"op": "remove", "path": "/data/none"}]),
                &[],
                rejected,
            ),
            ("JSON configmaps/a", patch("1"), &["data.k"], "200 \"2\""),
        ],
    );
}

#[test]
fn pods_go_gracefully_and_finalizers_hold() {
    let mut server = server();
    let mut held = config("held", "1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let deletion: &[&str] = &["metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds"];
    let grace = |seconds: u64| json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": seconds});
    exchange(
        &mut server,
        &[
            ("POST pods", pod("a"), &[], "201"),
            ("DELETE pods/a", NOTHING, deletion, "200 \"2026-01-01T00:00:30Z\" 30"),
            ("DELETE pods/a", grace(5), deletion, "200 \"2026-01-01T00:00:05Z\" 5"),
            ("DELETE pods/a", grace(9), deletion, "200 \"2026-01-01T00:00:05Z\" 5"),
            ("DELETE pods/a", grace(0), &["metadata.name"], "200 \"a\""),
            ("GET pods/a", NOTHING, &[], "404 NotFound pods \"a\" not found"),
            ("POST configmaps", held, &[], "201"),
            (
                "DELETE configmaps/held",
                NOTHING,
                deletion,
                "200 \"2026-01-01T00:00:00Z\" 0",
            ),
            (
                "MERGE configmaps/held",
                json!({"metadata": {"finalizers": null}}),
                &[],
                "200",
            ),
            (
                "GET configmaps/held",
                NOTHING,
                &[],
                "404 NotFound configmaps \"held\" not found",
            ),
        ],
    );
}

#[test]
fn lists_come_in_pages_of_one_moment() {
    let mut server = server();
    for name in ["a", "b", "c"] {
        send(&mut server, "POST configmaps", config(name, "1"));
    }
    let page = send(&mut server, "GET configmaps?limit=2", NOTHING).object().unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    send(&mut server, "DELETE configmaps/c", NOTHING);
    let rest = format!(
        "GET configmaps?limit=2&continue={}",
        page["metadata"]["continue"].as_str().unwrap()
    );
    assert_eq!(
        answer(&mut server, &rest, NOTHING, &["items.0.metadata.name"]),
        "200 \"c\""
    );
    server.compact();
    assert!(
        answer(&mut server, &rest, NOTHING, &[]).starts_with("410 Expired The provided continue parameter is too old")
    );
}

/// What a cursor has to tell, one word an event: `ADDED a`.
pub(super) fn told(server: &mut super::ApiServer, cursor: &mut WatchCursor) -> String {
    let events = server.poll(cursor);
    let told = events.iter().map(|event| {
        let line: Value = serde_json::from_str(&event.line()).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let subject = [&line["object"]["metadata"]["name"], &line["object"]["reason"]]
            .map(text)
            .concat();
        format!("{} {subject}", text(&line["type"])).trim().to_owned()
    });
    told.collect::<Vec<_>>().join(", ")
}

pub(super) fn watch(server: &mut super::ApiServer, query: &str) -> WatchCursor {
    match send(server, &format!("GET configmaps?watch=true&{query}"), NOTHING) {
        Response::Watch(cursor) => *cursor,
        other => panic!("not a watch: {other:?}"),
    }
}

#[test]
fn a_watch_tells_what_its_selector_sees() {
    let mut server = server();
    send(&mut server, "POST configmaps", config("a", "red"));
    let mut all = watch(&mut server, "resourceVersion=0");
    let mut red = watch(&mut server, "labelSelector=color%3Dred");
    assert_eq!(told(&mut server, &mut all), "ADDED a");
    assert_eq!(told(&mut server, &mut red), "ADDED a");
    send(&mut server, "POST configmaps", config("b", "blue"));
    send(&mut server, "PUT configmaps/a", config("a", "blue"));
    send(&mut server, "PUT configmaps/b", config("b", "red"));
    send(&mut server, "DELETE configmaps/b", NOTHING);
    assert_eq!(
        told(&mut server, &mut all),
        "ADDED b, MODIFIED a, MODIFIED b, DELETED b"
    );
    assert_eq!(told(&mut server, &mut red), "DELETED a, ADDED b, DELETED b");
    assert_eq!(told(&mut server, &mut all), "");
}

#[test]
fn a_watch_expires_ends_and_hears_bookmarks() {
    let mut server = server();
    let mut quiet = watch(&mut server, "allowWatchBookmarks=true&timeoutSeconds=90");
    let start = server.store().revision();
    send(&mut server, "POST configmaps", config("a", "red"));
    server.compact();
    let mut late = watch(&mut server, &format!("resourceVersion={start}"));
    assert_eq!(told(&mut server, &mut late), "ERROR Expired");
    assert!(late.is_closed());
    let mut quiet_now = watch(&mut server, "allowWatchBookmarks=true&timeoutSeconds=90");
    assert_eq!(told(&mut server, &mut quiet_now), "ADDED a");
    server.clock().advance(Duration::from_secs(60));
    assert_eq!(told(&mut server, &mut quiet_now), "BOOKMARK");
    server.clock().advance(Duration::from_secs(30));
    assert_eq!(told(&mut server, &mut quiet_now), "");
    assert!(quiet_now.is_closed());
    assert_eq!(
        told(&mut server, &mut quiet),
        "ERROR Expired",
        "it was behind when the past was forgotten"
    );
}

#[test]
fn an_apply_creates_or_merges() {
    let mut server = server();
    let apply = |server: &mut super::ApiServer, value: &str| {
        let target = "/api/v1/namespaces/default/configmaps/a?fieldManager=test";
        let request = crate::Request::new("PATCH", target).json("application/apply-patch+yaml", &config("a", value));
        server.handle(request).code()
    };
    assert_eq!(apply(&mut server, "1"), 201);
    assert_eq!(apply(&mut server, "2"), 200);
    assert_eq!(
        answer(&mut server, "GET configmaps/a", NOTHING, &["data.k"]),
        "200 \"2\""
    );
}

#[test]
fn an_answer_can_be_metadata_or_a_table() {
    let mut server = server();
    send(&mut server, "POST configmaps", config("a", "red"));
    let ask = |server: &mut super::ApiServer, target: &str, shape: &str| {
        let accept = format!("application/json;as={shape};v=v1;g=meta.k8s.io,application/json");
        server.handle(crate::Request::get(&format!("/api/v1/namespaces/default/{target}")).accept(&accept))
    };
    let list = ask(&mut server, "configmaps", "PartialObjectMetadataList")
        .object()
        .unwrap();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(
        (&list["items"][0]["metadata"]["name"], &list["items"][0]["data"]),
        (&json!("a"), &NOTHING)
    );
    let table = ask(&mut server, "configmaps", "Table").object().unwrap();
    assert_eq!(table["rows"][0]["cells"], json!(["a", 1, "0s"]));
    let Response::Watch(mut watch) = ask(&mut server, "configmaps?watch=1", "Table") else {
        panic!("not a watch")
    };
    send(&mut server, "POST configmaps", config("b", "red"));
    let events = server.poll(&mut watch);
    let columns = |at: usize| events[at].object["columnDefinitions"].as_array().map(Vec::len);
    assert_eq!(
        (columns(0), columns(1)),
        (Some(3), Some(0)),
        "only the first table of a watch names its columns"
    );
}
