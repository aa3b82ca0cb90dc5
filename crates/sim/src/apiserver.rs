//! The API server: what is answered to a request. Synchronous; the only way in and out of the store for clients.

mod access;
mod admit;
mod builtin;
mod delete;
mod discovery;
mod kept;
mod kinds;
mod openapi;
mod patch;
mod protobuf;
mod read;
mod refusal;
mod request;
mod routes;
mod scale;
mod schema;
mod shape;
mod table;
mod typed;
mod watch;
mod write;

#[cfg(test)]
mod tests;

pub use access::{Access, Grant};
pub use discovery::VERSION;
pub use kinds::{Column, Kind, Kinds, Origin, ScalePaths, Scope};
pub use refusal::{Cause, Refusal};
pub use request::{Answer, Body, Request, Response};
pub(crate) use scale::scale_of;
pub use watch::{WatchCursor, WatchEvent, WatchEventKind};

use crate::clock::Clock;
use crate::faults::{Fault, Faults, Occasion};
use crate::rng::Rng;
use crate::store::Store;
use crate::trace::Trace;
use routes::{Sub, Target};
use serde_json::{Value, json};
use shape::Shape;

/// An API server over a store of its own.
#[derive(Clone, Debug)]
pub struct ApiServer {
    store: Store,
    clock: Clock,
    rng: Rng,
    kinds: Kinds,
    /// How many cluster IPs and node ports have been given out.
    addresses: u32,
    node_ports: u32,
    pub trace: Trace,
    pub faults: Faults,
    pub access: Access,
}

impl ApiServer {
    /// A server with the built-in kinds and the namespaces every cluster has. Names, uids and faults come from `seed`.
    pub fn new(clock: Clock, seed: u64) -> Self {
        let mut server = ApiServer {
            store: Store::new(),
            clock,
            rng: Rng::new(seed),
            kinds: Kinds::built_in(),
            addresses: 0,
            node_ports: 0,
            trace: Trace::default(),
            // Faults draw from their own numbers, so that adding one does not rename every pod.
            faults: Faults::new(seed ^ 0x5EED_FA17),
            access: Access::default(),
        };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            server.handle(Request::post("/api/v1/namespaces", &namespace).agent("kube-apiserver"));
        }
        server.trace = Trace::default();
        server
    }

    /// A server that begins as this one is, by another clock. What is stored is shared, not copied.
    pub fn beginning_at(&self, clock: Clock) -> Self {
        ApiServer { clock, ..self.clone() }
    }

    /// Creates a CustomResourceDefinition, as POST would.
    pub fn install(&mut self, crd: &Value) -> Result<(), Value> {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        self.handle(Request::post(path, crd).agent("kube-apiserver"))
            .object()
            .map(|_| ())
    }

    /// Puts an object of another cluster into the store as it stands, uid and timestamps included; only its
    /// resourceVersion is this store's. Its namespace is made if there is none.
    ///
    /// # Errors
    /// Says which kind is not served.
    pub fn restore(&mut self, object: &Value) -> Result<(), String> {
        let field = |name: &str| object[name].as_str().unwrap_or_default();
        let kind = self.kinds.of_object(field("apiVersion"), field("kind"));
        let Some(kind) = kind.cloned() else {
            return Err(format!("no kind {} in {}", field("kind"), field("apiVersion")));
        };
        if let Some(namespace) = object["metadata"]["namespace"].as_str()
            && self.store.get("namespaces", "", namespace).is_none()
        {
            let made = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
            self.handle(Request::post("/api/v1/namespaces", &made).agent("kube-apiserver"));
        }
        self.store.put(kind.resource(), object.clone());
        Ok(())
    }

    /// Answers one request.
    pub fn handle(&mut self, request: Request) -> Response {
        self.route(&request).unwrap_or_else(Response::from)
    }

    /// Changes whenever watches may have something new to say.
    pub fn activity(&self) -> u64 {
        self.store.revision() + self.faults.edits()
    }

    /// What is stored, for those who look without asking: world models, invariants, tests.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// For tests of expiry: forgets all changes up to now.
    pub fn compact(&mut self) {
        self.store.compact();
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    fn route(&mut self, request: &Request) -> Result<Response, Refusal> {
        if request.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" && request.method == "POST" {
            return Ok(self.access.review(request));
        }
        let Some(target) = routes::target(&self.kinds, &request.path) else {
            let found = discovery::answer(&self.kinds, &request.path).filter(|_| request.method == "GET");
            if found.is_none() && discovery::serves_below(&self.kinds, &request.path) {
                return Err(Refusal::no_such_resource());
            }
            return Ok(found.unwrap_or_else(|| Response::text(404, "404 page not found\n")));
        };
        self.trace.count(
            verb(request, &target),
            &format!("{}{}", target.resource(), target.sub.suffix()),
        );
        self.access.check(verb(request, &target), &target, request)?;
        let response = self.answer(&target, request)?;
        Ok(Shape::of(&target, request).apply(&target.kind, response, self.clock.now()))
    }

    /// Answers a request for objects, unless a fault befalls it.
    fn answer(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        match self.strike(target, request) {
            None => self.dispatch(target, request),
            Some(Fault::Conflict) => Err(Refusal::modified(&target.kind, &target.name)),
            Some(Fault::TooManyRequests { retry_after }) => Err(Refusal::too_many_requests(retry_after)),
            Some(Fault::ErrorBefore) => Err(Refusal::internal(
                "Internal error occurred: etcdserver: request timed out",
            )),
            Some(Fault::ErrorAfter) => {
                let _lost = self.dispatch(target, request);
                Err(Refusal::internal(
                    "Internal error occurred: etcdserver: request timed out",
                ))
            }
            Some(Fault::Hang) => Ok(Response::Hung),
            Some(Fault::HangAfter) => {
                let _lost = self.dispatch(target, request);
                Ok(Response::Hung)
            }
            Some(Fault::Expired) => Err(Refusal::expired(format!(
                "too old resource version: {}",
                request.asked("resourceVersion").unwrap_or("0")
            ))),
            Some(Fault::Stale(_) | Fault::Cut | Fault::Drop | Fault::Duplicate) => self.dispatch(target, request),
        }
    }

    /// The fault that befalls a request, if any.
    fn strike(&mut self, target: &Target, request: &Request) -> Option<Fault> {
        let verb = verb(request, target);
        let resource = format!("{}{}", target.resource(), target.sub.suffix());
        let occasion = Occasion {
            agent: &request.agent,
            verb,
            resource: &resource,
            namespace: &target.namespace,
            name: &target.name,
            now: self.clock.now(),
        };
        let writes = !["get", "list", "watch"].contains(&verb);
        let resumes = verb == "watch" || request.asked("continue").is_some();
        self.faults.strike(&occasion, |fault| match fault {
            Fault::Conflict => writes && verb != "create",
            Fault::ErrorAfter | Fault::HangAfter => writes,
            Fault::TooManyRequests { .. } | Fault::ErrorBefore | Fault::Hang => true,
            Fault::Expired => resumes,
            Fault::Stale(_) | Fault::Cut | Fault::Drop | Fault::Duplicate => false,
        })
    }

    fn dispatch(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let collection = target.name.is_empty();
        match (request.method.as_str(), collection, target.sub) {
            ("GET" | "HEAD", true, _) if request.flag("watch") => self.watch(target, request),
            ("GET" | "HEAD", true, _) => self.list(target, request),
            ("GET" | "HEAD", false, Sub::Main | Sub::Status) => self.read(target),
            ("GET" | "HEAD", false, Sub::Scale) => self.read_scale(target),
            ("GET", false, Sub::Log) => self.read_log(target),
            ("POST", true, _) => self.create(target, request),
            ("POST", false, Sub::Eviction) => self.evict(target, request),
            ("POST", false, Sub::Binding) => self.bind(target, request),
            ("PUT", false, Sub::Main | Sub::Status | Sub::Scale | Sub::Finalize) => self.update(target, request),
            ("PATCH", false, Sub::Main | Sub::Status | Sub::Scale) => self.patch(target, request),
            ("DELETE", false, Sub::Main) => self.delete(target, request),
            ("DELETE", true, _) => self.delete_collection(target, request),
            (_, _, _) => Err(Refusal::method_not_allowed()),
        }
    }
}

/// The verb as RBAC and the audit log name it.
fn verb(request: &Request, target: &Target) -> &'static str {
    match (request.method.as_str(), target.name.is_empty()) {
        ("GET" | "HEAD", true) if request.flag("watch") => "watch",
        ("GET" | "HEAD", true) => "list",
        ("GET" | "HEAD", false) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        (_, _) => "unknown",
    }
}
