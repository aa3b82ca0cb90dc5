//! Laws that hold for all inputs, tried on random ones.

use proptest::collection::{btree_map, vec as list};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::duration::{format_go_duration, parse_go_duration};
use crate::quantity::Quantity;
use crate::rollout::PodTemplateMetadata;
use crate::template::{Template, same_revision};
use crate::{decode, hash};

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            list(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(field(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Names that mean something to us, mostly.
fn field() -> impl Strategy<Value = String> {
    let known = vec![
        "spec",
        "status",
        "metadata",
        "template",
        "strategy",
        "canary",
        "blueGreen",
        "steps",
        "setWeight",
        "pause",
        "duration",
        "trafficRouting",
        "nginx",
        "plugins",
        "analysis",
        "templates",
        "conditions",
        "replicas",
        "labels",
        "containers",
        "resources",
        "limits",
        "cpu",
        "volumes",
        "env",
        "livenessProbe",
        "affinity",
        "config",
        "plugin",
    ];
    prop_oneof![4 => proptest::sample::select(known).prop_map(str::to_owned), 1 => "[a-z]{1,3}"]
}

fn amount() -> impl Strategy<Value = String> {
    let suffix = proptest::sample::select(&["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E-2", "e2"][..]);
    ("[+-]?[0-9]{0,6}(\\.[0-9]{0,6})?", suffix).prop_map(|(number, suffix)| format!("{number}{suffix}"))
}

fn pod_template() -> impl Strategy<Value = Value> {
    let container = (
        "[a-z]{1,3}",
        "[a-z]{1,3}(:latest|:[0-9])?",
        amount(),
        any::<bool>(),
        0..3u8,
    )
        .prop_map(|(name, image, cpu, tty, ports)| {
            let ports: Vec<Value> = (0..ports).map(|port| json!({"containerPort": port})).collect();
            json!({
                "name": name, "image": image, "tty": tty, "ports": ports,
                "resources": {"limits": {"cpu": cpu}}, "livenessProbe": {"httpGet": {"port": 80}},
            })
        });
    let labels = btree_map("[a-z]{1,3}", "[a-z]{0,3}", 0..3);
    (labels, list(container, 0..3), any_json()).prop_map(|(labels, containers, unknown)| {
        json!({"metadata": {"labels": labels}, "spec": {"containers": containers, "aFieldOfTomorrow": unknown}})
    })
}

/// The same tree, its keys the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let entries = object.iter().rev().map(|(key, value)| (key.clone(), reversed(value)));
            Value::Object(entries.collect::<Map<String, Value>>())
        }
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

proptest! {
    #[test]
    fn the_order_of_keys_means_nothing(value in pod_template()) {
        let (one, other) = (Template::from(&value), Template::from(&reversed(&value)));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(hash::pod_template(&one, None), hash::pod_template(&other, None));
    }

    #[test]
    fn what_the_api_server_stores_is_the_same_revision(value in pod_template()) {
        let desired = Template::from(&value);
        let none = PodTemplateMetadata::default();
        let stored = Template::from(&desired.without_bad_quantities().with_hash_label("abc").defaulted());
        prop_assert!(same_revision(&stored, &desired, &none));
        prop_assert!(same_revision(&desired, &stored, &none), "either way round");
    }

    #[test]
    fn another_image_is_another_revision(value in pod_template()) {
        prop_assume!(value["spec"]["containers"].as_array().is_some_and(|all| !all.is_empty()));
        let desired = Template::from(&value);
        let other = desired.edited(|value| value["spec"]["containers"][0]["image"] = json!("changed"));
        prop_assert!(!same_revision(&desired, &other, &PodTemplateMetadata::default()));
        prop_assert_ne!(hash::pod_template(&desired, None), hash::pod_template(&other, None));
    }

    #[test]
    fn the_canonical_amount_is_the_same_amount(text in amount()) {
        if let Some(quantity) = Quantity::parse(&text) {
            let again = Quantity::parse(&quantity.canonical()).expect("canonical text is a quantity");
            prop_assert_eq!(&again, &quantity);
            prop_assert_eq!(again.canonical(), quantity.canonical());
        }
    }

    #[test]
    fn amounts_are_ordered(a in amount(), b in amount(), c in amount()) {
        if let (Some(a), Some(b), Some(c)) = (Quantity::parse(&a), Quantity::parse(&b), Quantity::parse(&c)) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert!(!(a <= b && b <= c) || a <= c);
        }
    }

    #[test]
    fn a_duration_reads_back(nanos in any::<i64>()) {
        let duration = chrono::Duration::nanoseconds(nanos);
        prop_assert_eq!(parse_go_duration(&format_go_duration(duration)), Ok(duration));
    }

    #[test]
    fn any_json_at_all_is_decoded(value in any_json()) {
        let decoded = decode::rollout(&value);
        let back = serde_json::to_value(&decoded.object).expect("JSON");
        prop_assert_eq!(decode::rollout(&back).dropped, vec![]);
        decode::analysis_run(&value);
        decode::experiment(&value);
    }

    #[test]
    fn a_bad_spec_does_not_hide_the_status(spec in any_json()) {
        let decoded = decode::rollout(&json!({"metadata": {}, "spec": spec, "status": {"stableRS": "abc"}}));
        prop_assert_eq!(decoded.object.status.expect("a status").stable_rs, "abc");
    }

    #[test]
    fn any_template_has_a_hash(value in any_json()) {
        let template = Template::from(&value);
        hash::pod_template(&template, Some(1));
        prop_assert!(same_revision(&template, &template, &PodTemplateMetadata::default()));
    }
}
