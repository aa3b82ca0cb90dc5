//! Who may do what: asked before every request, as RBAC is. Who is not bound may do everything.

use super::refusal::Refusal;
use super::request::{Request, Response};
use super::routes::{Sub, Target};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The only namespace it counts in; empty: all of them, and what has none.
    pub namespace: String,
    /// As RBAC names it: `get list watch create update patch delete deletecollection`.
    pub verb: String,
    /// With its group and subresource: `pods/eviction`, `rollouts.argoproj.io/status`.
    pub resource: String,
}

/// The grants of those who are bound, by user agent, and what they asked for.
#[derive(Clone, Debug, Default)]
pub struct Access {
    bound: BTreeMap<String, BTreeSet<Grant>>,
    asked: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Access {
    /// From now on this agent may do only this.
    pub fn bind(&mut self, agent: &str, grants: impl IntoIterator<Item = Grant>) {
        self.bound.insert(agent.to_owned(), grants.into_iter().collect());
    }

    /// Takes back one verb on one resource, in every namespace.
    pub fn revoke(&mut self, agent: &str, verb: &str, resource: &str) {
        if let Some(grants) = self.bound.get_mut(agent) {
            grants.retain(|grant| grant.verb != verb || grant.resource != resource);
        }
    }

    /// The verbs and resources that a bound agent asked for, refused ones too.
    pub fn asked(&self, agent: &str) -> BTreeSet<(String, String)> {
        self.asked.get(agent).cloned().unwrap_or_default()
    }

    fn allows(&self, agent: &str, verb: &str, resource: &str, namespace: &str) -> bool {
        self.bound.get(agent).is_none_or(|grants| {
            grants.iter().any(|grant| {
                grant.verb == verb
                    && grant.resource == resource
                    && (grant.namespace.is_empty() || grant.namespace == namespace)
            })
        })
    }

    fn note(&mut self, agent: &str, verb: &str, resource: &str) {
        if self.bound.contains_key(agent) {
            let asked = self.asked.entry(agent.to_owned()).or_default();
            asked.insert((verb.to_owned(), resource.to_owned()));
        }
    }

    /// Refuses what the asker may not do, in the words of the API server.
    ///
    /// Whoever names an owner that is not to be deleted first needs the right to `update` that owner's `finalizers`, as
    /// where the admission plugin OwnerReferencesPermissionEnforcement is on.
    pub(super) fn check(&mut self, verb: &str, target: &Target, request: &Request) -> Result<(), Refusal> {
        let agent = &request.agent;
        if !self.bound.contains_key(agent) {
            return Ok(());
        }
        let resource = format!("{}{}", target.resource(), target.sub.suffix());
        self.note(agent, verb, &resource);
        if !self.allows(agent, verb, &resource, &target.namespace) {
            return Err(Refusal::forbidden(
                &target.kind,
                &target.name,
                &denial(agent, verb, target),
            ));
        }
        for owner in blocking_owners(verb, target, request) {
            let finalizers = format!("{owner}/finalizers");
            self.note(agent, "update", &finalizers);
            if !self.allows(agent, "update", &finalizers, &target.namespace) {
                let why = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on";
                return Err(Refusal::forbidden(&target.kind, &target.name, why));
            }
        }
        Ok(())
    }

    /// What a SelfSubjectAccessReview is answered.
    pub(super) fn review(&self, request: &Request) -> Response {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let spec = &body["spec"];
        let text = |key: &str| spec["resourceAttributes"][key].as_str().unwrap_or_default();
        let mut resource = match text("group") {
            "" => text("resource").to_owned(),
            group => format!("{}.{group}", text("resource")),
        };
        if !text("subresource").is_empty() {
            resource = format!("{resource}/{}", text("subresource"));
        }
        let allowed = self.allows(&request.agent, text("verb"), &resource, text("namespace"));
        Response::created(json!({
            "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": spec,
            "status": { "allowed": allowed },
        }))
    }
}

/// `User "x" cannot list resource "pods" in API group "" in the namespace "y"`.
fn denial(agent: &str, verb: &str, target: &Target) -> String {
    let place = if target.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", target.namespace)
    };
    let resource = format!("{}{}", target.kind.plural, target.sub.suffix());
    format!(
        "User {agent:?} cannot {verb} resource {resource:?} in API group {:?} {place}",
        target.kind.group
    )
}

/// The owners that a new object would keep from being deleted first, as `rollouts.argoproj.io`.
fn blocking_owners(verb: &str, target: &Target, request: &Request) -> Vec<String> {
    if verb != "create" || target.sub != Sub::Main {
        return Vec::new();
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let owners = body["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let blocking = owners.filter(|owner| owner["blockOwnerDeletion"] == true);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    blocking
        .map(|owner| {
            let group = text(&owner["apiVersion"]);
            match group.split_once('/') {
                Some((group, _)) => format!("{}s.{group}", text(&owner["kind"])),
                None => format!("{}s", text(&owner["kind"])),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::ApiServer;
    use crate::clock::Clock;

    fn grant(namespace: &str, verb: &str, resource: &str) -> Grant {
        Grant {
            namespace: namespace.to_owned(),
            verb: verb.to_owned(),
            resource: resource.to_owned(),
        }
    }

    #[test]
    fn who_is_bound_may_do_what_was_granted_and_no_more() {
        let mut server = ApiServer::new(Clock::new(), 1);
        let grants = [grant("", "list", "pods"), grant("shop", "get", "secrets")];
        server.access.bind("guest", grants);
        let mut ask = |agent: &str, path: &str| match server.handle(Request::get(path).agent(agent)).object() {
            Ok(_) => "allowed".to_owned(),
            Err(status) => status["message"].as_str().unwrap_or_default().to_owned(),
        };
        assert_eq!(ask("guest", "/api/v1/pods"), "allowed");
        assert_eq!(ask("guest", "/api/v1/namespaces/shop/pods"), "allowed");
        assert_eq!(
            ask("guest", "/api/v1/namespaces/shop/secrets/a"),
            r#"secrets "a" not found"#
        );
        assert_eq!(
            ask("guest", "/api/v1/namespaces/default/secrets/a"),
            r#"secrets "a" is forbidden: User "guest" cannot get resource "secrets" in API group "" in the namespace "default""#
        );
        assert_eq!(ask("anybody", "/api/v1/secrets"), "allowed");
        server.access.revoke("guest", "list", "pods");
        let asked = server.access.asked("guest");
        assert_eq!(
            asked
                .into_iter()
                .map(|(verb, of)| format!("{verb} {of}"))
                .collect::<Vec<_>>(),
            ["get secrets", "list pods"]
        );
        let refused = server.handle(Request::get("/api/v1/pods").agent("guest")).object();
        assert_eq!(
            refused.expect_err("taken back")["message"],
            r#"pods is forbidden: User "guest" cannot list resource "pods" in API group "" at the cluster scope"#
        );
    }

    #[test]
    fn naming_an_owner_that_must_stay_needs_a_right_on_it() {
        let mut server = ApiServer::new(Clock::new(), 1);
        server.access.bind("guest", [grant("", "create", "configmaps")]);
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "uid": "u", "blockOwnerDeletion": true});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
                            "metadata": {"name": "a", "namespace": "default", "ownerReferences": [owner]}});
        let post = Request::post("/api/v1/namespaces/default/configmaps", &object).agent("guest");
        let refused = server.handle(post.clone()).object().expect_err("refused");
        assert_eq!(refused["code"], 403);
        let grants = [
            grant("", "create", "configmaps"),
            grant("default", "update", "deployments.apps/finalizers"),
        ];
        server.access.bind("guest", grants);
        assert!(server.handle(post).object().is_ok());
    }

    #[test]
    fn a_review_says_what_a_request_would_find() {
        let mut server = ApiServer::new(Clock::new(), 1);
        server.access.bind("guest", [grant("", "create", "pods/eviction")]);
        let mut allowed = |verb: &str, subresource: &str| {
            let attributes = json!({"verb": verb, "group": "", "resource": "pods", "subresource": subresource});
            let body = json!({"spec": {"resourceAttributes": attributes}});
            let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
            let answer = server.handle(Request::post(path, &body).agent("guest")).object();
            answer.expect("an answer")["status"]["allowed"].clone()
        };
        assert_eq!(allowed("create", "eviction"), true);
        assert_eq!(allowed("create", ""), false);
    }
}
