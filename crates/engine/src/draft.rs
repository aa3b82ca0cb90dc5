//! A plan in the making: what one pass has decided so far.

use std::collections::{BTreeMap, BTreeSet};

use api::rollout::RolloutStatus;
use chrono::{DateTime, Utc};

use crate::mutant::{Mutant, is};
use crate::plan::{Action, Held, Notice, Op, Plan, Read, Reason, Urgency};
use crate::refusal::Withheld;
use crate::scale::Limits;
use crate::snapshot::{Abort, Paused, Promote, Revision, Snapshot};
use crate::status;

/// Why the controller pauses a rollout. Source: wire-contract 1.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseReason {
    CanaryStep,
    BlueGreen,
    InconclusiveRun,
}

impl PauseReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            PauseReason::CanaryStep => "CanaryPauseStep",
            PauseReason::BlueGreen => "BlueGreenPause",
            PauseReason::InconclusiveRun => "InconclusiveAnalysisRun",
        }
    }
}

/// What this pass does to the pauses.
#[derive(Debug, Default)]
pub(crate) struct PauseChange {
    pub added: Vec<PauseReason>,
    pub removed: Vec<PauseReason>,
    pub cleared: Cleared,
    pub resumption: Resumption,
}

/// Whether a person's resumption has been acted on, as far as is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Resumption {
    #[default]
    Done,
    /// Its effect has not been seen yet, so that it must not be forgotten.
    Pending,
}

/// Whether all pauses go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cleared {
    #[default]
    No,
    All,
}

/// What this pass does to the abort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AbortChange {
    #[default]
    Keep,
    /// Abort, with a message that may be empty.
    Add(String),
    Drop,
}

/// One pass: what is seen, and what has been decided.
pub(crate) struct Draft<'a> {
    pub seen: &'a Snapshot,
    /// The status as last seen.
    pub recorded: RolloutStatus,
    /// The status to be.
    pub next: RolloutStatus,
    pub pause: PauseChange,
    pub abort: AbortChange,
    /// Ready pods that scale-downs of this plan already give up.
    pub given_up: i32,
    pub urgency: Urgency,
    /// What only a person can mend, and nothing goes on without.
    pub withheld: Option<Withheld>,
    ops: Vec<Op>,
    notices: Vec<Notice>,
    held: Vec<Held>,
    wake: Option<DateTime<Utc>>,
    reads: BTreeSet<Read>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(seen: &'a Snapshot) -> Self {
        let recorded = seen.recorded();
        Draft {
            seen,
            next: status::base(seen, &recorded),
            recorded,
            pause: PauseChange::default(),
            abort: AbortChange::default(),
            given_up: 0,
            urgency: Urgency::AtOnce,
            withheld: None,
            ops: Vec::new(),
            notices: Vec::new(),
            held: Vec::new(),
            wake: None,
            reads: BTreeSet::new(),
        }
    }

    /// The plan so far, with this status difference.
    pub(crate) fn plan(self, status: Option<serde_json::Value>) -> Plan {
        // what a human hears is said once the status is written
        let urgency = if self.notices.is_empty() {
            self.urgency
        } else {
            Urgency::AtOnce
        };
        Plan {
            ops: self.ops,
            status,
            urgency,
            notices: self.notices,
            held: self.held,
            wake: self.wake,
            reads: self.reads,
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.ops.push(action.into());
    }

    pub(crate) fn act_and_say(&mut self, action: Action, notices: Vec<Notice>) {
        self.ops.push(Op { action, notices });
    }

    pub(crate) fn say(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The same, before what is already said for this reason.
    pub(crate) fn say_before(&mut self, reason: &str, notice: Notice) {
        let later = self.notices.iter().position(|said| said.reason == reason);
        self.notices.insert(later.unwrap_or(self.notices.len()), notice);
    }

    /// Notes that something waits, and why.
    pub(crate) fn hold(&mut self, what: impl Into<String>, why: Reason) {
        self.hold_until(what, why, None);
    }

    pub(crate) fn hold_until(&mut self, what: impl Into<String>, why: Reason, until: Option<DateTime<Utc>>) {
        let held = Held {
            what: what.into(),
            why,
            until,
        };
        if !self.held.contains(&held) {
            self.held.push(held);
        }
        if let Some(at) = until {
            self.wake_at(at);
        }
    }

    /// Looks again at this instant at the latest.
    pub(crate) fn wake_at(&mut self, at: DateTime<Utc>) {
        // two looks at the same things are at least a second apart (I6)
        let least = if is(Mutant::HotLoop) { 0 } else { 1 };
        let at = at.max(self.seen.now + chrono::Duration::seconds(least));
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }

    /// Asks the edge to read something before the decision can be made.
    pub(crate) fn ask(&mut self, read: Read) {
        self.reads.insert(read);
    }

    /// R, maxSurge and maxUnavailable in pods. Source: wire-contract 3.6.
    pub(crate) fn limits(&self) -> Limits {
        limits(self.seen)
    }

    /// Whether the rollout is aborted, by a person or in this pass.
    pub(crate) fn is_aborted(&self) -> bool {
        match self.abort {
            AbortChange::Keep => self.seen.controls.abort == Abort::Asked,
            AbortChange::Add(_) => true,
            AbortChange::Drop => false,
        }
    }

    pub(crate) fn is_promote_full(&self) -> bool {
        self.seen.controls.promote == Promote::Full
    }

    /// `status.stableRS == status.currentPodHash`, as recorded.
    pub(crate) fn is_fully_promoted(&self) -> bool {
        self.recorded.stable_rs == self.recorded.current_pod_hash
    }

    /// Whether this pause condition is recorded.
    pub(crate) fn has_pause(&self, reason: PauseReason) -> bool {
        self.recorded
            .pause_conditions
            .iter()
            .any(|pause| pause.reason == reason.as_str())
    }

    /// When this pause began.
    pub(crate) fn pause_start(&self, reason: PauseReason) -> Option<DateTime<Utc>> {
        let pause = self
            .recorded
            .pause_conditions
            .iter()
            .find(|pause| pause.reason == reason.as_str());
        pause.and_then(|pause| pause.start_time).map(|at| at.0)
    }

    /// `spec.paused`, or an inconclusive run that a person must look at. Source: wire-contract 3.5 haltProgress.
    pub(crate) fn halted(&self) -> Option<Reason> {
        if self.seen.controls.paused == Paused::Manually {
            Some(Reason::ManuallyPaused)
        } else if self.has_pause(PauseReason::InconclusiveRun) {
            Some(Reason::Paused(PauseReason::InconclusiveRun.as_str().to_owned()))
        } else {
            None
        }
    }

    /// Available pods of all ReplicaSets that stay, less what this plan already gives up.
    pub(crate) fn staying(&self) -> i32 {
        self.seen.revisions.iter().map(Revision::staying).sum::<i32>() - self.given_up
    }

    /// `scale-down` annotations that go with every resize.
    pub(crate) fn desired_annotation(&self) -> BTreeMap<String, Option<String>> {
        BTreeMap::from([(
            api::keys::DESIRED_REPLICAS.to_owned(),
            Some(self.seen.replicas.to_string()),
        )])
    }
}

/// R, maxSurge and maxUnavailable in pods. Source: wire-contract 3.6.
pub(crate) fn limits(seen: &Snapshot) -> Limits {
    let spec = seen.spec();
    Limits {
        replicas: seen.replicas,
        max_surge: spec.max_surge(),
        max_unavailable: spec.max_unavailable(),
    }
}
