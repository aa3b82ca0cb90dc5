//! Kubernetes in memory: one clock, one seed, every fault on purpose. It knows Kubernetes, not the controller.
//!
//! [`apiserver::ApiServer`] answers requests over a [`store::Store`]; everything that happens is in its [`trace::Trace`].
//! A [`world::World`] adds what a cluster does by itself: its controllers ([`actors`]) and the lives of pods ([`kubelet`]).
//! What users ask of the pods is a [`load::Load`]; autoscalers go by it.

pub mod actors;
pub mod apiserver;
pub mod clock;
pub mod faults;
pub mod http;
pub mod kubelet;
pub mod load;
pub mod rng;
pub mod selector;
pub mod service;
pub mod store;
pub mod trace;
pub mod world;

pub use apiserver::{ApiServer, Request, Response};
pub use clock::Clock;
pub use faults::{Fault, Faults, Rule};
pub use load::Load;
pub use rng::Rng;
pub use service::Service;
pub use world::World;
