//! Decisions: a snapshot in, a plan out. Pure, synchronous, total.
//!
//! `Observed` (raw objects) -> `Snapshot::assemble` -> `decide` -> `Plan` -> `audit::check`. No clock, no client, no await.

pub mod analysis;
pub mod audit;
mod blue_green;
pub mod canary;
mod decide;
mod draft;
mod gate;
mod history;
mod metadata;
pub mod mutant;
pub mod plan;
mod progress;
mod promote;
mod refusal;
mod resize;
mod restart;
mod runs;
pub mod scale;
pub mod seen;
mod service;
pub mod show;
pub mod snapshot;
mod status;
mod workload;

pub use decide::{decide, decide_snapshot};
pub use plan::{Action, Held, Level, Notice, Op, Plan, Read, Reason};
pub use refusal::{Cause, Withheld, refused};
pub use snapshot::{InvalidSpec, Needs, Observed, Snapshot};
pub use status::merge_patch;
