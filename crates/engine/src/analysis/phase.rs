//! The phases of a run, a metric and a measurement, as values.

use api::analysis::{AnalysisRun, AnalysisRunStatus, phase};

/// A phase; the last four are completed. Source: wire-contract 1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Pending,
    Running,
    Successful,
    Failed,
    Error,
    Inconclusive,
}

impl Phase {
    /// The phase of this name. A name we do not know, the empty one too, is a phase that has not begun.
    pub fn of(name: &str) -> Phase {
        match name {
            phase::RUNNING => Phase::Running,
            phase::SUCCESSFUL => Phase::Successful,
            phase::FAILED => Phase::Failed,
            phase::ERROR => Phase::Error,
            phase::INCONCLUSIVE => Phase::Inconclusive,
            _ => Phase::Pending,
        }
    }

    /// As it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => phase::PENDING,
            Phase::Running => phase::RUNNING,
            Phase::Successful => phase::SUCCESSFUL,
            Phase::Failed => phase::FAILED,
            Phase::Error => phase::ERROR,
            Phase::Inconclusive => phase::INCONCLUSIVE,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_completed(self) -> bool {
        match self {
            Phase::Pending | Phase::Running => false,
            Phase::Successful | Phase::Failed | Phase::Error | Phase::Inconclusive => true,
        }
    }

    /// The worse a phase, the higher. Source: wire-contract 4.3 "Run assessment".
    pub fn badness(self) -> u8 {
        match self {
            Phase::Successful => 0,
            Phase::Running => 1,
            Phase::Pending => 2,
            Phase::Inconclusive => 3,
            Phase::Error => 4,
            Phase::Failed => 5,
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a run goes on or is being brought to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    GoingOn,
    Terminating,
}

impl Course {
    /// A run is brought to an end when it is told to, or when a metric that counts has not succeeded.
    pub fn of(run: &AnalysisRun, status: &AnalysisRunStatus) -> Course {
        let lost = status
            .metric_results
            .iter()
            .filter(|result| !result.dry_run)
            .any(|result| match Phase::of(&result.phase) {
                Phase::Failed | Phase::Error | Phase::Inconclusive => true,
                Phase::Pending | Phase::Running | Phase::Successful => false,
            });
        if run.spec.terminate || lost {
            Course::Terminating
        } else {
            Course::GoingOn
        }
    }
}
