//! engine

pub mod analysis;
