//! Many rollouts of every kind at once, as a cluster has them: plain canaries, canaries with Services, blue/greens.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use sim::Request;

use super::{Cluster, History, REPLICA_SETS, ROLLOUTS, SERVICES, call, history};

/// Rollouts of one namespace, `web-0` and so on.
pub(super) struct Fleet<'c> {
    cluster: &'c Cluster,
    pub(super) namespace: String,
    pub(super) names: Vec<String>,
}

/// How a rollout goes to a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Canary,
    CanaryWithServices,
    BlueGreen,
}

/// The kind of the rollout with this number.
fn kind(number: usize) -> Kind {
    match number % 3 {
        0 => Kind::Canary,
        1 => Kind::CanaryWithServices,
        _ => Kind::BlueGreen,
    }
}

impl<'c> Fleet<'c> {
    /// Creates the namespace and so many rollouts in it, with their Services.
    ///
    /// # Errors
    /// The API server refused one.
    pub(super) async fn launch(cluster: &'c Cluster, namespace: &str, count: usize) -> Result<Self> {
        cluster.namespace(namespace).await?;
        let names: Vec<String> = (0..count).map(|number| format!("web-{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            for object in objects(name, kind(number)) {
                let path = match object["kind"].as_str() {
                    Some("Service") => SERVICES,
                    _ => ROLLOUTS,
                };
                call(
                    &cluster.client,
                    Request::post(&history::of_namespace(path, namespace), &object),
                )
                .await?;
            }
        }
        Ok(Fleet {
            cluster,
            namespace: namespace.to_owned(),
            names,
        })
    }

    /// Merge-patches a rollout; `part` is empty or `/status`.
    ///
    /// # Errors
    /// The API server refused.
    pub(super) async fn patch(&self, name: &str, part: &str, patch: &Value) -> Result<()> {
        let path = format!("{}/{name}{part}", history::of_namespace(ROLLOUTS, &self.namespace));
        call(&self.cluster.client, Request::merge_patch(&path, patch)).await?;
        Ok(())
    }

    /// Asks for a new image.
    ///
    /// # Errors
    /// The API server refused.
    pub(super) async fn image(&self, name: &str, image: &str) -> Result<()> {
        let containers = json!([{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.patch(name, "", &patch).await
    }

    /// Waits until each rollout is as `wanted` says of its name, which is `Ok`, or else why not.
    ///
    /// # Errors
    /// Some were not; the error names them and says why.
    pub(super) async fn until(
        &self,
        patience: std::time::Duration,
        wanted: impl Fn(&History, &str) -> Result<(), String>,
    ) -> Result<()> {
        let mut left = Vec::new();
        let all = self.cluster.wait_for(patience, |history| {
            let each = self.names.iter().map(|name| (name, wanted(history, name)));
            left = each
                .filter_map(|(name, is)| is.err().map(|why| format!("{name}: {why}")))
                .collect();
            left.is_empty().then_some(())
        });
        if all.await.is_none() {
            bail!(
                "{} of {} are not there:\n{}",
                left.len(),
                self.names.len(),
                left.join("\n")
            );
        }
        Ok(())
    }

    /// Whether a rollout is wholly at this image and says so itself.
    ///
    /// # Errors
    /// What is still missing.
    pub(super) fn promoted(&self, history: &History, name: &str, image: &str) -> Result<(), String> {
        let rollout = history.object(ROLLOUTS, &self.namespace, name).unwrap_or_default();
        let status = &rollout["status"];
        let current = status["currentPodHash"].as_str().unwrap_or_default();
        let seen = status["observedGeneration"].as_str() == Some(&rollout["metadata"]["generation"].to_string());
        if !seen || status["phase"] != "Healthy" || status["stableRS"] != current {
            return Err(format!("{} {}", status["phase"], status["message"]));
        }
        let set = history.object(REPLICA_SETS, &self.namespace, &format!("{name}-{current}"));
        let set = set.unwrap_or_default();
        let runs = &set["spec"]["template"]["spec"]["containers"][0]["image"];
        if runs != image || set["spec"]["replicas"] != rollout["spec"]["replicas"] {
            return Err(format!("Healthy with {} of {runs}", set["spec"]["replicas"]));
        }
        Ok(())
    }
}

/// A rollout of two pods that takes some seconds to be updated, and its Services.
fn objects(name: &str, kind: Kind) -> Vec<Value> {
    let service = |suffix: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("{name}-{suffix}")},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
        })
    };
    let steps = json!([{"setWeight": 50}, {"pause": {"duration": 2}}]);
    let (strategy, services) = match kind {
        Kind::Canary => (json!({"canary": {"steps": steps}}), vec![]),
        Kind::CanaryWithServices => {
            let canary = json!({
                "steps": steps, "canaryService": format!("{name}-canary"), "stableService": format!("{name}-stable"),
            });
            (json!({ "canary": canary }), vec![service("canary"), service("stable")])
        }
        Kind::BlueGreen => {
            let active = json!({"activeService": format!("{name}-active"), "scaleDownDelaySeconds": 3});
            (json!({ "blueGreen": active }), vec![service("active")])
        }
    };
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}]}]},
            },
            "strategy": strategy,
        },
    });
    services.into_iter().chain([rollout]).collect()
}
