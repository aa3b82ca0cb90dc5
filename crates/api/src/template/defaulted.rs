//! What the API server fills in when it stores a pod template: the defaults of core/v1.
//!
//! Source: the Kubernetes API reference, v0.34 (wire-contract 2.2, "Finding newRS" step 3). Defaults of *pods* only
//! (`enableServiceLinks`, requests copied from limits) are not those of a template.

use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// Permission bits 0644, as JSON writes them.
const MODE: i32 = 0o644;

/// Fills in a pod template in place. What has an unexpected shape stays as it is.
pub(super) fn fill_in(template: &mut Value) {
    let Some(template) = object(template) else { return };
    let spec = template.entry("spec").or_insert_with(|| json!({}));
    if spec.is_null() {
        *spec = json!({});
    }
    let Some(spec) = object(spec) else { return };
    unless_empty(spec, "restartPolicy", json!("Always"));
    unless_empty(spec, "dnsPolicy", json!("ClusterFirst"));
    unless_empty(spec, "schedulerName", json!("default-scheduler"));
    unless_present(spec, "terminationGracePeriodSeconds", json!(30));
    unless_present(spec, "securityContext", json!({}));
    // the older name of the field means the same
    if let Some(Value::String(name)) = spec.get("serviceAccount").cloned() {
        unless_empty(spec, "serviceAccountName", json!(name));
    }
    each(spec, "volumes", volume);
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        each(spec, key, container);
    }
}

fn container(container: &mut Object) {
    let policy = pull_policy(container.get("image"));
    unless_empty(container, "imagePullPolicy", json!(policy));
    unless_empty(container, "terminationMessagePath", json!("/dev/termination-log"));
    unless_empty(container, "terminationMessagePolicy", json!("File"));
    each(container, "ports", |port| unless_empty(port, "protocol", json!("TCP")));
    each(container, "env", |variable| {
        inside(variable, "valueFrom", |source| {
            inside(source, "fieldRef", field_ref);
            inside(source, "fileKeyRef", |file| {
                unless_present(file, "optional", json!(false))
            });
        });
    });
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        inside(container, key, probe);
    }
    inside(container, "lifecycle", |lifecycle| {
        for key in ["postStart", "preStop"] {
            inside(lifecycle, key, |hook| inside(hook, "httpGet", http_get));
        }
    });
}

fn probe(probe: &mut Object) {
    for (key, default) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        unless_empty(probe, key, json!(default));
    }
    inside(probe, "httpGet", http_get);
    inside(probe, "grpc", |grpc| unless_present(grpc, "service", json!("")));
}

fn http_get(get: &mut Object) {
    unless_empty(get, "path", json!("/"));
    unless_empty(get, "scheme", json!("HTTP"));
}

fn field_ref(field: &mut Object) {
    unless_empty(field, "apiVersion", json!("v1"));
}

fn volume(volume: &mut Object) {
    if volume.iter().all(|(key, value)| key == "name" || value.is_null()) {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    inside(volume, "hostPath", |path| unless_present(path, "type", json!("")));
    for key in ["secret", "configMap", "downwardAPI", "projected"] {
        inside(volume, key, |source| unless_present(source, "defaultMode", json!(MODE)));
    }
    inside(volume, "downwardAPI", downward_api);
    inside(volume, "projected", |projected| {
        each(projected, "sources", |source| {
            inside(source, "downwardAPI", downward_api);
            inside(source, "serviceAccountToken", |token| {
                unless_present(token, "expirationSeconds", json!(3600))
            });
        });
    });
    inside(volume, "iscsi", |iscsi| {
        unless_empty(iscsi, "iscsiInterface", json!("default"))
    });
    inside(volume, "rbd", |rbd| {
        unless_empty(rbd, "pool", json!("rbd"));
        unless_empty(rbd, "user", json!("admin"));
        unless_empty(rbd, "keyring", json!("/etc/ceph/keyring"));
    });
    inside(volume, "azureDisk", |disk| {
        unless_present(disk, "cachingMode", json!("ReadWrite"));
        unless_present(disk, "kind", json!("Shared"));
        unless_present(disk, "fsType", json!("ext4"));
        unless_present(disk, "readOnly", json!(false));
    });
    inside(volume, "scaleIO", |scale_io| {
        unless_empty(scale_io, "storageMode", json!("ThinProvisioned"));
        unless_empty(scale_io, "fsType", json!("xfs"));
    });
    inside(volume, "ephemeral", |ephemeral| {
        inside(ephemeral, "volumeClaimTemplate", |claim| {
            inside(claim, "spec", |spec| {
                unless_present(spec, "volumeMode", json!("Filesystem"))
            });
        });
    });
    inside(volume, "image", |image| {
        let policy = pull_policy(image.get("reference"));
        unless_empty(image, "pullPolicy", json!(policy));
    });
}

fn downward_api(source: &mut Object) {
    each(source, "items", |item| inside(item, "fieldRef", field_ref));
}

/// `Always` for the tag `latest`, named or not; a digest pins an image as a tag does.
fn pull_policy(image: Option<&Value>) -> &'static str {
    let image = image.and_then(Value::as_str).unwrap_or_default();
    let (reference, digest) = match image.split_once('@') {
        Some((reference, digest)) => (reference, Some(digest)),
        None => (image, None),
    };
    let last = reference.rsplit('/').next().unwrap_or_default();
    match (last.split_once(':'), digest) {
        (Some((_, "latest")), _) => "Always",
        (Some(_), _) | (None, Some(_)) => "IfNotPresent",
        (None, None) if image.is_empty() => "IfNotPresent",
        (None, None) => "Always",
    }
}

fn object(value: &mut Value) -> Option<&mut Object> {
    value.as_object_mut()
}

fn inside(parent: &mut Object, key: &str, fill: impl FnOnce(&mut Object)) {
    if let Some(child) = parent.get_mut(key).and_then(object) {
        fill(child);
    }
}

fn each(parent: &mut Object, key: &str, fill: impl Fn(&mut Object)) {
    if let Some(Value::Array(items)) = parent.get_mut(key) {
        items.iter_mut().filter_map(object).for_each(fill);
    }
}

/// For fields that Go keeps behind a pointer: an explicit zero stands.
fn unless_present(object: &mut Object, key: &str, default: Value) {
    if object.get(key).is_none_or(Value::is_null) {
        object.insert(key.to_owned(), default);
    }
}

/// For fields that Go keeps by value: zero is absent.
fn unless_empty(object: &mut Object, key: &str, default: Value) {
    let empty = match object.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => false,
    };
    if empty {
        object.insert(key.to_owned(), default);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_template_is_filled_in() {
        let mut template = json!({"spec": {
            "serviceAccount": "robot",
            "containers": [{
                "name": "a", "image": "b",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "livenessProbe": {"httpGet": {"port": 80}, "periodSeconds": 0},
                "readinessProbe": {"grpc": {"port": 9}},
            }],
            "volumes": [
                {"name": "e"},
                {"name": "c", "configMap": {"name": "c"}},
                {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                {"name": "h", "hostPath": {"path": "/"}},
            ],
        }});
        fill_in(&mut template);
        let probe = |mut more: Value| {
            let common =
                json!({"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
            more.as_object_mut()
                .unwrap()
                .extend(common.as_object().unwrap().clone());
            more
        };
        assert_eq!(
            template,
            json!({"spec": {
                "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
                "terminationGracePeriodSeconds": 30, "securityContext": {},
                "serviceAccount": "robot", "serviceAccountName": "robot",
                "containers": [{
                    "name": "a", "image": "b", "imagePullPolicy": "Always",
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v1"}}}],
                    "livenessProbe": probe(json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}})),
                    "readinessProbe": probe(json!({"grpc": {"port": 9, "service": ""}})),
                }],
                "volumes": [
                    {"name": "e", "emptyDir": {}},
                    {"name": "c", "configMap": {"name": "c", "defaultMode": 420}},
                    {"name": "p", "projected": {
                        "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                        "defaultMode": 420,
                    }},
                    {"name": "h", "hostPath": {"path": "/", "type": ""}},
                ],
            }})
        );
    }

    #[test]
    fn only_latest_is_always_pulled() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.19", "IfNotPresent"),
            ("registry:5000/nginx", "Always"),
            ("registry:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:abc", "IfNotPresent"),
            ("nginx:latest@sha256:abc", "Always"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(Some(&json!(image))), policy, "{image}");
        }
    }
}
