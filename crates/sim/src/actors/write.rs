//! What an actor asks of the API server: one write, which lowers to one HTTP request, so that the kubelet can also work
//! against a real server.

use crate::apiserver::Request;
use serde_json::{Value, json};

/// One object: `resource` is `plural.group`, or `plural` in the core group, as in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub resource: String,
    pub namespace: String,
    pub name: String,
}

/// A write, with the gentlest verb that does it.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    Create {
        resource: &'static str,
        namespace: String,
        object: Value,
    },
    /// A merge patch. Its body carries the uid or resourceVersion it relies on.
    Patch {
        key: Key,
        version: String,
        subresource: Subresource,
        body: Value,
    },
    /// Gives a pod its node.
    Bind { pod: Key, uid: String, node: String },
    Delete {
        key: Key,
        version: String,
        /// Only this object, not a later one of the same name.
        uid: String,
        grace: Grace,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    Main,
    Status,
    Scale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// As the object itself says.
    Own,
    /// At once: only a kubelet that knows the process has ended may ask for this.
    Zero,
}

impl Key {
    pub fn new(resource: &str, namespace: &str, name: &str) -> Self {
        Key {
            resource: resource.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of an object of `resource`.
    pub fn of(resource: &str, object: &Value) -> Self {
        let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        Key {
            resource: resource.into(),
            namespace: field("namespace"),
            name: field("name"),
        }
    }
}

/// `pods shop/web-1`.
impl std::fmt::Display for Key {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} {}/{}", self.resource, self.namespace, self.name)
    }
}

impl Write {
    /// A merge patch of `object`, refused (409) if another object has its name by then.
    pub fn patch(resource: &str, object: &Value, subresource: Subresource, mut body: Value) -> Self {
        body["metadata"]["uid"] = object["metadata"]["uid"].clone();
        Write::Patch {
            key: Key::of(resource, object),
            version: version_of(object),
            subresource,
            body,
        }
    }

    /// As `patch`, and refused (409) if the object has changed at all since it was seen: for lists that are replaced whole.
    pub fn patch_unchanged(resource: &str, object: &Value, subresource: Subresource, mut body: Value) -> Self {
        body["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
        Write::patch(resource, object, subresource, body)
    }

    pub fn delete(resource: &str, object: &Value, grace: Grace) -> Self {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        Write::Delete {
            key: Key::of(resource, object),
            version: version_of(object),
            uid,
            grace,
        }
    }

    /// The request as a client would send it: path, content type and body.
    pub fn request(&self) -> Request {
        match self {
            Write::Create {
                resource,
                namespace,
                object,
            } => Request::post(&path(&version_of(object), resource, namespace), object),
            Write::Patch {
                key,
                version,
                subresource,
                body,
            } => {
                let suffix = match subresource {
                    Subresource::Main => "",
                    Subresource::Status => "/status",
                    Subresource::Scale => "/scale",
                };
                let at = format!("{}/{}{suffix}", path(version, &key.resource, &key.namespace), key.name);
                Request::merge_patch(&at, body)
            }
            Write::Bind { pod, uid, node } => {
                let at = format!("{}/{}/binding", path("v1", &pod.resource, &pod.namespace), pod.name);
                let binding = json!({
                    "apiVersion": "v1", "kind": "Binding",
                    "metadata": { "name": pod.name, "namespace": pod.namespace, "uid": uid },
                    "target": { "apiVersion": "v1", "kind": "Node", "name": node },
                });
                Request::post(&at, &binding)
            }
            Write::Delete {
                key,
                version,
                uid,
                grace,
            } => {
                let at = format!("{}/{}", path(version, &key.resource, &key.namespace), key.name);
                let mut options = json!({
                    "apiVersion": "v1", "kind": "DeleteOptions",
                    "preconditions": { "uid": uid },
                    "propagationPolicy": "Background",
                });
                if *grace == Grace::Zero {
                    options["gracePeriodSeconds"] = json!(0);
                }
                Request::delete(&at).json("application/json", &options)
            }
        }
    }
}

fn version_of(object: &Value) -> String {
    object["apiVersion"].as_str().unwrap_or("v1").to_owned()
}

fn path(version: &str, resource: &str, namespace: &str) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    let plural = resource.split('.').next().unwrap_or(resource);
    match namespace {
        "" => format!("/{root}/{version}/{plural}"),
        _ => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Grace, Subresource, Write};
    use serde_json::{Value, json};

    fn sent(write: Write) -> (String, Value) {
        let request = write.request();
        let body = serde_json::from_slice(&request.body).unwrap();
        (format!("{} {}", request.method, request.path), body)
    }

    #[test]
    fn a_write_is_one_request() {
        let set = json!({"apiVersion": "apps/v1", "metadata": {"namespace": "shop", "name": "web", "uid": "u1"}});
        let pod = json!({"apiVersion": "v1", "metadata": {"namespace": "shop", "name": "web-1", "uid": "u2"}});
        assert_eq!(
            sent(Write::patch(
                "replicasets.apps",
                &set,
                Subresource::Status,
                json!({"status": {"replicas": 1}})
            )),
            (
                "PATCH /apis/apps/v1/namespaces/shop/replicasets/web/status".into(),
                json!({"metadata": {"uid": "u1"}, "status": {"replicas": 1}})
            )
        );
        assert_eq!(
            sent(Write::Create {
                resource: "pods",
                namespace: "shop".into(),
                object: pod.clone()
            }),
            ("POST /api/v1/namespaces/shop/pods".into(), pod.clone())
        );
        assert_eq!(
            sent(Write::delete("pods", &pod, Grace::Zero)),
            (
                "DELETE /api/v1/namespaces/shop/pods/web-1".into(),
                json!({
                    "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
                    "preconditions": {"uid": "u2"}, "gracePeriodSeconds": 0,
                })
            )
        );
    }
}
