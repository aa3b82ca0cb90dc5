//! Which Services are to be given back: their Rollout is gone or no longer refers to them.
//!
//! Pure. Source: wire-contract 3.18.

use api::keys;
use engine::seen;
use engine::snapshot::Needs;
use serde_json::Value;

use crate::cache::Shelves;
use crate::decode::{self, SeenRollout};
use crate::kind::Name;

/// A Service that names a Rollout which does not name it, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forsaken {
    pub uid: String,
    pub version: String,
    /// The name of the Rollout that the Service says it is managed by.
    pub rollout: String,
}

/// Whether a Service is to be given back, as far as is known; a live read of the Rollout decides.
pub fn forsaken(shelves: &Shelves, name: &Name) -> Option<Forsaken> {
    let known = shelves.services.get(name)?;
    let service: &seen::Service = &known.object;
    service.hash()?;
    let rollout = service.metadata.annotations.get(keys::MANAGED_BY)?;
    let refers = shelves.referring_to(name).next().is_some();
    (!refers).then(|| Forsaken {
        uid: known.stamp.uid.clone(),
        version: known.stamp.version.as_str().to_owned(),
        rollout: rollout.clone(),
    })
}

/// Whether a Rollout, as read, refers to a Service of its namespace.
pub fn refers(rollout: &Value, service: &str) -> bool {
    // One that does not decode may refer to anything.
    decode::shelved::<SeenRollout>(rollout.clone(), None).map_or(true, |seen| {
        !seen.object.undecodable.is_empty() || Needs::of(&seen.object.rollout.spec).services.contains(service)
    })
}
