//! Which stage a pod's life is in and which comes next: a table of stages, each with how long it lasts.

use super::behaviour::{Behaviour, Course};
use super::status;
use crate::actors::write::{Grace, Subresource, Write};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Where a pod that has a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The image is being pulled and the container made.
    Creating,
    /// ErrImagePull.
    PullFailed,
    /// ImagePullBackOff.
    PullBackOff,
    /// The process runs and its readiness probe fails.
    Starting,
    Ready,
    /// It was ready, and its readiness probe fails now.
    Lapsed,
    /// The process has exited and is started again later: CrashLoopBackOff.
    BackOff,
    Succeeded,
    Failed,
    /// Asked to end. The process still serves, as a well-behaved one does until every proxy has heard.
    Draining,
    Gone,
}

/// What the kubelet remembers of a pod between two looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    pub stage: Stage,
    /// When this stage began.
    pub since: DateTime<Utc>,
    /// When the kubelet first saw the pod: its status.startTime.
    pub accepted: DateTime<Utc>,
    pub ip: Ipv4Addr,
    /// When the present process began.
    pub started: Option<DateTime<Utc>>,
    pub restarts: u32,
    /// How often the `sim/crashes` annotation has made it exit.
    pub crashes: u64,
    /// How the previous process ended: (began, ended, exit code).
    pub ended: Option<(DateTime<Utc>, DateTime<Utc>, i32)>,
}

/// What one look at a pod came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub memory: Memory,
    /// What to ask of the API server now; at most one write.
    pub write: Option<Write>,
    /// When to look again even if nothing changes.
    pub wake: Option<DateTime<Utc>>,
}

impl Memory {
    pub fn new(ip: Ipv4Addr, now: DateTime<Utc>) -> Self {
        Memory {
            stage: Stage::Creating,
            since: now,
            accepted: now,
            ip,
            started: None,
            restarts: 0,
            crashes: 0,
            ended: None,
        }
    }

    /// What a kubelet that finds a pod already under way takes over from its status. None: it has no address yet.
    pub fn resumed(pod: &Value, now: DateTime<Utc>) -> Option<Self> {
        let status = &pod["status"];
        let first = &status["containerStatuses"][0];
        let time = |field: &Value| Some(DateTime::parse_from_rfc3339(field.as_str()?).ok()?.with_timezone(&Utc));
        let running = time(&first["state"]["running"]["startedAt"]);
        let over = &first["state"]["terminated"];
        let stage = match status["phase"].as_str()? {
            "Succeeded" => Stage::Succeeded,
            "Failed" => Stage::Failed,
            "Running" if running.is_none() => Stage::BackOff,
            "Running" if first["ready"] == true => Stage::Ready,
            "Running" => Stage::Starting,
            _ => return None,
        };
        let end = |at: &Value| {
            Some((
                time(&at["startedAt"])?,
                time(&at["finishedAt"])?,
                at["exitCode"].as_i64()? as i32,
            ))
        };
        Some(Memory {
            stage,
            since: now,
            accepted: time(&status["startTime"]).unwrap_or(now),
            ip: status["podIP"].as_str()?.parse().ok()?,
            started: running,
            restarts: first["restartCount"].as_u64().unwrap_or(0) as u32,
            crashes: crashes(pod),
            ended: end(over).or_else(|| end(&first["lastState"]["terminated"])),
        })
    }

    /// Whether there is a process that answers requests.
    pub fn runs(&self) -> bool {
        self.started.is_some()
    }
}

/// Moves a pod's life on to `now`: pure, and the same answer however often it is asked.
pub fn next(pod: &Value, behaviour: &Behaviour, memory: &Memory, now: DateTime<Utc>) -> Step {
    let mut memory = memory.clone();
    if pod["metadata"]["deletionTimestamp"].is_string() && !matches!(memory.stage, Stage::Draining | Stage::Gone) {
        memory.stage = Stage::Draining;
        memory.since = now;
    }
    if crashes(pod) > memory.crashes {
        memory.crashes = crashes(pod);
        if memory.runs() && memory.stage != Stage::Draining {
            enter(&mut memory, behaviour, Stage::BackOff, now);
        }
    }
    if memory.stage == Stage::Ready && fails_probe(pod) {
        enter(&mut memory, behaviour, Stage::Lapsed, now);
    }
    let mut wake = None;
    while let Some((lasts, then)) = following(pod, behaviour, &memory) {
        let due = memory.since + TimeDelta::from_std(lasts).unwrap_or(TimeDelta::MAX / 4);
        if due > now {
            wake = Some(due);
            break;
        }
        enter(&mut memory, behaviour, then, due);
    }
    let write = match memory.stage {
        Stage::Gone => Some(Write::delete("pods", pod, Grace::Zero)),
        // Its endpoints have left through the deletionTimestamp already; a draining pod's status says nothing new.
        Stage::Draining => None,
        Stage::Creating
        | Stage::PullFailed
        | Stage::PullBackOff
        | Stage::Starting
        | Stage::Ready
        | Stage::Lapsed
        | Stage::BackOff
        | Stage::Succeeded
        | Stage::Failed => {
            let status = status::of(pod, &memory, now);
            (!status::shows(&pod["status"], &status))
                .then(|| Write::patch_unchanged("pods", pod, Subresource::Status, json!({ "status": status })))
        }
    };
    Step { memory, write, wake }
}

/// The table: how long a stage lasts and what follows it. None: until something changes.
fn following(pod: &Value, behaviour: &Behaviour, memory: &Memory) -> Option<(Duration, Stage)> {
    let pace = &behaviour.pace;
    match (memory.stage, &behaviour.course) {
        (Stage::Creating, Course::NoImage) => Some((pace.pull, Stage::PullFailed)),
        (Stage::Creating, _) => Some((pace.pull, Stage::Starting)),
        (Stage::PullFailed, _) => Some((pace.back_off, Stage::PullBackOff)),
        (Stage::Starting, Course::NeverReady) => None,
        (Stage::Starting, Course::Crashes { after }) if *after <= pace.start => Some((*after, Stage::BackOff)),
        (Stage::Starting | Stage::Lapsed, _) if fails_probe(pod) => None,
        (Stage::Starting, Course::Completes { .. } | Course::Runs) => Some((Duration::ZERO, Stage::Ready)),
        (Stage::Starting, _) => Some((pace.start, Stage::Ready)),
        (Stage::Ready, Course::Crashes { after }) => Some((after.saturating_sub(pace.start), Stage::BackOff)),
        (Stage::Ready, Course::Flaps { ready_for, .. }) => Some((*ready_for, Stage::Lapsed)),
        (Stage::Ready, Course::Completes { after, exit_code }) => Some((*after, ending(pod, *exit_code))),
        (Stage::Lapsed, Course::Flaps { unready_for, .. }) => Some((*unready_for, Stage::Ready)),
        (Stage::Lapsed, _) => Some((Duration::ZERO, Stage::Ready)),
        (Stage::BackOff, _) => {
            let doubled = pace.back_off.saturating_mul(1 << memory.restarts.min(5));
            Some((doubled.min(Duration::from_secs(300)), Stage::Starting))
        }
        (Stage::Draining, _) if memory.runs() => {
            let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(30);
            Some((pace.drain.min(Duration::from_secs(grace)), Stage::Gone))
        }
        (Stage::Draining, _) => Some((Duration::ZERO, Stage::Gone)),
        (Stage::Ready | Stage::PullBackOff | Stage::Succeeded | Stage::Failed | Stage::Gone, _) => None,
    }
}

/// Whether somebody wants this pod's readiness probe to fail.
fn fails_probe(pod: &Value) -> bool {
    pod["metadata"]["annotations"]["sim/unready"] == "true"
}

/// How often somebody has asked this pod's process to crash.
fn crashes(pod: &Value) -> u64 {
    pod["metadata"]["annotations"]["sim/crashes"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn ending(pod: &Value, exit_code: i32) -> Stage {
    match (pod["spec"]["restartPolicy"].as_str().unwrap_or("Always"), exit_code) {
        ("Never", 0) | ("OnFailure", 0) => Stage::Succeeded,
        ("Never", _) => Stage::Failed,
        (_, _) => Stage::BackOff,
    }
}

fn enter(memory: &mut Memory, behaviour: &Behaviour, stage: Stage, at: DateTime<Utc>) {
    let exit_code = match behaviour.course {
        Course::Completes { exit_code, .. } => exit_code,
        Course::Serves
        | Course::NoImage
        | Course::NeverReady
        | Course::Crashes { .. }
        | Course::Flaps { .. }
        | Course::Runs => 1,
    };
    match stage {
        Stage::Starting => {
            memory.restarts += u32::from(memory.stage == Stage::BackOff);
            memory.started = Some(at);
        }
        Stage::BackOff | Stage::Succeeded | Stage::Failed => {
            memory.ended = memory.started.take().map(|began| (began, at, exit_code));
        }
        Stage::Gone => memory.started = None,
        Stage::Creating | Stage::PullFailed | Stage::PullBackOff | Stage::Ready | Stage::Lapsed | Stage::Draining => {}
    }
    memory.stage = stage;
    memory.since = at;
}

#[cfg(test)]
mod tests;
