//! What is known of the cluster, and when it is fresh enough to decide on.

pub mod freshness;
mod shelf;
mod shelves;
mod version;

pub use shelf::{Owner, Shelf, Shelved, Stamp};
pub use shelves::{Change, Shelves};
pub use version::Version;
