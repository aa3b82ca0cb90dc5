//! Values that are wrong, or odd and right, although their type is the field's.

use serde_json::{Value, json};

use super::Spoil;

/// Values of the right type, or of no type at all, and what they mean.
pub(super) fn values() -> Vec<Spoil> {
    const WEIGHT: &str = "/spec/strategy/canary/steps/0/setWeight";
    const PAUSE: &str = "/spec/strategy/canary/steps/1/pause/duration";
    const STEP: &str = "/spec/strategy/canary/steps/0";
    const CONTAINER: &str = "/spec/template/spec/containers/0";
    let steps = |number: usize, rest: &str| format!("spec.strategy.steps[{number}]{rest}");
    let mut all = Vec::new();
    let mut add = |path: &str, value: Value, field: &str| {
        all.push(Spoil {
            path: path.to_owned(),
            value: Some(value),
            fields: (!field.is_empty()).then(|| field.to_owned()).into_iter().collect(),
        });
    };
    for value in [-1, i32::MIN] {
        for field in [
            "replicas",
            "minReadySeconds",
            "revisionHistoryLimit",
            "progressDeadlineSeconds",
        ] {
            add(&format!("/spec/{field}"), json!(value), &format!("spec.{field}"));
        }
        add(WEIGHT, json!(value), &steps(0, ".setWeight"));
        add(PAUSE, json!(value), &steps(1, ".pause.duration"));
    }
    for value in [101, i32::MAX] {
        add(WEIGHT, json!(value), &steps(0, ".setWeight"));
        add(
            "/spec/minReadySeconds",
            json!(value.max(300)),
            "spec.progressDeadlineSeconds",
        );
    }
    for value in [
        "5x",
        "-5s",
        "",
        "1 h",
        "\u{221e}",
        "1h2",
        "9999999999999h",
        "0x10",
        "1d",
        "\u{0}",
        "NaN",
        "1e3s",
    ] {
        add(PAUSE, json!(value), &steps(1, ".pause.duration"));
    }
    for value in ["1ms", "0", "0s", "2s", "1.5s", "00.1m"] {
        add(PAUSE, json!(value), "");
    }
    for step in [
        json!({}),
        json!({"setWeights": 5}),
        json!({"setWeight": null}),
        json!({"setWeight": 5, "pause": {}}),
        json!({"\u{7}": "\u{1b}[31m"}),
    ] {
        add(STEP, step, &steps(0, ""));
    }
    for unknown in [
        "experiment",
        "plugin",
        "setCanaryScale",
        "setHeaderRoute",
        "setMirrorRoute",
    ] {
        // Not built, or not without a router: the message says which.
        add(STEP, json!({ unknown: {} }), "spec.strategy");
    }
    for router in ["istio", "nginx", "mesh-of-2031"] {
        add(
            "/spec/strategy/canary/trafficRouting",
            json!({ router: {} }),
            "spec.strategy",
        );
    }
    for (value, field) in [
        (json!({}), "spec.selector"),
        (json!(null), "spec.selector"),
        (
            json!({"matchLabels": {"app": "another"}}),
            "spec.template.metadata.labels",
        ),
        (json!({"matchLabels": {"app": "no label!"}}), "spec.selector"),
        (json!({"matchLabels": {"-app-": "web"}}), "spec.selector"),
        (json!({"matchLabels": {"app": "x".repeat(64)}}), "spec.selector"),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "Sometimes"}]}),
            "spec.selector",
        ),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "In"}]}),
            "spec.selector",
        ),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]}),
            "spec.selector",
        ),
        (json!({"matchExpressions": [{}]}), "spec.selector"),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}),
            "",
        ),
    ] {
        add("/spec/selector", value, field);
    }
    for (value, field) in [
        (json!(null), "spec.template"),
        (json!({}), "spec.template"),
        (json!("web:v1"), "spec.template"),
        (json!([1]), "spec.template"),
    ] {
        add("/spec/template", value, field);
    }
    for value in [json!(null), json!({}), json!(7), json!({"app": 7})] {
        add("/spec/template/metadata/labels", value, "spec.template");
    }
    add(
        "/spec/template/metadata/labels/bad key",
        json!("x"),
        "spec.template.labels",
    );
    add(
        "/spec/template/metadata/labels/odd",
        json!("\u{0}\u{7f}"),
        "spec.template.labels",
    );
    for value in [
        json!([]),
        json!(null),
        json!("web"),
        json!([null]),
        json!([{}]),
        json!([7]),
        json!({"name": "web"}),
    ] {
        add("/spec/template/spec/containers", value, "spec.template.spec.containers");
    }
    for (field, value, named) in [
        ("name", json!(""), ".name"),
        ("name", json!("UPPER"), ".name"),
        ("name", json!("we\u{1}b"), ".name"),
        ("name", json!("x".repeat(64)), ".name"),
        ("name", json!(null), ".name"),
        ("image", json!(""), ".image"),
        ("image", json!(null), ".image"),
        ("imagePullPolicy", json!("Sometimes"), ".imagePullPolicy"),
        ("ports", json!([{"containerPort": 70000}]), ".ports[0].containerPort"),
        ("ports", json!([{"containerPort": -1}]), ".ports[0].containerPort"),
        ("ports", json!([{}]), ".ports[0].containerPort"),
        (
            "ports",
            json!([{"containerPort": 80, "protocol": "QUIC"}]),
            ".ports[0].protocol",
        ),
        (
            "ports",
            json!([{"containerPort": 80, "name": "far-too-long-a-name"}]),
            ".ports[0].name",
        ),
        ("env", json!([{"name": "1st=", "value": "x"}]), ".env[0].name"),
        ("env", json!([{"value": "x"}]), ".env[0].name"),
        (
            "volumeMounts",
            json!([{"name": "none", "mountPath": "/x"}]),
            ".volumeMounts[0].name",
        ),
        (
            "livenessProbe",
            json!({"periodSeconds": -1, "httpGet": {"port": 80}}),
            ".livenessProbe.periodSeconds",
        ),
        (
            "resources",
            json!({"requests": {"memory": "-5Mi"}}),
            ".resources.requests",
        ),
        (
            "resources",
            json!({"requests": {"cpu": 2}, "limits": {"cpu": 1}}),
            ".resources.requests",
        ),
    ] {
        let path = format!("{CONTAINER}/{field}");
        add(&path, value, &format!("spec.template.spec.containers[0]{named}"));
    }
    // A quantity that does not parse is dropped (wire-contract 10.1, 11).
    for value in [
        "1.5.x", "NaN", "Inf", "", "10 GB", "1e", "--1", "1Mb", "\u{0}", "0x1F", "five", "1,5",
    ] {
        add(
            &format!("{CONTAINER}/resources"),
            json!({"limits": {"memory": value}}),
            "",
        );
        add(
            &format!("{CONTAINER}/resources"),
            json!({"requests": {"cpu": value, "memory": "1Mi"}}),
            "",
        );
    }
    for (field, value, named) in [
        ("restartPolicy", json!("Never"), "restartPolicy"),
        ("restartPolicy", json!("Whenever"), "restartPolicy"),
        ("activeDeadlineSeconds", json!(5), "activeDeadlineSeconds"),
        ("activeDeadlineSeconds", json!(-5), "activeDeadlineSeconds"),
        ("volumes", json!([{"name": "a"}, {"name": "a"}]), "volumes[1].name"),
        (
            "volumes",
            json!([{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]),
            "volumes[0]",
        ),
        ("volumes", json!([{}]), "volumes[0].name"),
    ] {
        add(
            &format!("/spec/template/spec/{field}"),
            value,
            &format!("spec.template.spec.{named}"),
        );
    }
    for (path, value, field) in [
        ("", json!(null), "spec.strategy"),
        ("", json!({}), "spec.strategy"),
        ("", json!({"rolling": {}}), "spec.strategy"),
        ("", json!({"canary": null}), "spec.strategy"),
        (
            "",
            json!({"canary": {}, "blueGreen": {"activeService": "x"}}),
            "spec.strategy",
        ),
        ("", json!({"blueGreen": {}}), "spec.strategy.activeService"),
        (
            "",
            json!({"blueGreen": {"activeService": "x", "previewService": "x"}}),
            "spec.strategy.activeService",
        ),
        (
            "",
            json!({"blueGreen": {"activeService": "ghost"}}),
            "spec.strategy.blueGreen.activeService",
        ),
        (
            "/canary/stableService",
            json!("ghost"),
            "spec.strategy.canary.stableService",
        ),
        (
            "/canary/canaryService",
            json!("../../etc"),
            "spec.strategy.canary.canaryService",
        ),
        ("/canary/antiAffinity", json!({}), "spec.strategy.antiAffinity"),
        ("/canary/maxSurge", json!(0), "spec.strategy.maxSurge"),
        (
            "/canary/scaleDownDelaySeconds",
            json!(30),
            "spec.strategy.scaleDownDelaySeconds",
        ),
        (
            "/canary/dynamicStableScale",
            json!(true),
            "spec.strategy.dynamicStableScale",
        ),
        ("/canary/pingPong", json!({}), "spec.strategy"),
        (
            "/canary/steps/0",
            json!({"analysis": {"templates": [{"templateName": "ghost"}]}}),
            "analysis.templates",
        ),
        (
            "/canary/analysis",
            json!({"templates": [{"templateName": "ghost"}]}),
            "spec.strategy.canary.analysis",
        ),
        ("/canary/maxSurge", json!("a lot"), "spec.strategy.maxSurge"),
        ("/canary/maxUnavailable", json!("a lot"), ""),
        ("/canary/steps", json!(null), ""),
        ("/canary/steps", json!([]), ""),
    ] {
        add(&format!("/spec/strategy{path}"), value, field);
    }
    for value in [
        json!({"kind": "StatefulSet", "apiVersion": "apps/v1", "name": "web"}),
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "name": "web"}),
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "name": ""}),
        json!({"kind": "Deployment", "apiVersion": "\u{0}/\u{0}/\u{0}", "name": "web"}),
        json!({}),
    ] {
        add("/spec/workloadRef", value, "spec.workloadRef");
    }
    // Null is absent, what nobody knows is nobody's, and a number may be large.
    for field in [
        "replicas",
        "minReadySeconds",
        "paused",
        "restartAt",
        "rollbackWindow",
        "analysis",
        "workloadRef",
    ] {
        add(&format!("/spec/{field}"), json!(null), "");
    }
    add("/spec/replica", json!(5), "");
    add("/spec/strategy/canary/stepz", json!([{"a": "b"}]), "");
    add("/spec/\u{1f4a5}", json!({"\u{0}": "\u{feff}\u{202e}"}), "");
    add("/spec/revisionHistoryLimit", json!(i32::MAX), "");
    add("/spec/rollbackWindow/revisions", json!(i32::MIN), "");
    add("/spec/progressDeadlineSeconds", json!(i32::MAX), "");
    add("/spec/restartAt", json!("0001-01-01T00:00:00Z"), "");
    add("/spec/mebibyte", json!("x".repeat(1 << 20)), "");
    add("/metadata/annotations", json!({"large": "x".repeat(200 << 10)}), "");
    add(
        "/metadata/annotations",
        json!({"rollout.argoproj.io/revision": "-9223372036854775808"}),
        "",
    );
    add(
        "/metadata/annotations",
        json!({"rollout.argoproj.io/revision": "the first"}),
        "",
    );
    add("/spec/deep", nested(60), "");
    add("/spec/deep", nested(300), "spec.deep");
    add(
        "/spec/strategy/canary/steps/0/plugin",
        json!({"name": "x", "config": nested(300)}),
        "spec.strategy.canary",
    );
    for status in [
        json!("x"),
        json!([]),
        json!({"conditions": 7}),
        json!({"conditions": [{"type": 7}, null]}),
        json!({"currentStepIndex": "two"}),
        json!({"currentStepIndex": -7}),
        json!({"currentStepIndex": i32::MAX}),
        json!({"pauseConditions": [7]}),
        json!({"canary": {"weights": "heavy"}}),
        json!({"replicas": 1e30, "stableRS": {"a": 1}}),
        json!({"collisionCount": i32::MAX}),
        json!({"observedGeneration": 7}),
        json!({"abort": "yes", "promoteFull": 1}),
    ] {
        add("/status", status, "");
    }
    for absent in [
        "/spec/selector",
        "/spec/template",
        "/spec/strategy",
        "/spec/template/spec",
    ] {
        all.push(Spoil {
            path: absent.to_owned(),
            value: None,
            fields: vec![absent.trim_start_matches('/').replace('/', ".")],
        });
    }
    all
}

/// Objects and lists in one another.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("bottom"), |inner, level| match level % 2 {
        0 => json!([inner]),
        _ => json!({ "down": inner }),
    })
}
