//! What a path names: a kind, a namespace, an object, a subresource.

use super::kinds::{Kind, Kinds, Scope};
use std::sync::Arc;

/// Where a request for objects goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kind: Arc<Kind>,
    /// Empty for cluster-scoped kinds and for all namespaces.
    pub(crate) namespace: String,
    /// Empty for a collection.
    pub(crate) name: String,
    pub(crate) sub: Sub,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sub {
    /// The object itself.
    Main,
    Status,
    Scale,
    Eviction,
    Binding,
    Log,
    Finalize,
}

impl Sub {
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Sub::Main => "",
            Sub::Status => "/status",
            Sub::Scale => "/scale",
            Sub::Eviction => "/eviction",
            Sub::Binding => "/binding",
            Sub::Log => "/log",
            Sub::Finalize => "/finalize",
        }
    }
}

impl Target {
    pub(crate) fn resource(&self) -> &str {
        self.kind.resource()
    }

    pub(crate) fn namespace_filter(&self) -> Option<&str> {
        Some(self.namespace.as_str()).filter(|namespace| !namespace.is_empty())
    }

    /// The same object, without the subresource.
    pub(crate) fn main(&self) -> Target {
        Target {
            sub: Sub::Main,
            ..self.clone()
        }
    }
}

/// The target of `/api/v1/...` or `/apis/<group>/<version>/...`; None if nothing is served there.
pub(crate) fn target(kinds: &Kinds, path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => ("", rest),
        ["namespaces", namespace, rest @ ..] => (*namespace, rest),
        _ => ("", rest),
    };
    let (plural, name, sub) = match rest {
        [plural] => (*plural, "", Sub::Main),
        [plural, name] => (*plural, *name, Sub::Main),
        [plural, name, sub] => (*plural, *name, sub_of(sub)?),
        _ => return None,
    };
    let kind = kinds.get(group, version, plural)?.clone();
    let scoped = match kind.scope {
        Scope::Cluster => namespace.is_empty(),
        Scope::Namespaced => !namespace.is_empty() || name.is_empty(),
    };
    let served = match sub {
        Sub::Main => true,
        Sub::Status => kind.has_status,
        Sub::Scale => kind.scale.is_some(),
        Sub::Eviction | Sub::Binding | Sub::Log => kind.is("pods"),
        Sub::Finalize => kind.is("namespaces"),
    };
    (scoped && served).then(|| Target {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        sub,
    })
}

fn sub_of(text: &str) -> Option<Sub> {
    [
        Sub::Status,
        Sub::Scale,
        Sub::Eviction,
        Sub::Binding,
        Sub::Log,
        Sub::Finalize,
    ]
    .into_iter()
    .find(|sub| sub.suffix().strip_prefix('/') == Some(text))
}
