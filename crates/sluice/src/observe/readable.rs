//! From raw objects to typed ones: as much as can be read, and what could not.

use anyhow::{Result, anyhow};
use api::analysis::AnalysisRun;
use api::decode::{self, Decoded};
use api::experiment::Experiment;
use api::rollout::Rollout;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Kind;

/// A kind that the verbs read.
pub trait Readable: Sized {
    const KIND: Kind;

    /// As much of the object as can be read; a kind that is not ours is read whole or not at all.
    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error>;
}

/// As much of an object as can be read, to show it; and a line for each part that was left out.
///
/// # Errors
/// Nothing of it can be read; the message names the object.
pub fn shown<T: Readable>(object: &Value) -> Result<(T, Vec<String>)> {
    let decoded = T::decode(object).map_err(|error| unreadable::<T>(object, &error))?;
    let dropped = decoded
        .dropped
        .iter()
        .map(|dropped| unreadable::<T>(object, dropped).to_string());
    Ok((decoded.object, dropped.collect()))
}

/// The whole object, to act on it.
///
/// # Errors
/// A part of it cannot be read; the message names the object and the field.
pub fn whole<T: Readable>(object: &Value) -> Result<T> {
    let decoded = T::decode(object).map_err(|error| unreadable::<T>(object, &error))?;
    match decoded.dropped.first() {
        None => Ok(decoded.object),
        Some(dropped) => Err(unreadable::<T>(object, dropped)),
    }
}

fn unreadable<T: Readable>(object: &Value, why: &dyn std::fmt::Display) -> anyhow::Error {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    anyhow!("could not read all of {} {name:?}: {why}", T::KIND.full_name())
}

impl Readable for Rollout {
    const KIND: Kind = Kind::ROLLOUT;

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(decode::rollout(object))
    }
}

impl Readable for AnalysisRun {
    const KIND: Kind = Kind::ANALYSIS_RUN;

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(decode::analysis_run(object))
    }
}

impl Readable for Experiment {
    const KIND: Kind = Kind::EXPERIMENT;

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(decode::experiment(object))
    }
}

impl Readable for ReplicaSet {
    const KIND: Kind = Kind::REPLICA_SET;

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(Decoded {
            object: ReplicaSet::deserialize(object)?,
            dropped: Vec::new(),
        })
    }
}

impl Readable for Pod {
    const KIND: Kind = Kind::POD;

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(Decoded {
            object: Pod::deserialize(object)?,
            dropped: Vec::new(),
        })
    }
}
