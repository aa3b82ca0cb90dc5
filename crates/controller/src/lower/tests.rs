use std::collections::BTreeMap;

use chrono::DateTime;
use engine::plan::{Action, Amendment, Claim, MetadataChange, Notice};
use serde_json::json;

use super::*;

fn rollout() -> Subject {
    Subject {
        kind: Kind::Rollout,
        name: Name::new("shop", "web"),
        uid: "uid-1".to_owned(),
        resource_version: "7".to_owned(),
    }
}

/// `VERB path content-type`, and the body.
fn shown(request: Result<Request<Vec<u8>>, Error>) -> (String, Value) {
    let request = request.unwrap();
    let mime = request
        .headers()
        .get("content-type")
        .map_or("", |mime| mime.to_str().unwrap());
    let mime = mime.strip_prefix("application/").unwrap_or(mime);
    let line = format!("{} {} {mime}", request.method(), request.uri());
    (
        line.trim().to_owned(),
        serde_json::from_slice(request.body()).unwrap_or_default(),
    )
}

fn check(action: Action, line: &str, body: Value) {
    assert_eq!(
        shown(super::action(&rollout(), &action)),
        (line.to_owned(), body),
        "{action:?}"
    );
}

fn annotations(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)))
        .collect()
}

#[test]
fn a_resize_tests_the_uid_and_the_size_it_was_decided_on() {
    let action = Action::ScaleReplicaSet {
        name: "web-1".to_owned(),
        uid: "u".to_owned(),
        from: 2,
        to: 3,
        annotations: annotations(&[("a/b", Some("c")), ("scale-down-deadline", None)]),
    };
    check(
        action,
        "PATCH /apis/apps/v1/namespaces/shop/replicasets/web-1? json-patch+json",
        json!([
            {"op": "test", "path": "/metadata/uid", "value": "u"},
            {"op": "test", "path": "/spec/replicas", "value": 2},
            {"op": "replace", "path": "/spec/replicas", "value": 3},
            {"op": "add", "path": "/metadata/annotations/a~1b", "value": "c"},
            {"op": "add", "path": "/metadata/annotations/scale-down-deadline", "value": ""},
            {"op": "remove", "path": "/metadata/annotations/scale-down-deadline"},
        ]),
    );
}

#[test]
fn replica_sets_are_created_annotated_claimed_and_deleted() {
    let (name, uid) = ("web-1".to_owned(), "u".to_owned());
    check(
        Action::CreateReplicaSet {
            name: name.clone(),
            body: json!({"kind": "ReplicaSet"}),
        },
        "POST /apis/apps/v1/namespaces/shop/replicasets? json",
        json!({"kind": "ReplicaSet"}),
    );
    check(
        Action::AnnotateReplicaSet {
            name: name.clone(),
            uid: uid.clone(),
            annotations: annotations(&[("a", Some("b")), ("c", None)]),
            amendment: Amendment {
                min_ready_seconds: Some(5),
                ..Amendment::default()
            },
        },
        "PATCH /apis/apps/v1/namespaces/shop/replicasets/web-1? merge-patch+json",
        json!({"metadata": {"uid": "u", "annotations": {"a": "b", "c": null}}, "spec": {"minReadySeconds": 5}}),
    );
    let metadata = MetadataChange {
        labels: annotations(&[("role", Some("stable")), ("old", None)]),
        annotations: annotations(&[]),
    };
    check(
        Action::AnnotateReplicaSet {
            name: name.clone(),
            uid: uid.clone(),
            annotations: annotations(&[]),
            amendment: Amendment {
                affinity: Some(json!({"affinity": null})),
                metadata: metadata.clone(),
                ..Amendment::default()
            },
        },
        "PATCH /apis/apps/v1/namespaces/shop/replicasets/web-1? merge-patch+json",
        json!({
            "metadata": {"uid": "u", "annotations": {}},
            "spec": {"template": {
                "metadata": {"labels": {"role": "stable", "old": null}},
                "spec": {"affinity": null},
            }},
        }),
    );
    check(
        Action::RelabelPod {
            name: "web-1-abcde".to_owned(),
            uid: uid.clone(),
            change: metadata,
        },
        "PATCH /api/v1/namespaces/shop/pods/web-1-abcde? merge-patch+json",
        json!({"metadata": {"uid": "u", "labels": {"role": "stable", "old": null}}}),
    );
    let claim = |claim| Action::ClaimReplicaSet {
        name: name.clone(),
        uid: uid.clone(),
        resource_version: "3".to_owned(),
        claim,
    };
    let line = "PATCH /apis/apps/v1/namespaces/shop/replicasets/web-1? strategic-merge-patch+json";
    check(
        claim(Claim::Adopt {
            owner: json!({"uid": "o"}),
        }),
        line,
        json!({"metadata": {"uid": "u", "resourceVersion": "3", "ownerReferences": [{"uid": "o"}]}}),
    );
    check(
        claim(Claim::Release {
            owner_uid: "o".to_owned(),
        }),
        line,
        json!({"metadata": {"uid": "u", "resourceVersion": "3", "ownerReferences": [{"$patch": "delete", "uid": "o"}]}}),
    );
    check(
        Action::DeleteReplicaSet {
            name: name.clone(),
            uid: uid.clone(),
        },
        "DELETE /apis/apps/v1/namespaces/shop/replicasets/web-1? json",
        json!({"propagationPolicy": "Background", "preconditions": {"uid": "u"}}),
    );
}

#[test]
fn a_service_is_pointed_only_on_the_version_that_was_seen() {
    let action = |managed_by| Action::PointService {
        name: "active".to_owned(),
        uid: "u".to_owned(),
        resource_version: "9".to_owned(),
        from: None,
        to: "abc".to_owned(),
        managed_by,
    };
    let line = "PATCH /api/v1/namespaces/shop/services/active? strategic-merge-patch+json";
    let selector = json!({"selector": {"rollouts-pod-template-hash": "abc"}});
    check(
        action(None),
        line,
        json!({"metadata": {"uid": "u", "resourceVersion": "9"}, "spec": selector}),
    );
    let annotations = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "web"});
    check(
        action(Some("web".to_owned())),
        line,
        json!({"metadata": {"uid": "u", "resourceVersion": "9", "annotations": annotations}, "spec": selector}),
    );
    assert_eq!(
        shown(release_service(&Name::new("shop", "active"), "u", "9")),
        (
            "PATCH /api/v1/namespaces/shop/services/active? merge-patch+json".to_owned(),
            json!({
                "metadata": {
                    "uid": "u", "resourceVersion": "9",
                    "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": null},
                },
                "spec": {"selector": {"rollouts-pod-template-hash": null}},
            })
        )
    );
}

#[test]
fn runs_are_created_ended_and_deleted() {
    let (name, uid) = ("web-1".to_owned(), "u".to_owned());
    check(
        Action::CreateRun {
            name: name.clone(),
            body: json!({"kind": "AnalysisRun"}),
        },
        "POST /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns? json",
        json!({"kind": "AnalysisRun"}),
    );
    check(
        Action::TerminateRun {
            name: name.clone(),
            uid: uid.clone(),
        },
        "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/web-1? merge-patch+json",
        json!({"metadata": {"uid": "u"}, "spec": {"terminate": true}}),
    );
    check(
        Action::DeleteRun { name, uid },
        "DELETE /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/web-1? json",
        json!({"propagationPolicy": "Background", "preconditions": {"uid": "u"}}),
    );
}

#[test]
fn the_rollout_is_written_only_on_the_version_that_was_seen() {
    let line = "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web? merge-patch+json";
    check(
        Action::AnnotateRollout {
            annotations: annotations(&[("a", Some("b"))]),
        },
        line,
        json!({"metadata": {"resourceVersion": "7", "annotations": {"a": "b"}}}),
    );
    check(
        Action::DefaultReplicas { replicas: 1 },
        line,
        json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 1}}),
    );
    assert_eq!(
        shown(status(&rollout(), &json!({"phase": "Healthy"}))),
        (
            "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status? merge-patch+json".to_owned(),
            json!({"metadata": {"resourceVersion": "7"}, "status": {"phase": "Healthy"}}),
        )
    );
}

#[test]
fn a_run_has_no_status_subresource() {
    let run = Subject {
        kind: Kind::AnalysisRun,
        name: Name::new("shop", "web-1-2"),
        ..rollout()
    };
    assert_eq!(
        shown(status(&run, &json!({"phase": "Running"}))).0,
        "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/web-1-2? merge-patch+json"
    );
}

#[test]
fn a_pod_is_evicted_by_uid() {
    check(
        Action::EvictPod {
            name: "web-1-x".to_owned(),
            uid: "u".to_owned(),
        },
        "POST /api/v1/namespaces/shop/pods/web-1-x/eviction? json",
        json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": "web-1-x", "namespace": "shop"},
            "deleteOptions": {"preconditions": {"uid": "u"}},
        }),
    );
}

#[test]
fn a_notice_becomes_a_core_event() {
    let at = DateTime::from_timestamp(1_767_225_600, 123_000_000).unwrap();
    let notice = Notice::warning("RolloutAborted", "Rollout aborted update to revision 2");
    let (line, body) = shown(event(&rollout(), &notice, at, "1a2b.3"));
    assert_eq!(line, "POST /api/v1/namespaces/shop/events? json");
    assert_eq!(
        body,
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": "web.1a2b.3", "namespace": "shop"},
            "involvedObject": {
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "namespace": "shop", "name": "web",
                "uid": "uid-1", "resourceVersion": "7",
            },
            "type": "Warning", "reason": "RolloutAborted", "message": "Rollout aborted update to revision 2",
            "source": {"component": "rollouts-controller"},
            "reportingComponent": "rollouts-controller", "reportingInstance": "",
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1,
        })
    );
}
