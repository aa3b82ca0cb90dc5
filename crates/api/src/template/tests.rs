use std::collections::BTreeMap;

use super::*;
use crate::rollout::PodTemplateMetadata;
use serde_json::json;

fn template(value: Value) -> Template {
    Template::from(&value)
}

fn web(more: Value) -> Template {
    let mut container = json!({"name": "web", "image": "web:1"});
    container
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    template(json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}))
}

fn same(a: &Template, b: &Template) -> bool {
    same_revision(a, b, &PodTemplateMetadata::default())
}

#[test]
fn a_template_is_the_same_however_it_is_written() {
    for (live, desired) in [
        (json!({"imagePullPolicy": "IfNotPresent"}), json!({})),
        (json!({"resources": {}}), json!({"resources": null})),
        (
            json!({"resources": {"limits": {"cpu": "1"}}}),
            json!({"resources": {"limits": {"cpu": "1000m"}}}),
        ),
        (
            json!({"resources": {"limits": {"memory": "1Gi"}}}),
            json!({"resources": {"limits": {"memory": "1024Mi"}}}),
        ),
        (
            json!({"resources": {"limits": {"cpu": "1m"}}}),
            json!({"resources": {"limits": {"cpu": "0.0005"}}}),
        ),
        (
            json!({"resources": {}}),
            json!({"resources": {"limits": {"memory": "invalid"}}}),
        ),
        (json!({"env": []}), json!({"env": null})),
        (json!({"tty": false}), json!({})),
        (
            json!({"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
            json!({"ports": [{"containerPort": 80}]}),
        ),
    ] {
        assert!(same(&web(live.clone()), &web(desired.clone())), "{live} and {desired}");
    }
}

#[test]
fn another_meaning_is_another_revision() {
    for (live, desired) in [
        (json!({"image": "web:2"}), json!({})),
        (json!({"imagePullPolicy": "Always"}), json!({})),
        (
            json!({"resources": {"limits": {"cpu": "1"}}}),
            json!({"resources": {"limits": {"cpu": "2"}}}),
        ),
        (json!({"securityContext": {}}), json!({})),
        (json!({"aNewField": 1}), json!({})),
    ] {
        assert!(!same(&web(live.clone()), &web(desired.clone())), "{live} and {desired}");
    }
}

#[test]
fn what_the_controller_put_in_does_not_count() {
    let desired = web(json!({}));
    let term = json!({
        "labelSelector": {"matchExpressions": [
            {"key": "rollouts-pod-template-hash", "operator": "In", "values": ["abc"]},
        ]},
        "namespaces": ["default"], "topologyKey": "kubernetes.io/hostname",
    });
    let live = desired.with_hash_label("def").edited(|value| {
        value["metadata"]["labels"]["role"] = json!("canary");
        value["spec"]["serviceAccount"] = json!("");
        value["spec"]["affinity"] = json!({"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
        }});
    });
    let recorded = PodTemplateMetadata {
        labels: BTreeMap::from([("role".into(), "canary".into())]),
        ..Default::default()
    };
    assert!(same_revision(&live, &desired, &recorded));
    assert!(!same(&live, &desired), "an unrecorded label counts");
}

#[test]
fn the_hash_label_comes_and_goes() {
    let plain = web(json!({}));
    let labelled = plain.with_hash_label("abc");
    assert_eq!(
        labelled.labels().get("rollouts-pod-template-hash").map(String::as_str),
        Some("abc")
    );
    assert_eq!(labelled.without_hash_label(), plain);
    let bare = template(json!({"spec": {}})).with_hash_label("abc");
    assert_eq!(
        bare.as_str(),
        r#"{"metadata":{"labels":{"rollouts-pod-template-hash":"abc"}},"spec":{}}"#
    );
}

#[test]
fn containers_are_listed_in_order() {
    let both = template(json!({"spec": {
        "containers": [{"name": "b", "image": "b:1"}, {"name": "a"}],
        "initContainers": [{"name": "i", "image": "i:1"}],
    }}));
    let images = |containers: Vec<Container>| {
        containers
            .into_iter()
            .map(|c| format!("{}={}", c.name, c.image))
            .collect::<Vec<_>>()
    };
    assert_eq!(images(both.containers()), ["b=b:1", "a="]);
    assert_eq!(images(both.init_containers()), ["i=i:1"]);
}

#[test]
fn what_is_no_quantity_is_left_out_of_what_we_store() {
    let bad = web(json!({"resources": {"requests": {"memory": "invalid", "cpu": 1}}}));
    let good = web(json!({"resources": {"requests": {"cpu": 1}}}));
    assert_eq!(bad.without_bad_quantities(), good);
    assert_eq!(good.without_bad_quantities(), good);
}
