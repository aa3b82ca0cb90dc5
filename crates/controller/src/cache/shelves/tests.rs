use serde_json::json;

use super::*;

fn rollout(name: &str, version: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": version},
        "spec": spec,
    })
}

fn owned(name: &str, version: &str, kind: &str, owner: &str) -> Value {
    json!({"metadata": {
        "namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": version,
        "labels": {"app": "web"},
        "ownerReferences": [{"kind": kind, "name": owner, "uid": format!("uid-{owner}"), "controller": true}],
    }})
}

fn service(name: &str, version: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "uid": "u", "resourceVersion": version}})
}

fn woken(change: &Change) -> Vec<String> {
    change.tasks.iter().map(Task::to_string).collect()
}

const WEB: &str = "Rollout shop/web";

#[test]
fn a_replica_set_wakes_its_rollout_when_it_comes_changes_and_goes() {
    let mut shelves = Shelves::default();
    assert_eq!(
        woken(&shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"))),
        [WEB]
    );
    assert_eq!(
        woken(&shelves.put(Kind::ReplicaSet, owned("web-1", "6", "Rollout", "web"))),
        [WEB]
    );
    assert_eq!(
        woken(&shelves.remove(Kind::ReplicaSet, &owned("web-1", "7", "Rollout", "web"))),
        [WEB]
    );
    assert_eq!(
        woken(&shelves.put(Kind::ReplicaSet, owned("api-1", "8", "Deployment", "api"))),
        [""; 0]
    );
}

#[test]
fn a_change_of_owner_wakes_both() {
    let mut shelves = Shelves::default();
    shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"));
    let change = shelves.put(Kind::ReplicaSet, owned("web-1", "6", "Rollout", "other"));
    assert_eq!(woken(&change), ["Rollout shop/other", WEB]);
}

#[test]
fn an_orphan_wakes_the_rollouts_that_select_it() {
    let mut shelves = Shelves::default();
    shelves.put(
        Kind::Rollout,
        rollout("web", "1", json!({"selector": {"matchLabels": {"app": "web"}}})),
    );
    shelves.put(
        Kind::Rollout,
        rollout("api", "2", json!({"selector": {"matchLabels": {"app": "api"}}})),
    );
    let mut orphan = owned("web-1", "5", "Rollout", "web");
    orphan["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(woken(&shelves.put(Kind::ReplicaSet, orphan)), [WEB]);
}

/// R13: the watch was down while the object was deleted.
#[test]
fn what_vanished_over_a_listing_wakes_its_owner() {
    let mut shelves = Shelves::default();
    shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"));
    shelves.put(Kind::ReplicaSet, owned("api-1", "6", "Rollout", "api"));
    let listing = vec![owned("api-1", "6", "Rollout", "api")];
    let change = shelves.replace(Kind::ReplicaSet, listing, &Version::new("9"));
    assert_eq!((woken(&change), change.differences), (vec![WEB.to_owned()], 1));
    assert!(shelves.stamp(Kind::ReplicaSet, &Name::new("shop", "web-1")).is_none());
}

#[test]
fn the_same_state_again_wakes_nobody() {
    let mut shelves = Shelves::default();
    shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"));
    let change = shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"));
    assert_eq!(change, Change::default());
}

#[test]
fn a_run_wakes_its_rollout_only_when_its_phase_changes() {
    let mut shelves = Shelves::default();
    let run = |version: &str, phase: &str, value: &str| {
        let mut run = owned("web-1-2", version, "Rollout", "web");
        run["spec"] = json!({});
        run["status"] = json!({"phase": phase, "metricResults": [{"name": "m", "phase": phase, "message": value}]});
        run
    };
    let own = "AnalysisRun shop/web-1-2";
    assert_eq!(
        woken(&shelves.put(Kind::AnalysisRun, run("5", "Running", "1"))),
        [WEB, own]
    );
    assert_eq!(woken(&shelves.put(Kind::AnalysisRun, run("6", "Running", "2"))), [own]);
    assert_eq!(
        woken(&shelves.put(Kind::AnalysisRun, run("7", "Failed", "2"))),
        [WEB, own]
    );
    assert_eq!(
        woken(&shelves.remove(Kind::AnalysisRun, &run("8", "Failed", "2"))),
        [WEB, own]
    );
}

#[test]
fn a_service_wakes_the_rollouts_that_refer_to_it() {
    let mut shelves = Shelves::default();
    let spec = json!({"strategy": {"canary": {"canaryService": "canary", "stableService": "stable"}}});
    shelves.put(Kind::Rollout, rollout("web", "1", spec));
    assert_eq!(woken(&shelves.put(Kind::Service, service("canary", "2"))), [WEB]);
    assert_eq!(woken(&shelves.put(Kind::Service, service("other", "3"))), [""; 0]);
    let spec = json!({"strategy": {"canary": {"stableService": "stable"}}});
    let change = shelves.put(Kind::Rollout, rollout("web", "4", spec));
    assert_eq!(woken(&change), [WEB, "Service shop/canary"]);
    assert_eq!(woken(&shelves.put(Kind::Service, service("canary", "5"))), [""; 0]);
}

#[test]
fn a_rollout_that_ends_lets_go_of_its_services() {
    let mut shelves = Shelves::default();
    let spec = json!({"strategy": {"blueGreen": {"activeService": "active"}}});
    let change = shelves.put(Kind::Rollout, rollout("web", "1", spec.clone()));
    assert_eq!((change.arrived.len(), change.left.len()), (1, 0));
    let change = shelves.remove(Kind::Rollout, &rollout("web", "2", spec));
    assert_eq!((change.arrived.len(), change.left.len()), (0, 1));
    assert_eq!(woken(&change), [WEB, "Service shop/active"]);
}

#[test]
fn a_template_wakes_the_rollouts_that_name_one() {
    let mut shelves = Shelves::default();
    let spec = json!({"strategy": {"canary": {"steps": [{"analysis": {"templates": [{"templateName": "rate"}]}}]}}});
    shelves.put(Kind::Rollout, rollout("web", "1", spec));
    shelves.put(
        Kind::Rollout,
        rollout(
            "api",
            "2",
            json!({"strategy": {"canary": {"steps": [{"setWeight": 5}]}}}),
        ),
    );
    assert_eq!(woken(&shelves.put(Kind::AnalysisTemplate, service("rate", "3"))), [WEB]);
    let cluster = json!({"metadata": {"name": "rate", "uid": "u", "resourceVersion": "4"}});
    assert_eq!(woken(&shelves.put(Kind::ClusterAnalysisTemplate, cluster)), [WEB]);
}

#[test]
fn an_undecodable_rollout_is_kept_with_its_errors() {
    let mut shelves = Shelves::default();
    let change = shelves.put(Kind::Rollout, rollout("web", "1", json!({"replicas": "three"})));
    assert_eq!(woken(&change), [WEB]);
    let seen = shelves.rollouts.get(&Name::new("shop", "web")).unwrap();
    assert!(!seen.object.undecodable.is_empty());
    assert_eq!(seen.object.rollout.metadata.name.as_deref(), Some("web"));
}

#[test]
fn an_undecodable_object_leaves_its_shelf_and_is_told() {
    let mut shelves = Shelves::default();
    shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"));
    let mut bad = owned("web-1", "6", "Rollout", "web");
    bad["spec"] = json!({"replicas": "three"});
    let change = shelves.put(Kind::ReplicaSet, bad);
    assert_eq!(woken(&change), [WEB]);
    assert_eq!(change.undecodable.len(), 1);
}

#[test]
fn a_live_read_corrects_what_is_known_unless_news_came_meanwhile() {
    let name = Name::new("shop", "web-1");
    let mut shelves = Shelves::default();
    shelves.put(Kind::ReplicaSet, owned("web-1", "5", "Rollout", "web"));
    let before = shelves.stamp(Kind::ReplicaSet, &name);
    shelves.put(Kind::ReplicaSet, owned("web-1", "6", "Rollout", "web"));
    assert_eq!(
        shelves.repair(Kind::ReplicaSet, &name, None, before.as_ref()),
        Change::default()
    );
    let before = shelves.stamp(Kind::ReplicaSet, &name);
    let change = shelves.repair(Kind::ReplicaSet, &name, None, before.as_ref());
    assert_eq!((woken(&change), change.differences), (vec![WEB.to_owned()], 1));
}
