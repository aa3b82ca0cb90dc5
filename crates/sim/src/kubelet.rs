//! How pods live: a node's agent that moves each pod along a table of stages and reports it through the API alone, so
//! that the same kubelet works against the simulated API server and a real one.
//!
//! Two annotations break a pod on purpose: `sim/crashes: "2"` has its process exit with 1 each time the number grows,
//! and while `sim/unready: "true"` is there its readiness probe fails.

pub mod behaviour;
pub mod dial;
pub mod life;
pub mod serve;
pub mod status;

use behaviour::{Answers, Behaviour, Course};
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
    /// Pods of one kind differ: `pull` and `start` take up to so many percent longer, by the pod's uid.
    pub spread_percent: u32,
}

/// The processes of pods. The kubelet says when they start and stop.
pub trait Processes: Send {
    /// Starts the process of a pod: it must accept connections when this returns.
    fn start(&mut self, pod: &Pod, answers: &Answers);
    /// Ends a process: no new connections, requests in flight are answered.
    fn stop(&mut self, uid: &str);
    /// What becomes of a command that is to end, as that of a Job.
    fn commands(&self) -> Commands {
        Commands::Imagined
    }
}

/// What becomes of the commands of pods that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commands {
    /// They end when and as their words say (`sleep 2; exit 1`); nothing is run.
    Imagined,
    /// [`Processes::start`] runs them, and [`Kubelet::exited`] is told how each ended.
    Run,
}

/// What a process needs to know of its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub uid: String,
    pub name: String,
    pub ip: Ipv4Addr,
    /// The container ports, of all its containers.
    pub ports: Vec<u16>,
    /// The first container's command and arguments, if the pod is one that ends; empty: the image's own.
    pub command: Vec<String>,
    /// Its environment, as far as it is spelled out.
    pub environment: Vec<(String, String)>,
}

/// No processes: pods live by their status alone, as the virtual world wants it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProcesses;

/// One kubelet for all nodes.
pub struct Kubelet {
    pace: Pace,
    processes: Box<dyn Processes>,
    lives: BTreeMap<String, Life>,
    addresses: u32,
}

struct Life {
    behaviour: Behaviour,
    memory: Memory,
    /// When the process that is running now began.
    running: Option<DateTime<Utc>>,
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
        let Life {
            behaviour,
            memory,
            running,
        } = self.lives.entry(uid.to_owned()).or_insert_with(|| {
            let mut behaviour = Behaviour::of(pod, &self.pace.clone().spread(uid));
            behaviour.course = behaviour.course.with(self.processes.commands(), &command(pod));
            let memory = Memory::resumed(pod, now).unwrap_or_else(|| {
                self.addresses += 1;
                Memory::new(address(self.addresses), now)
            });
            Life {
                behaviour,
                memory,
                running: None,
            }
        });
        if memory.stage == Stage::BackOff {
            // How the command ended says nothing about its next run.
            behaviour.course = behaviour.course.clone().with(self.processes.commands(), &command(pod));
        }
        let step = life::next(pod, behaviour, memory, now);
        if running.is_some() && *running != step.memory.started {
            self.processes.stop(uid);
        }
        if step.memory.runs() && *running != step.memory.started {
            self.processes.start(&describe(pod, step.memory.ip), &behaviour.answers);
        }
        *running = step.memory.started;
        *memory = step.memory.clone();
        step
    }

    /// The pod is no longer there: ends its process if it still runs.
    pub fn forget(&mut self, uid: &str) {
        if self.lives.remove(uid).is_some_and(|life| life.running.is_some()) {
            self.processes.stop(uid);
        }
    }

    /// The command of a pod has ended; the next look tells.
    pub fn exited(&mut self, uid: &str, exit_code: i32, now: DateTime<Utc>) {
        if let Some(life) = self.lives.get_mut(uid)
            && life.behaviour.course == Course::Runs
        {
            let after = (now - life.memory.since).to_std().unwrap_or_default();
            life.behaviour.course = Course::Completes { after, exit_code };
        }
    }

    /// The stage of a pod's life, by its uid.
    pub fn stage(&self, uid: &str) -> Option<Stage> {
        self.lives.get(uid).map(|life| life.memory.stage)
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
            spread_percent: 0,
        }
    }
}

impl Pace {
    /// The pace of the pod with this uid.
    fn spread(mut self, uid: &str) -> Self {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let percent = uid.bytes().fold(0x811c_9dc5, step) % (self.spread_percent + 1);
        for lasts in [&mut self.pull, &mut self.start] {
            *lasts += lasts.saturating_mul(percent) / 100;
        }
        self
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
    let environment = pod["spec"]["containers"][0]["env"].as_array().into_iter().flatten();
    let environment = environment.filter_map(|entry| {
        let text = |field: &str| entry[field].as_str().map(str::to_owned);
        Some((text("name")?, text("value")?))
    });
    Pod {
        uid: field("uid"),
        name: field("name"),
        ip,
        ports,
        command: command(pod),
        environment: environment.collect(),
    }
}

/// The words of the first container's command; none for a pod that is to run for ever.
fn command(pod: &Value) -> Vec<String> {
    if pod["spec"]["restartPolicy"].as_str().unwrap_or("Always") == "Always" {
        return Vec::new();
    }
    let container = &pod["spec"]["containers"][0];
    let words = ["command", "args"].map(|field| container[field].as_array().into_iter().flatten());
    let words = words.into_iter().flatten().filter_map(Value::as_str);
    words.map(str::to_owned).collect()
}
