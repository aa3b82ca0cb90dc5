//! Listing a kind page by page, and which objects of it concern this controller.

use api::keys;
use api::nesting::Lean;
use kube::api::{ListParams, WatchParams};
use kube::core::Request as Builder;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::version::Version;
use crate::config::Config;
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::Kind;

/// Objects on a page: its text is in memory as a whole, its objects one at a time.
const PAGE: u32 = 200;

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Whole,
    Metadata,
}

/// A page of a listing.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(default)]
    metadata: PageMetadata,
    /// The server writes `null` where there are none.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

/// Lists a kind, handing over object after object. Returns the version of the listing.
///
/// # Errors
/// A page could not be read; what was handed over is valid but not all.
pub(super) async fn pages(
    edge: &Edge,
    kind: Kind,
    depth: Depth,
    mut take: impl FnMut(Value),
) -> Result<Version, Error> {
    let builder = Builder::new(kind.path(&edge.config.namespace));
    let labels = labels(kind, &edge.config);
    let mut token = String::new();
    loop {
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = labels.clone();
        params.continue_token = Some(token).filter(|token| !token.is_empty());
        let attempt = format!("list {}", kind.plural());
        let request = match depth {
            Depth::Whole => builder.list(&params),
            Depth::Metadata => builder.list_metadata(&params),
        };
        let text = edge.server.read_text(&attempt, request).await?;
        let page: Page<'_> = serde_json::from_str(&text).map_err(|error| Error::unreadable(&attempt, error))?;
        for item in page.items.into_iter().flatten() {
            let item: Lean = serde_json::from_str(item.get()).map_err(|error| Error::unreadable(&attempt, error))?;
            take(item.0);
        }
        if page.metadata.next.is_empty() {
            return Ok(Version::new(page.metadata.resource_version));
        }
        token = page.metadata.next;
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
        Kind::Service
        | Kind::Deployment
        | Kind::AnyReplicaSet
        | Kind::PodTemplate
        | Kind::EndpointSlice
        | Kind::Pod
        | Kind::Secret
        | Kind::Event
        | Kind::Lease => None,
    }
}
