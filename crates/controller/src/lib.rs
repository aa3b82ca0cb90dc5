//! The edge: watches, caches, applies, publishes. Everything that decides is in `engine`.

pub mod cache;
pub mod config;
pub mod decode;
pub mod election;
pub mod error;
pub mod events;
pub mod kind;
pub mod lower;
pub mod metrics;
pub mod notify;
pub mod observe;
pub mod queue;
pub mod server;
pub mod task;
