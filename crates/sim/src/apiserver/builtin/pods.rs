//! Pods and pod templates: their defaults (`pkg/apis/core/v1/defaults.go`) and a pod's first status.

use super::defaults::{fill, strip_nulls};
use serde_json::{Map, Value, json};

/// A pod as it is stored: everything a template gets, and what only pods get.
pub(super) fn default_pod(pod: &mut Value) {
    let spec = &mut pod["spec"];
    default_spec(spec);
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            let limits = container["resources"]["limits"].clone();
            if limits.is_object() {
                fill(&mut container["resources"]["requests"], limits);
            }
        }
    }
    let keep_for =
        |key: &str| json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 });
    fill(
        spec,
        json!({
            "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority", "priority": 0,
            "tolerations": [keep_for("node.kubernetes.io/not-ready"), keep_for("node.kubernetes.io/unreachable")],
        }),
    );
    strip_nulls(spec);
}

pub(super) fn default_template(template: &mut Value) {
    if !template["metadata"].is_object() {
        template["metadata"] = json!({});
    }
    default_spec(&mut template["spec"]);
    strip_nulls(template);
}

/// What a pod is when it has just been made.
pub(super) fn begin(pod: &mut Value) {
    pod["status"] = json!({ "phase": "Pending", "qosClass": qos(&pod["spec"]) });
}

fn default_spec(spec: &mut Value) {
    fill(
        spec,
        json!({
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
            "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
        }),
    );
    // The deprecated name is kept equal to the new one.
    if let Some(account) = spec["serviceAccountName"]
        .as_str()
        .or(spec["serviceAccount"].as_str())
        .map(str::to_owned)
    {
        spec["serviceAccountName"] = account.clone().into();
        spec["serviceAccount"] = account.into();
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        spec[list]
            .as_array_mut()
            .into_iter()
            .flatten()
            .for_each(default_container);
    }
    spec["volumes"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .for_each(default_volume);
}

fn default_container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let policy = if is_latest(image) { "Always" } else { "IfNotPresent" };
    fill(
        container,
        json!({
            "imagePullPolicy": policy, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "resources": {},
        }),
    );
    for port in container["ports"].as_array_mut().into_iter().flatten() {
        fill(port, json!({ "protocol": "TCP" }));
    }
    for variable in container["env"].as_array_mut().into_iter().flatten() {
        if variable["valueFrom"]["fieldRef"].is_object() {
            fill(&mut variable["valueFrom"]["fieldRef"], json!({ "apiVersion": "v1" }));
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = &mut container[probe];
        if probe.is_object() {
            for count in [
                "timeoutSeconds",
                "periodSeconds",
                "successThreshold",
                "failureThreshold",
            ] {
                if probe[count] == 0 {
                    probe[count] = Value::Null;
                }
            }
            fill(
                probe,
                json!({ "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 }),
            );
            default_http_get(&mut probe["httpGet"]);
            if probe["grpc"].is_object() {
                fill(&mut probe["grpc"], json!({ "service": "" }));
            }
        }
    }
    for hook in ["postStart", "preStop"] {
        if container["lifecycle"][hook].is_object() {
            default_http_get(&mut container["lifecycle"][hook]["httpGet"]);
        }
    }
    strip_nulls(container);
}

fn default_http_get(action: &mut Value) {
    if action.is_object() {
        fill(action, json!({ "path": "/", "scheme": "HTTP" }));
    }
}

/// The tag is what follows the last colon after the last slash; none means `latest`, a digest is no tag.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains('@') {
        return false;
    }
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn default_volume(volume: &mut Value) {
    let only_named = volume
        .as_object()
        .is_some_and(|fields| fields.keys().all(|field| field == "name"));
    if only_named {
        volume["emptyDir"] = json!({});
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if volume[source].is_object() {
            fill(&mut volume[source], json!({ "defaultMode": 420 }));
        }
    }
    for source in volume["projected"]["sources"].as_array_mut().into_iter().flatten() {
        if source["serviceAccountToken"].is_object() {
            fill(&mut source["serviceAccountToken"], json!({ "expirationSeconds": 3600 }));
        }
    }
    if volume["hostPath"].is_object() {
        fill(&mut volume["hostPath"], json!({ "type": "" }));
    }
    strip_nulls(volume);
}

/// The quality-of-service class, from cpu and memory of all containers.
fn qos(spec: &Value) -> &'static str {
    let containers = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| spec[list].as_array().into_iter().flatten());
    let (mut none, mut all) = (true, true);
    for container in containers {
        let (requests, limits) = (&container["resources"]["requests"], &container["resources"]["limits"]);
        for resource in ["cpu", "memory"] {
            none &= requests[resource].is_null() && limits[resource].is_null();
            all &=
                !limits[resource].is_null() && (requests[resource].is_null() || requests[resource] == limits[resource]);
        }
    }
    match (none, all) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}

/// What of a pod's spec may change after it was created; the rest is compared without it.
pub(super) fn fixed_part(spec: &Value) -> Value {
    let mut fixed = spec.clone();
    for list in ["containers", "initContainers"] {
        for container in fixed[list].as_array_mut().into_iter().flatten() {
            container["image"] = Value::Null;
        }
    }
    for field in [
        "activeDeadlineSeconds",
        "terminationGracePeriodSeconds",
        "schedulingGates",
        "tolerations",
        "ephemeralContainers",
    ] {
        fixed
            .as_object_mut()
            .map(|fields: &mut Map<String, Value>| fields.remove(field));
    }
    strip_nulls(&mut fixed);
    fixed
}
