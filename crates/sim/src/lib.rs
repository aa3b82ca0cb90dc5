//! Kubernetes in memory: one clock, one seed, every fault on purpose. It knows Kubernetes, not the controller.
//!
//! [`apiserver::ApiServer`] answers requests over a [`store::Store`]; everything that happens is in its [`trace::Trace`].

pub mod apiserver;
pub mod clock;
pub mod rng;
pub mod selector;
pub mod store;
pub mod trace;

pub use apiserver::{ApiServer, Request, Response};
pub use clock::Clock;
pub use rng::Rng;
