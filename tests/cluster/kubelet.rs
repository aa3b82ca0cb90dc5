//! A node's agent for a real API server: the simulated cluster's table of pod life, driven by a watch and spoken over a
//! real client. Pods are HTTP servers on loopback ports; commands of Jobs are really run, as this user, on this machine.

mod node;
mod processes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::FuturesUnordered;
use futures::{StreamExt, future::BoxFuture};
use kube::Client;
use serde_json::Value;
use sim::kubelet::dial::DialTable;
use sim::kubelet::{Kubelet, Pace};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::history::{Change, Event, follow, version};
use processes::{Exit, Loopback};

pub use node::create_nodes;

/// Lives all pods that have a node, for as long as it is polled; it never returns.
///
/// `dial` says which loopback port answers for which pod. A pod's status is written by one request at a time; what is
/// refused is looked at again when the watch has brought the newer pod.
pub async fn run(client: Client, pace: Pace, dial: DialTable) {
    let (exits, mut exited) = mpsc::unbounded_channel();
    let processes = Loopback::new(tokio::runtime::Handle::current(), dial, exits);
    let mut agent = Agent {
        client: client.clone(),
        kubelet: Kubelet::new(pace, Box::new(processes)),
        pods: BTreeMap::new(),
        due: BTreeSet::new(),
        writing: FuturesUnordered::new(),
    };
    let (changes, mut changed) = mpsc::channel(1024);
    let watching = follow(client, "/api/v1/pods", changes);
    tokio::pin!(watching);
    loop {
        let next = agent
            .due
            .first()
            .map(|(at, _)| (*at - now()).to_std().unwrap_or_default());
        tokio::select! {
            () = &mut watching => return,
            Some(change) = changed.recv() => agent.take(change),
            Some(Exit { uid, code }) = exited.recv() => {
                agent.kubelet.exited(&uid, code, now());
                agent.look(&uid);
            }
            Some((uid, refused)) = agent.writing.next(), if !agent.writing.is_empty() => agent.written(&uid, refused),
            () = sleep(next.unwrap_or(Duration::from_secs(3600))), if next.is_some() => agent.look_at_due(),
        }
    }
}

struct Agent {
    client: Client,
    kubelet: Kubelet,
    pods: BTreeMap<String, Known>,
    /// When to look at which pod, though nothing changes.
    due: BTreeSet<(DateTime<Utc>, String)>,
    writing: FuturesUnordered<BoxFuture<'static, (String, Outcome)>>,
}

struct Known {
    pod: Value,
    wake: Option<DateTime<Utc>>,
    /// The version that the last write was based on, while nothing newer is known and no time has come.
    based_on: Option<u64>,
    writes: Writes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    None,
    OnItsWay,
}

enum Outcome {
    /// The pod as it is now.
    Accepted(Value),
    /// Based on an older pod, or the pod is gone: the watch tells.
    Outdated,
    /// The server did not answer, or not as it should: to be tried again.
    Failed,
}

impl Agent {
    fn take(&mut self, change: Change) {
        let pod = change.object;
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        match change.event {
            Event::Deleted => self.forget(&uid),
            Event::Put if pod["spec"]["nodeName"].is_string() => {
                let known = self.pods.entry(uid.clone()).or_insert_with(|| Known {
                    pod: Value::Null,
                    wake: None,
                    based_on: None,
                    writes: Writes::None,
                });
                known.take(pod);
                self.look(&uid);
            }
            Event::Put => {}
        }
    }

    fn forget(&mut self, uid: &str) {
        if let Some(known) = self.pods.remove(uid) {
            self.due.retain(|(at, of)| Some(*at) != known.wake || of != uid);
        }
        self.kubelet.forget(uid);
    }

    fn look_at_due(&mut self) {
        let now = now();
        while let Some((at, uid)) = self.due.first().cloned().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, uid.clone()));
            if let Some(known) = self.pods.get_mut(&uid) {
                known.wake = None;
                known.based_on = None;
            }
            self.look(&uid);
        }
    }

    fn look(&mut self, uid: &str) {
        let Some(known) = self.pods.get_mut(uid) else { return };
        // Deciding twice on one version would write the same twice.
        if known.writes == Writes::OnItsWay || known.based_on == Some(version(&known.pod)) {
            return;
        }
        let step = self.kubelet.look(&known.pod, now());
        if let Some(at) = std::mem::replace(&mut known.wake, step.wake) {
            self.due.remove(&(at, uid.to_owned()));
        }
        self.due.extend(step.wake.map(|at| (at, uid.to_owned())));
        if let Some(write) = step.write {
            known.based_on = Some(version(&known.pod));
            known.writes = Writes::OnItsWay;
            self.writing
                .push(Box::pin(send(self.client.clone(), uid.to_owned(), write.request())));
        }
    }

    fn written(&mut self, uid: &str, outcome: Outcome) {
        let Some(known) = self.pods.get_mut(uid) else { return };
        known.writes = Writes::None;
        match outcome {
            Outcome::Accepted(pod) => {
                known.take(pod);
                self.look(uid);
            }
            // A newer version may have come while the write was on its way.
            Outcome::Outdated => self.look(uid),
            Outcome::Failed => {
                let at = now() + TimeDelta::milliseconds(500);
                if let Some(before) = known.wake.replace(at) {
                    self.due.remove(&(before, uid.to_owned()));
                }
                self.due.insert((at, uid.to_owned()));
            }
        }
    }
}

impl Known {
    /// Answers and the watch overtake each other: only what is newer counts.
    fn take(&mut self, pod: Value) {
        if self.pod.is_null() || version(&pod) > version(&self.pod) {
            self.pod = pod;
        }
    }
}

async fn send(client: Client, uid: String, request: sim::Request) -> (String, Outcome) {
    let outcome = match super::call(&client, request).await {
        Ok(pod) if pod["kind"] == "Pod" => Outcome::Accepted(pod),
        // The answer to a deletion may be a mere status.
        Ok(_) => Outcome::Outdated,
        Err(refusal) if [404, 409].contains(&refusal.code) => Outcome::Outdated,
        Err(refusal) => {
            tracing::warn!(%uid, %refusal, "a pod's status was refused");
            Outcome::Failed
        }
    };
    (uid, outcome)
}

/// The pods' lives follow the wall clock.
#[allow(clippy::disallowed_methods, reason = "a real cluster has no other time")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Creates the nodes and lives the pods; the way in for whoever has a cluster without kubelets.
///
/// # Errors
/// The nodes were refused.
pub async fn start(client: Client, nodes: usize, pace: Pace, dial: DialTable) -> Result<()> {
    create_nodes(&client, nodes).await?;
    run(client, pace, dial).await;
    Ok(())
}
