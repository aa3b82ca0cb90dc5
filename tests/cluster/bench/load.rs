//! The rollouts of a bench: created, given another image, and watched until each has come to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::StreamExt;
use futures::stream::iter;
use kube::Client;
use serde_json::{Value, json};
use sim::{Request, Rng};
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
                let (name, image) = (name(number), image(number, version));
                let request = match version {
                    1 => Request::post(&path, &rollout(&name, &image)),
                    _ => Request::merge_patch(
                        &format!("{path}/{name}"),
                        &json!({"spec": {"template": template(&name, &image)}}),
                    ),
                };
                let asked = Instant::now();
                call(&client, request).await?;
                anyhow::Ok((name, asked))
            }
        });
        let mut asking = asking.buffer_unordered(AT_ONCE);
        let images: BTreeMap<String, String> = (0..self.count)
            .map(|number| (name(number), image(number, version)))
            .collect();
        let deadline = Instant::now() + PATIENCE;
        let (mut asked, mut done) = (BTreeMap::new(), BTreeMap::new());
        while done.len() < self.count {
            tokio::select! {
                Some(answer) = asking.next() => {
                    let (name, at) = answer?;
                    asked.insert(name, at);
                }
                change = timeout_at(deadline, self.changes.recv()) => match change {
                    Ok(Some(change)) => {
                        let name = change.object["metadata"]["name"].as_str().unwrap_or_default();
                        if images.get(name).is_some_and(|image| is_done(&change.object, image)) {
                            done.entry(name.to_owned()).or_insert_with(Instant::now);
                        }
                    }
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

fn name(number: usize) -> String {
    format!("web-{number}")
}

/// The image of a rollout in a version. The first two updates bring images that are new, as in the incumbent's figures; every
/// other one of five at random, so that what is kept of the history is soon all there is to keep.
fn image(number: usize, version: usize) -> String {
    const NEW: usize = 3;
    const IMAGES: u64 = 5;
    let mut random = Rng::new(number as u64);
    let mut image = version.min(NEW) as u64;
    for _ in NEW..version {
        // any of the four others
        image = 1 + (image + random.below(IMAGES - 1)) % IMAGES;
    }
    format!("web:v{image}")
}

/// Healthy, with this image everywhere.
fn is_done(rollout: &Value, image: &str) -> bool {
    let (spec, status) = (&rollout["spec"], &rollout["status"]);
    let there = &spec["template"]["spec"]["containers"][0]["image"];
    let observed = status["observedGeneration"]
        .as_str()
        .and_then(|text| text.parse::<i64>().ok());
    there == image
        && observed == rollout["metadata"]["generation"].as_i64()
        && status["phase"] == "Healthy"
        && status["stableRS"] == status["currentPodHash"]
}

/// Two pods, half of them first, a short pause: the workload of the incumbent's figures.
fn rollout(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, image),
            "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "2s"}}]}},
        },
    })
}

fn template(name: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_rollout_is_done_when_the_version_that_was_asked_for_is_everywhere() {
        let mut seen = rollout("web", "web:v1");
        seen["metadata"]["generation"] = json!(1);
        seen["status"] = json!({"phase": "Healthy", "observedGeneration": "1", "stableRS": "a", "currentPodHash": "a"});
        assert!(is_done(&seen, "web:v1"));
        assert!(!is_done(&seen, "web:v2"), "another image");
        seen["metadata"]["generation"] = json!(2);
        assert!(!is_done(&seen, "web:v1"), "not seen by the controller yet");
    }

    #[test]
    fn every_update_brings_another_image_and_there_are_five() {
        let images: Vec<String> = (1..100).map(|version| image(7, version)).collect();
        assert_eq!(images[..3], ["web:v1", "web:v2", "web:v3"]);
        assert!(images.windows(2).all(|pair| pair[0] != pair[1]), "{images:?}");
        assert_eq!(images.iter().collect::<BTreeSet<_>>().len(), 5);
        assert_ne!(images, (1..100).map(|version| image(8, version)).collect::<Vec<_>>());
    }
}
