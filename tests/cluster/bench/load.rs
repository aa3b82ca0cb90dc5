//! The rollouts of a bench: created, given another image, and watched until each has come to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::StreamExt;
use futures::stream::iter;
use kube::Client;
use serde_json::{Value, json};
use sim::Request;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::cluster::history::{Change, follow};
use crate::cluster::{Cluster, ROLLOUTS, call};

/// The namespace of all of them.
const NAMESPACE: &str = "bench";
/// How many requests are on their way at once.
const AT_ONCE: usize = 50;
/// How long all of them may take together.
const PATIENCE: Duration = Duration::from_secs(900);

pub(super) struct Load {
    client: Client,
    count: usize,
    changes: mpsc::Receiver<Change>,
}

impl Load {
    pub(super) async fn start(cluster: &Cluster, count: usize) -> Result<Self> {
        cluster.namespace(NAMESPACE).await?;
        let (sender, changes) = mpsc::channel(4096);
        tokio::spawn(follow(cluster.plane.client("bench-watch").await?, ROLLOUTS, sender));
        Ok(Load {
            client: cluster.plane.client("bench-load").await?,
            count,
            changes,
        })
    }

    /// Asks all rollouts for this version and waits for the last. How long each took, ascending.
    pub(super) async fn bring_to(&mut self, version: usize) -> Result<Vec<Duration>> {
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts");
        let asking = iter(0..self.count).map(|number| {
            let (client, path) = (self.client.clone(), path.clone());
            async move {
                let name = format!("web-{number}");
                let request = match version {
                    1 => Request::post(&path, &rollout(&name)),
                    _ => Request::merge_patch(
                        &format!("{path}/{name}"),
                        &json!({"spec": {"template": template(&name, version)}}),
                    ),
                };
                let asked = Instant::now();
                call(&client, request).await?;
                anyhow::Ok((name, asked))
            }
        });
        let mut asking = asking.buffer_unordered(AT_ONCE);
        let deadline = Instant::now() + PATIENCE;
        let (mut asked, mut done) = (BTreeMap::new(), BTreeMap::new());
        while done.len() < self.count {
            tokio::select! {
                Some(answer) = asking.next() => {
                    let (name, at) = answer?;
                    asked.insert(name, at);
                }
                change = timeout_at(deadline, self.changes.recv()) => match change {
                    Ok(Some(change)) if is_done(&change.object, version) => {
                        let name = change.object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                        done.entry(name).or_insert_with(Instant::now);
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => bail!("the watch of rollouts has ended"),
                    Err(_) => bail!("{} of {} rollouts have not come to version {version}", self.count - done.len(), self.count),
                },
            }
        }
        let mut took: Vec<Duration> = done
            .iter()
            .filter_map(|(name, at)| Some(at.saturating_duration_since(*asked.get(name)?)))
            .collect();
        took.sort();
        Ok(took)
    }
}

/// Healthy, with this version everywhere.
fn is_done(rollout: &Value, version: usize) -> bool {
    let (spec, status) = (&rollout["spec"], &rollout["status"]);
    let image = spec["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap_or_default();
    let observed = status["observedGeneration"]
        .as_str()
        .and_then(|text| text.parse::<i64>().ok());
    image.ends_with(&format!(":v{version}"))
        && observed == rollout["metadata"]["generation"].as_i64()
        && status["phase"] == "Healthy"
        && status["stableRS"] == status["currentPodHash"]
}

/// Two pods, half of them first, a short pause: the workload of the incumbent's figures.
fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, 1),
            "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "2s"}}]}},
        },
    })
}

fn template(name: &str, version: usize) -> Value {
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "web", "image": format!("web:v{version}")}]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_done_when_the_version_that_was_asked_for_is_everywhere() {
        let mut seen = rollout("web");
        seen["metadata"]["generation"] = json!(1);
        seen["status"] = json!({"phase": "Healthy", "observedGeneration": "1", "stableRS": "a", "currentPodHash": "a"});
        assert!(is_done(&seen, 1));
        assert!(!is_done(&seen, 2), "another image");
        seen["metadata"]["generation"] = json!(2);
        assert!(!is_done(&seen, 1), "not seen by the controller yet");
    }
}
