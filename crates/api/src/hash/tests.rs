use super::*;
use serde_json::json;

#[test]
fn known_templates_have_known_hashes() {
    let container = |name: &str| {
        json!({
            "name": name, "image": "nginx:1.19-alpine",
            "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
            "resources": {"requests": {"memory": "16Mi", "cpu": "5m"}},
        })
    };
    let delayed = json!({
        "metadata": {"labels": {"app": "canary-scaledowndelay"}},
        "spec": {"containers": [container("canary-scaledowndelay")]},
    });
    let gated = json!({
        "metadata": {"labels": {"app": "dynamic-stable-scale"}, "creationTimestamp": null},
        "spec": {
            "containers": [container("dynamic-stable-scale")],
            "readinessGates": [{"conditionType": "argoproj.io/e2e-readiness"}],
        },
    });
    assert_eq!(pod_template(&Template::from(&delayed), None), "674d8cf959");
    assert_eq!(pod_template(&Template::from(&gated), None), "6b56c8cdb4");
}

#[test]
fn a_collision_gives_another_name() {
    let template = Template::from(&json!({"spec": {"containers": []}}));
    let names: Vec<String> = [None, Some(0), Some(1)]
        .map(|count| pod_template(&template, count))
        .into();
    assert_eq!(
        names.iter().collect::<std::collections::BTreeSet<_>>().len(),
        3,
        "{names:?}"
    );
}

#[test]
fn the_bytes_are_those_of_go() {
    for (template, bytes) in [
        (json!({}), r#"{"metadata":{},"spec":{"containers":null}}"#),
        (
            json!({"metadata": {"name": "x", "creationTimestamp": null}, "spec": {"containers": []}}),
            r#"{"metadata":{},"spec":{"containers":[]}}"#,
        ),
        // a field newer than the table is hashed after the known ones; null is absent
        (
            json!({"spec": {"containers": [], "aNewField": {"b": 1, "a": "<"}, "anotherOne": null, "hostname": "h"}}),
            r#"{"metadata":{},"spec":{"containers":[],"hostname":"h","aNewField":{"a":"\u003c","b":1}}}"#,
        ),
        // what is no quantity is dropped; a divisor is always there
        (
            json!({"spec": {
                "containers": null,
                "overhead": {"memory": "invalid", "cpu": 0.5},
                "volumes": [
                    {"name": "v", "emptyDir": {"sizeLimit": "lots"}},
                    {"name": "d", "downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "cpu"}}]}},
                ],
            }}),
            concat!(
                r#"{"metadata":{},"spec":{"volumes":[{"name":"v","emptyDir":{}},{"name":"d","downwardAPI":{"items":[{"path":"p","#,
                r#""resourceFieldRef":{"resource":"cpu","divisor":"0"}}]}}],"containers":null,"overhead":{"cpu":"500m"}}}"#
            ),
        ),
    ] {
        assert_eq!(pod_template_as_hashed(&template), bytes);
    }
}

#[test]
fn steps_without_a_step_are_null() {
    assert_eq!(steps_as_hashed(&[]), "null");
}
