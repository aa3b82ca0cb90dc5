//! Wire types of `argoproj.io/v1alpha1`: shapes, schema, defaults, validation. No behaviour.

pub mod amount;
pub mod analysis;
pub mod condition;
pub mod crd;
pub mod decode;
mod defaults;
pub mod duration;
pub mod experiment;
pub mod hash;
mod json;
pub mod keys;
pub mod measured;
pub mod nesting;
#[cfg(test)]
mod properties;
pub mod quantity;
pub mod rollout;
#[cfg(test)]
mod round_trip;
mod selector;
pub mod template;
pub mod validate;

pub use json::{Json, NilList};
