//! The kubelet as one of the actors: looks at every pod that has a node.

use super::seen::{Seen, uid};
use super::write::Key;
use super::{Actor, Look};
use crate::kubelet::Kubelet;
use crate::store::Change;
use std::collections::BTreeMap;

pub struct Node {
    kubelet: Kubelet,
    /// Which pod a key meant at the last look: a name may come back as another pod.
    pods: BTreeMap<Key, String>,
}

impl Node {
    pub fn new(kubelet: Kubelet) -> Self {
        Node {
            kubelet,
            pods: BTreeMap::new(),
        }
    }
}

impl Actor for Node {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn touched(&self, resource: &str, change: &Change, _: &Seen<'_>) -> Vec<Key> {
        match resource {
            "pods" if change.last["spec"]["nodeName"].is_string() => vec![Key::of("pods", &change.last)],
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let pod = seen.get(key).filter(|pod| pod["spec"]["nodeName"].is_string());
        if let Some(before) = self.pods.get(key)
            && pod.is_none_or(|pod| uid(pod) != before)
        {
            self.kubelet.forget(before);
            self.pods.remove(key);
        }
        let Some(pod) = pod else { return Look::default() };
        self.pods.insert(key.clone(), uid(pod).to_owned());
        let step = self.kubelet.look(pod, seen.now);
        Look {
            writes: step.write.into_iter().collect(),
            wake: step.wake,
        }
    }
}
