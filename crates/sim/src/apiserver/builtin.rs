//! What the server itself adds to objects of built-in kinds, and which of them it refuses.

mod defaults;
mod pods;
mod services;
mod validate;

pub(crate) use defaults::default_object;
pub(crate) use services::keep_allocated;
pub(crate) use validate::{metadata, name, validate};

use super::routes::Target;
use super::{ApiServer, Refusal};
use serde_json::{Value, json};

impl ApiServer {
    /// What is set once, when an object of a built-in kind is created: first status, selectors, addresses.
    pub(crate) fn begin(&mut self, target: &Target, object: &mut Value) -> Result<(), Refusal> {
        match target.resource() {
            "pods" => pods::begin(object),
            "services" => return self.allocate(target, object),
            "jobs.batch" => begin_job(object),
            "namespaces" => {
                object["spec"]["finalizers"] = json!(["kubernetes"]);
                object["status"] = json!({ "phase": "Active" });
            }
            "replicasets.apps" => object["status"] = json!({ "replicas": 0 }),
            "deployments.apps" => object["status"] = json!({}),
            "statefulsets.apps" => object["status"] = json!({ "replicas": 0, "availableReplicas": 0 }),
            "ingresses.networking.k8s.io" => object["status"] = json!({ "loadBalancer": {} }),
            "horizontalpodautoscalers.autoscaling" => {
                object["status"] = json!({ "currentMetrics": null, "desiredReplicas": 0 });
            }
            "poddisruptionbudgets.policy" => {
                object["status"] =
                    json!({ "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0 });
            }
            "customresourcedefinitions.apiextensions.k8s.io" => self.begin_crd(object),
            "secrets" => encode_string_data(object),
            _ => {}
        }
        Ok(())
    }

    /// A definition is established at once: names are accepted, the kind is served.
    fn begin_crd(&self, object: &mut Value) {
        let now = self.clock.stamp();
        let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now });
        let versions = object["spec"]["versions"].as_array().into_iter().flatten();
        let stored: Vec<Value> = versions
            .filter(|version| version["storage"] == true)
            .map(|version| version["name"].clone())
            .collect();
        object["status"] = json!({
            "acceptedNames": object["spec"]["names"],
            "storedVersions": stored,
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
        });
    }
}

/// A Job selects its pods by its own uid, unless it brings a selector.
fn begin_job(job: &mut Value) {
    job["status"] = json!({});
    if job["spec"]["manualSelector"] == true {
        return;
    }
    let (name, uid) = (job["metadata"]["name"].clone(), job["metadata"]["uid"].clone());
    let labels = &mut job["spec"]["template"]["metadata"]["labels"];
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        if labels[label].is_null() {
            labels[label] = value.clone();
        }
    }
    if job["metadata"]["labels"].is_null() {
        job["metadata"]["labels"] = job["spec"]["template"]["metadata"]["labels"].clone();
    }
    let selector = &mut job["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"];
    if selector.is_null() {
        *selector = uid;
    }
}

fn encode_string_data(secret: &mut Value) {
    use base64::Engine as _;
    let Some(plain) = secret.as_object_mut().and_then(|fields| fields.remove("stringData")) else {
        return;
    };
    for (key, value) in plain.as_object().into_iter().flatten() {
        let encoded = base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap_or_default());
        secret["data"][key] = encoded.into();
    }
}
