//! What there is to look after: one key of the work queues.

use std::fmt;

use crate::kind::Name;

/// An object that is looked at again whenever something it depends on has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    Rollout(Name),
    Run(Name),
    /// A Service that one of ours points, or pointed.
    Service(Name),
}

impl Task {
    /// The object's name.
    pub fn name(&self) -> &Name {
        match self {
            Task::Rollout(name) | Task::Run(name) | Task::Service(name) => name,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Task::Rollout(_) => "Rollout",
            Task::Run(_) => "AnalysisRun",
            Task::Service(_) => "Service",
        };
        write!(f, "{kind} {}", self.name())
    }
}
