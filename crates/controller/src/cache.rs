//! What is known of the cluster, and when it is fresh enough to decide on.

mod backoff;
pub mod freshness;
mod list;
pub mod repair;
mod shelf;
mod shelves;
mod version;
pub mod watch;

pub use shelf::{Owner, Shelf, Shelved, Stamp};
pub use shelves::{Change, Shelves};
pub use version::Version;
