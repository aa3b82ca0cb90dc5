//! Comparing what is known with what the API server lists, now and then: an event that was lost is healed by itself.
//!
//! Source: field-lessons A1 (6), R02, R04.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::backoff::spread;
use super::list;
use crate::decode;
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::Kind;
use crate::metrics::Total;

/// How long an event may be under way before the listing is believed and not the watch.
const GRACE: Duration = Duration::from_secs(5);

/// Compares one kind for ever.
pub async fn keep(edge: Arc<Edge>, kind: Kind) {
    for round in 0_u64.. {
        sleep(spread(edge.config.repair, &(kind, &edge.config.instance_id, round))).await;
        match compare(&edge, kind).await {
            Ok(0) => {}
            Ok(differences) => {
                edge.metrics.count(Total::CacheRepairs, differences);
                tracing::warn!(%kind, differences, "what was known was not what there is; repaired");
            }
            Err(error) => tracing::debug!(%kind, %error, "not compared"),
        }
    }
}

/// Names and versions are all that is compared, so the listing is of metadata alone.
async fn compare(edge: &Edge, kind: Kind) -> Result<u64, Error> {
    let mut listed = BTreeMap::new();
    let version = list::pages(edge, kind, list::Depth::Metadata, |object| {
        if let Some(name) = decode::name(&object) {
            listed.insert(name, decode::stamp(&object).version);
        }
    })
    .await?;
    sleep(GRACE).await;
    let mut differences = 0;
    for name in edge.know(|shelves| shelves.suspects(kind, &listed, &version)) {
        differences += edge.reread(kind, &name).await?;
    }
    Ok(differences)
}
