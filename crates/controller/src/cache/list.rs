//! Listing a kind page by page, and which objects of it concern this controller.

use api::keys;
use kube::api::{ListParams, WatchParams};
use kube::core::Request as Builder;
use serde_json::Value;

use super::version::Version;
use crate::config::Config;
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::Kind;

/// Objects on a page.
const PAGE: u32 = 500;

/// Lists a kind, handing over page after page. Returns the version of the listing.
///
/// # Errors
/// A page could not be read; what was handed over is valid but not all.
pub(super) async fn pages(edge: &Edge, kind: Kind, mut take: impl FnMut(Vec<Value>)) -> Result<Version, Error> {
    let builder = Builder::new(kind.path(&edge.config.namespace));
    let labels = labels(kind, &edge.config);
    let mut token = String::new();
    loop {
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = labels.clone();
        params.continue_token = Some(token).filter(|token| !token.is_empty());
        let mut page = edge
            .server
            .read(&format!("list {}", kind.plural()), builder.list(&params))
            .await?;
        let metadata = |key: &str| {
            page.pointer(&format!("/metadata/{key}"))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let version = Version::new(metadata("resourceVersion"));
        token = metadata("continue").to_owned();
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            take(items);
        }
        if token.is_empty() {
            return Ok(version);
        }
    }
}

/// The request that watches a kind from a version on, for so many seconds.
pub(super) fn watch(kind: Kind, config: &Config, from: &Version, seconds: u32) -> crate::server::Written {
    let mut params = WatchParams::default().timeout(seconds);
    params.label_selector = labels(kind, config);
    Builder::new(kind.path(&config.namespace)).watch(&params, from.as_str())
}

/// The kinds that this controller watches.
pub(super) fn watched(config: &Config) -> impl Iterator<Item = Kind> {
    // With the rights of one namespace there are no cluster-wide templates: naming one is naming one that is not there.
    let namespaced = !config.namespace.is_empty();
    Kind::WATCHED
        .into_iter()
        .filter(move |kind| !(namespaced && *kind == Kind::ClusterAnalysisTemplate))
}

/// Source: wire-contract 8.1 "Watches".
fn labels(kind: Kind, config: &Config) -> Option<String> {
    match kind {
        Kind::Rollout | Kind::AnalysisRun | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => {
            Some(if config.instance_id.is_empty() {
                format!("!{}", keys::INSTANCE_ID)
            } else {
                format!("{}={}", keys::INSTANCE_ID, config.instance_id)
            })
        }
        Kind::ReplicaSet => Some(keys::POD_TEMPLATE_HASH.to_owned()),
        Kind::Service | Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => None,
    }
}
