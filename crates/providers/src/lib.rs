//! Measurement: a query in, a value out. The only place metrics systems are spoken to.
//!
//! [`measure`] is the one door: a metric whose arguments are substituted, and a way to send requests, give an
//! [`Answer`]. Whether the value is good is not decided here, nor when to measure: that is `engine::analysis`.
//! Nothing in this crate reads a clock, an environment variable or a cluster; the caller hands in all three.
//!
//! A provider is one file and one line in [`mod@measure`]. Source: wire-contract 4.5.

mod authentication;
mod measure;
mod prometheus;
pub mod scrape;
#[cfg(test)]
mod testing;
mod transport;
mod web;

pub use measure::{Answer, Outcome, Settings, Task, check, measure};
pub use transport::{InProcess, Network, Reply, Transport};
