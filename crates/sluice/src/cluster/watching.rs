//! Watches as streams of raw objects that never end by themselves.

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};

use super::{Cluster, Failure, Filter, Kind, Scope};

/// An event of a watch, or why there is none; the watch goes on either way.
pub type Seen = Result<Event<DynamicObject>, Failure>;

impl Cluster {
    /// What becomes of the objects that match: first all that exist, then every change.
    pub fn watch(&self, kind: &Kind, scope: Scope<'_>, filter: &Filter) -> BoxStream<'static, Seen> {
        let (resource, server) = (kind.api_resource(), self.server.clone());
        let api: Api<DynamicObject> = match scope {
            Scope::Namespace(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            Scope::AllNamespaces => Api::all_with(self.client.clone(), &resource),
        };
        let config = watcher::Config {
            label_selector: filter.labels.clone(),
            field_selector: filter.field_selector(),
            ..watcher::Config::default()
        };
        watch(api, config)
            .default_backoff()
            .map(move |event| event.map_err(|error| failure(error, &server)))
            .boxed()
    }
}

fn failure(error: watcher::Error, server: &str) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Failure::of(error, server),
        watcher::Error::WatchError(status) => Failure::Refused(status),
        watcher::Error::NoResourceVersion => Failure::Request("the list had no resourceVersion".to_owned()),
    }
}
