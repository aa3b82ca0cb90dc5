//! Analysis: what a run measures next, what the measurements come to, and which runs a Rollout asks for.
//!
//! [`decide_run`] is the door for one AnalysisRun. It never measures: it names the [`Task`]s that are due, the edge
//! carries them out, and each [`Answer`] comes back in a later [`RunSnapshot`]. The door may be shown the same answer
//! twice; a measurement that is already in the status is not counted again.
//!
//! From a Rollout's side, [`runs::build`] makes the run it asks for out of templates and arguments, and [`runs::place`]
//! finds it if it is there already.
//!
//! Source: wire-contract 4.

pub mod arguments;
pub mod condition;
mod decide;
pub mod fields;
pub mod phase;
pub mod retention;
pub mod runs;
pub mod schedule;
pub mod templates;
pub mod validate;
pub mod verdict;

pub use decide::{Action, Answer, Forgotten, Outcome, RunPlan, RunSnapshot, Task, decide_run};
pub use phase::{Course, Phase};
