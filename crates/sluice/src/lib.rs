//! The program `sluice`, also installed as `kubectl-sluice`.
//!
//! [`standing`] says where a rollout stands, [`tree`] makes a view model of the objects around it, [`render`] makes lines of
//! text of that: all three are pure.

pub mod age;
pub mod render;
pub mod standing;
pub mod tree;
