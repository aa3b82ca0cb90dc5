//! How pods live: a node's agent that moves each pod along a table of stages and reports it through the API alone, so
//! that the same kubelet works against the simulated API server and a real one.

pub mod behaviour;
pub mod dial;
pub mod life;
pub mod serve;
pub mod status;

use behaviour::{Answers, Behaviour};
use chrono::{DateTime, Utc};
use life::{Memory, Stage, Step};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long the stages of a pod's life last on a node; a pod's image and environment may say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Seen by the kubelet to process started.
    pub pull: Duration,
    /// Process started to ready.
    pub start: Duration,
    /// Asked to end to ended; never longer than the pod's grace period.
    pub drain: Duration,
    /// The first back-off after a crash or a failed pull; it doubles with each crash, up to 300 s.
    pub back_off: Duration,
}

/// The processes of pods. The kubelet says when they start and stop.
pub trait Processes: Send {
    /// Starts the process of a pod: it must accept connections when this returns.
    fn start(&mut self, pod: &Pod, answers: &Answers);
    /// Ends a process: no new connections, requests in flight are answered.
    fn stop(&mut self, uid: &str);
}

/// What a process needs to know of its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub uid: String,
    pub name: String,
    pub ip: Ipv4Addr,
    /// The container ports, of all its containers.
    pub ports: Vec<u16>,
}

/// No processes: pods live by their status alone, as the virtual world wants it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProcesses;

/// One kubelet for all nodes.
pub struct Kubelet {
    pace: Pace,
    processes: Box<dyn Processes>,
    lives: BTreeMap<String, (Behaviour, Memory)>,
    addresses: u32,
}

impl Kubelet {
    pub fn new(pace: Pace, processes: Box<dyn Processes>) -> Self {
        Kubelet {
            pace,
            processes,
            lives: BTreeMap::new(),
            addresses: 0,
        }
    }

    /// Looks at a pod that has a node, moves its life on, and says what to write and when to look again. Looking twice
    /// is harmless. A write that was refused is asked for again by the next look.
    pub fn look(&mut self, pod: &Value, now: DateTime<Utc>) -> Step {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let (behaviour, memory) = self.lives.entry(uid.to_owned()).or_insert_with(|| {
            self.addresses += 1;
            (
                Behaviour::of(pod, &self.pace),
                Memory::new(address(self.addresses), now),
            )
        });
        let step = life::next(pod, behaviour, memory, now);
        let restarted = memory.started != step.memory.started;
        if restarted && memory.runs() {
            self.processes.stop(uid);
        }
        if restarted && step.memory.runs() {
            self.processes.start(&describe(pod, step.memory.ip), &behaviour.answers);
        }
        *memory = step.memory.clone();
        step
    }

    /// The pod is no longer there: ends its process if it still runs.
    pub fn forget(&mut self, uid: &str) {
        if self.lives.remove(uid).is_some_and(|(_, memory)| memory.runs()) {
            self.processes.stop(uid);
        }
    }

    /// The stage of a pod's life, by its uid.
    pub fn stage(&self, uid: &str) -> Option<Stage> {
        self.lives.get(uid).map(|(_, memory)| memory.stage)
    }

    /// A fault on purpose: the process of a running pod exits with 1 at `now`. The next look reports it.
    pub fn crash(&mut self, uid: &str, now: DateTime<Utc>) {
        if let Some((_, memory)) = self.lives.get_mut(uid)
            && let Some(began) = memory.started
            && memory.stage != Stage::Draining
        {
            *memory = Memory {
                stage: Stage::BackOff,
                since: now,
                started: None,
                ended: Some((began, now, 1)),
                ..memory.clone()
            };
            self.processes.stop(uid);
        }
    }
}

impl Default for Pace {
    /// A quick node: ready 1.5 s after scheduling, 2 s to drain.
    fn default() -> Self {
        Pace {
            pull: Duration::from_millis(500),
            start: Duration::from_millis(1000),
            drain: Duration::from_millis(2000),
            back_off: Duration::from_secs(10),
        }
    }
}

impl Processes for NoProcesses {
    fn start(&mut self, _: &Pod, _: &Answers) {}
    fn stop(&mut self, _: &str) {}
}

/// The n-th address of 10.0.0.0/8, without the ends of each /24.
fn address(n: u32) -> Ipv4Addr {
    let (subnet, host) = (n / 254, n % 254 + 1);
    let subnet = 244 * 256 + subnet;
    Ipv4Addr::new(10, (subnet / 256) as u8, (subnet % 256) as u8, host as u8)
}

fn describe(pod: &Value, ip: Ipv4Addr) -> Pod {
    let field = |name: &str| pod["metadata"][name].as_str().unwrap_or_default().to_owned();
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .filter_map(|port| port["containerPort"].as_u64().and_then(|port| u16::try_from(port).ok()))
        .collect();
    Pod {
        uid: field("uid"),
        name: field("name"),
        ip,
        ports,
    }
}
