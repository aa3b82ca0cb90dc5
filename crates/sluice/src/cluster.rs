//! The API server as the verbs speak to it: raw objects in, exact requests out.
//!
//! Bodies are sent byte for byte as given, because other tools compare them (wire-contract 7.1).

mod connect;
mod failure;
mod kind;
mod name;
mod watching;

use std::time::Duration;

use api::nesting::{Shallow, too_deep};
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use connect::{client_config, connect};
pub use failure::Failure;
pub use kind::Kind;
pub use name::Name;
pub use watching::Seen;

/// Objects asked for at a time.
const PAGE: u32 = 500;

/// A connection, and the namespace verbs look in.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    /// Address of the API server, for messages.
    server: String,
    pub namespace: String,
    patience: Option<Duration>,
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    Namespace(&'a str),
    AllNamespaces,
}

/// Which objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub labels: Option<String>,
    pub name: Option<Name>,
}

/// What of an object a patch goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Main,
    Status,
}

/// A patch, as its exact text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    Merge(String),
    Json(String),
}

impl Cluster {
    /// A connection over a client to `server`; without patience, requests may take as long as the client lets them.
    pub fn new(client: kube::Client, server: String, namespace: String, patience: Option<Duration>) -> Self {
        Cluster {
            client,
            server,
            namespace,
            patience,
        }
    }

    /// The client under this connection.
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// One object of the namespace.
    pub async fn get(&self, kind: &Kind, name: &Name) -> Result<Value, Failure> {
        let request = Request::new(kind.path(Scope::Namespace(&self.namespace)));
        let object: Shallow = self.send(request.get(name.as_str(), &GetParams::default())?).await?;
        Ok(object.0)
    }

    /// All objects that match, page by page.
    pub async fn list(&self, kind: &Kind, scope: Scope<'_>, filter: &Filter) -> Result<Vec<Value>, Failure> {
        let path = kind.path(scope);
        let mut objects = Vec::new();
        let mut params = ListParams {
            label_selector: filter.labels.clone(),
            field_selector: filter.field_selector(),
            limit: Some(PAGE),
            ..ListParams::default()
        };
        loop {
            let page: Page = self.send(Request::new(path.as_str()).list(&params)?).await?;
            objects.extend(page.items.into_iter().flatten().map(|item| item.0));
            if page.metadata.next.is_empty() {
                return Ok(objects);
            }
            params.continue_token = Some(page.metadata.next);
        }
    }

    /// Patches an object of the namespace; answers what it has become.
    pub async fn patch(&self, kind: &Kind, name: &Name, part: Part, patch: Patch) -> Result<Value, Failure> {
        let (content_type, body) = match patch {
            Patch::Merge(body) => ("application/merge-patch+json", body),
            Patch::Json(body) => ("application/json-patch+json", body),
        };
        let subresource = match part {
            Part::Main => "",
            Part::Status => "/status",
        };
        let path = kind.path(Scope::Namespace(&self.namespace));
        let request = http::Request::patch(format!("{path}/{name}{subresource}"))
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, content_type)
            .body(body.into_bytes());
        let object: Shallow = self.send(request.map_err(Failure::request)?).await?;
        Ok(object.0)
    }

    /// Puts a whole object of the namespace back; refused where it has changed since it was read.
    pub async fn replace(&self, kind: &Kind, name: &Name, object: &Value) -> Result<Value, Failure> {
        if let Some(path) = too_deep(object) {
            // It was not read whole, so it cannot be put back whole.
            return Err(Failure::Request(format!("{path} is nested too deep")));
        }
        let path = kind.path(Scope::Namespace(&self.namespace));
        let request = http::Request::put(format!("{path}/{name}"))
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(object.to_string().into_bytes());
        self.send(request.map_err(Failure::request)?).await
    }

    /// Asks something that is about no object; with a body as JSON.
    pub async fn ask(&self, request: http::request::Builder, body: Option<&Value>) -> Result<Value, Failure> {
        let request = request.header(http::header::ACCEPT, "application/json");
        let request = request.header(http::header::CONTENT_TYPE, "application/json");
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(request.body(body).map_err(Failure::request)?).await
    }

    async fn send<T: DeserializeOwned>(&self, request: http::Request<Vec<u8>>) -> Result<T, Failure> {
        let answer = self.client.request(request);
        let answer = match self.patience {
            None => answer.await,
            Some(patience) => match tokio::time::timeout(patience, answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(Failure::TimedOut(patience)),
            },
        };
        answer.map_err(|error| Failure::of(error, &self.server))
    }
}

/// A page of a listing; each object is read by itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    metadata: PageMetadata,
    /// The server writes `null` where there are none.
    items: Option<Vec<Shallow>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: String,
}

impl Filter {
    /// The objects a label selector selects.
    pub fn labels(selector: impl Into<String>) -> Self {
        Filter {
            labels: Some(selector.into()),
            name: None,
        }
    }

    /// The one object of a name.
    pub fn named(name: &Name) -> Self {
        Filter {
            labels: None,
            name: Some(name.clone()),
        }
    }

    fn field_selector(&self) -> Option<String> {
        self.name.as_ref().map(|name| format!("metadata.name={name}"))
    }
}
