//! Giving a Service back when the Rollout that pointed it is gone or no longer refers to it.
//!
//! Source: wire-contract 3.18.

use super::after;
use crate::cache::Version;
use crate::cache::freshness::Echo;
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::{Kind, Name};
use crate::lower;
use crate::queue::Again;
use crate::release::{Forsaken, forsaken, refers};
use crate::task::Task;

pub(super) async fn look(edge: &Edge, task: &Task, name: &Name) -> Again {
    if let Some(again) = edge.freshen(task).await {
        return again;
    }
    if edge.know(|shelves| shelves.services.get(name).is_none()) {
        edge.forget(task);
        return Again::Never;
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

async fn release(edge: &Edge, task: &Task, name: &Name, forsaken: &Forsaken) -> Result<Again, Error> {
    // Live, because a Rollout of another instance, or one not heard of yet, may refer to it.
    let rollout = Name::new(&name.namespace, &forsaken.rollout);
    let read = edge
        .server
        .read(&format!("read Rollout {rollout}"), lower::get(Kind::Rollout, &rollout))
        .await;
    match read {
        Ok(object) if refers(&object, &name.name) => return Ok(Again::OnEvent),
        Ok(_) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    let request = lower::release_service(name, &forsaken.uid, &forsaken.version);
    let answer = edge.server.write(&format!("release Service {name}"), request).await?;
    tracing::info!(%task, rollout = forsaken.rollout, "released: its Rollout does not refer to it any more");
    if let Some(version) = answer.version() {
        edge.wrote(task, Kind::Service, name.clone(), Echo::Version(Version::new(version)));
    }
    Ok(Again::OnEvent)
}
