//! Giving a Service back when the Rollout that pointed it is gone or no longer refers to it.
//!
//! Source: wire-contract 3.18.

use std::time::Duration;

use api::keys;
use engine::seen;
use engine::snapshot::Needs;
use serde_json::Value;

use super::after;
use crate::cache::freshness::Echo;
use crate::cache::{Shelves, Version};
use crate::decode::{self, SeenRollout};
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::{Kind, Name};
use crate::lower::{self, version_of};
use crate::queue::Again;
use crate::task::Task;

pub(super) async fn look(edge: &Edge, task: &Task, name: &Name) -> Again {
    if let Some(again) = edge.freshen(task).await {
        return again;
    }
    let Some(forsaken) = edge.know(|shelves| forsaken(shelves, name)) else {
        return Again::OnEvent;
    };
    match release(edge, task, name, &forsaken).await {
        Ok(again) => again,
        Err(error) if error.is_not_found() => Again::OnEvent,
        Err(error) => after(task, &error),
    }
}

/// A Service that names a Rollout which does not name it, as far as is known.
struct Forsaken {
    uid: String,
    version: String,
    rollout: String,
}

fn forsaken(shelves: &Shelves, name: &Name) -> Option<Forsaken> {
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

async fn release(edge: &Edge, task: &Task, name: &Name, forsaken: &Forsaken) -> Result<Again, Error> {
    // Live, because a Rollout of another instance, or one not heard of yet, may refer to it.
    let rollout = Name::new(&name.namespace, &forsaken.rollout);
    let read = edge
        .server
        .read(&format!("read Rollout {rollout}"), lower::get(Kind::Rollout, &rollout))
        .await;
    match read {
        Ok(object) if refers(&object, &name.name) => return Ok(Again::After(Duration::from_secs(10))),
        Ok(_) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    let request = lower::release_service(name, &forsaken.uid, &forsaken.version);
    let answer = edge.server.write(&format!("release Service {name}"), request).await?;
    tracing::info!(%task, rollout = forsaken.rollout, "released: its Rollout does not refer to it any more");
    if let Some(version) = version_of(&answer) {
        edge.wrote(task, Kind::Service, name.clone(), Echo::Version(Version::new(version)));
    }
    Ok(Again::OnEvent)
}

fn refers(rollout: &Value, service: &str) -> bool {
    // One that does not decode may refer to anything.
    decode::shelved::<SeenRollout>(rollout.clone()).map_or(true, |seen| {
        !seen.object.undecodable.is_empty() || Needs::of(&seen.object.rollout.spec).services.contains(service)
    })
}
