//! What was asked of the API server, and what it answered.
//!
//! Names are those of Rollouts alone, and only while there are such: names of runs and of everything else that comes and
//! goes would be a leak. Source: wire-contract 8.4, field-lessons A12.

use std::collections::BTreeMap;

use super::text::Page;
use crate::cache::Shelves;
use crate::kind::{Kind, Name};

/// What stands for a name that is not told.
const NOBODY: &str = "N/A";

/// Requests by what they were about and how they ended.
#[derive(Debug, Default)]
pub(super) struct Requests(BTreeMap<(Asked, u16), u64>);

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The resource, in plural.
    kind: String,
    namespace: String,
    name: String,
    verb: &'static str,
}

impl Asked {
    /// What an HTTP request asks for: `PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status`.
    pub fn of(method: &http::Method, uri: &http::Uri) -> Self {
        let mut parts = uri.path().split('/').filter(|part| !part.is_empty());
        // the group and version come first: two parts for the core group, three for any other
        let versions = if parts.next() == Some("api") { 1 } else { 2 };
        let mut parts = parts.skip(versions).peekable();
        let namespace = if parts.peek() == Some(&"namespaces") {
            parts.nth(1).unwrap_or_default()
        } else {
            ""
        };
        let kind = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default();
        let watch = uri.query().is_some_and(|query| query.contains("watch=true"));
        let verb = match method.as_str() {
            "GET" if watch => "Watch",
            "GET" if name.is_empty() => "List",
            "GET" => "Get",
            "POST" => "Create",
            "PUT" => "Update",
            "PATCH" => "Patch",
            "DELETE" => "Delete",
            _ => "Unknown",
        };
        let told = kind == Kind::Rollout.plural() && !name.is_empty();
        Asked {
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: if told { name } else { NOBODY }.to_owned(),
            verb,
        }
    }
}

impl Asked {
    /// Whether an accepted one makes an object.
    pub fn creates(&self) -> bool {
        self.verb == "Create"
    }
}

impl Requests {
    /// 0 is the code of no answer.
    pub(super) fn count(&mut self, asked: Asked, code: u16) {
        *self.0.entry((asked, code)).or_default() += 1;
    }

    /// A Rollout has ended.
    pub(super) fn forget(&mut self, rollout: &Name) {
        self.0
            .retain(|(asked, _), _| asked.name != rollout.name || asked.namespace != rollout.namespace);
    }

    pub(super) fn write(&mut self, page: &mut Page, shelves: &Shelves) {
        let inhabited =
            |namespace: &str| namespace.is_empty() || shelves.rollouts.in_namespace(namespace).next().is_some();
        self.0
            .retain(|(asked, _), _| asked.kind == Kind::Lease.plural() || inhabited(&asked.namespace));
        let family = "controller_clientset_k8s_request_total";
        page.family(family, "counter", "Requests to the API server by how they ended.");
        for ((asked, code), count) in &self.0 {
            let labels = [
                ("kind", asked.kind.as_str()),
                ("namespace", asked.namespace.as_str()),
                ("name", asked.name.as_str()),
                ("verb", asked.verb),
                ("status_code", &code.to_string()),
            ];
            page.sample(family, &labels, *count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_without_names_that_come_and_go() {
        let table = [
            (
                "GET",
                "/apis/argoproj.io/v1alpha1/rollouts?limit=500",
                "rollouts  N/A List",
            ),
            (
                "GET",
                "/apis/apps/v1/replicasets?watch=true&x=y",
                "replicasets  N/A Watch",
            ),
            ("GET", "/api/v1/namespaces/shop/services/web", "services shop N/A Get"),
            ("POST", "/api/v1/namespaces/shop/events", "events shop N/A Create"),
            (
                "PATCH",
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status",
                "rollouts shop web Patch",
            ),
            (
                "DELETE",
                "/apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/web-1",
                "analysisruns shop N/A Delete",
            ),
            (
                "PUT",
                "/apis/coordination.k8s.io/v1/namespaces/ns/leases/lock",
                "leases ns N/A Update",
            ),
        ];
        for (method, target, expected) in table {
            let asked = Asked::of(&method.parse().unwrap(), &target.parse().unwrap());
            let shown = format!("{} {} {} {}", asked.kind, asked.namespace, asked.name, asked.verb);
            assert_eq!(shown, expected, "{method} {target}");
        }
    }
}
