//! What a person sees of an object: the columns and cells of `kubectl get`, as the server computes them.

mod age;
mod cluster;
mod path;
mod pods;
mod workloads;

use super::kinds::{Column, Kind, Origin};
use age::{date, since};
use chrono::{DateTime, Utc};
use path::find;
use serde_json::{Value, json};

/// The columns of a built-in kind, and how to fill them.
struct View {
    /// `Name|Ready|Age|IP*`: a star marks columns of `-o wide`; `:integer` a type other than text.
    columns: &'static str,
    cells: Cells,
}

type Cells = fn(&Value, DateTime<Utc>) -> Vec<Value>;

/// `columnDefinitions` of a table of this kind.
pub(super) fn columns(kind: &Kind) -> Vec<Value> {
    let name = definition(&Column {
        name: "Name".into(),
        kind: "string".into(),
        format: "name".into(),
        description: String::new(),
        path: String::new(),
        priority: 0,
    });
    match kind.origin {
        Origin::Custom if kind.columns.is_empty() => vec![name, definition(&age_column())],
        Origin::Custom => std::iter::once(name)
            .chain(kind.columns.iter().map(definition))
            .collect(),
        Origin::BuiltIn => view(kind).columns.split('|').map(built_in).collect(),
    }
}

/// The cells of one row.
pub(super) fn cells(kind: &Kind, object: &Value, now: DateTime<Utc>) -> Vec<Value> {
    match kind.origin {
        Origin::BuiltIn => (view(kind).cells)(object, now),
        Origin::Custom => {
            let mut cells = vec![object["metadata"]["name"].clone()];
            let age = [age_column()];
            let columns = if kind.columns.is_empty() {
                age.as_slice()
            } else {
                kind.columns.as_slice()
            };
            cells.extend(columns.iter().map(|column| custom_cell(column, object, now)));
            cells
        }
    }
}

fn custom_cell(column: &Column, object: &Value, now: DateTime<Utc>) -> Value {
    let Some(found) = find(object, &column.path) else {
        return Value::Null;
    };
    match (column.kind.as_str(), found) {
        ("date", Value::String(text)) => date(text, now).into(),
        ("integer", Value::Number(number)) => number.as_i64().or(number.as_f64().map(|it| it as i64)).into(),
        ("number", Value::Number(number)) => number.as_f64().into(),
        ("boolean", Value::Bool(truth)) => (*truth).into(),
        ("string", Value::String(text)) => text.as_str().into(),
        ("string", Value::Null) => Value::Null,
        ("string", other) => other.to_string().into(),
        (_, _) => Value::Null,
    }
}

fn age_column() -> Column {
    Column {
        name: "Age".into(),
        kind: "date".into(),
        format: String::new(),
        description: String::new(),
        path: ".metadata.creationTimestamp".into(),
        priority: 0,
    }
}

fn definition(column: &Column) -> Value {
    json!({
        "name": column.name, "type": column.kind, "format": column.format, "description": column.description,
        "priority": column.priority,
    })
}

fn built_in(text: &str) -> Value {
    let (text, priority) = text.strip_suffix('*').map_or((text, 0), |text| (text, 1));
    let (name, kind) = text.split_once(':').unwrap_or((text, "string"));
    let format = if name == "Name" { "name" } else { "" };
    json!({ "name": name, "type": kind, "format": format, "description": "", "priority": priority })
}

fn view(kind: &Kind) -> View {
    let (columns, cells): (&'static str, Cells) = match kind.resource() {
        "pods" => (
            "Name|Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*",
            pods::pod,
        ),
        "services" => (
            "Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*",
            cluster::service,
        ),
        "endpoints" => ("Name|Endpoints|Age", cluster::endpoints),
        "endpointslices.discovery.k8s.io" => ("Name|AddressType|Ports|Endpoints|Age", cluster::endpoint_slice),
        "ingresses.networking.k8s.io" => ("Name|Class|Hosts|Address|Ports|Age", cluster::ingress),
        "nodes" => (
            "Name|Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*",
            cluster::node,
        ),
        "namespaces" => ("Name|Status|Age", cluster::namespace),
        "events" => (
            "Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Name*",
            cluster::event,
        ),
        "configmaps" => ("Name|Data|Age", cluster::config_map),
        "secrets" => ("Name|Type|Data|Age", cluster::secret),
        "serviceaccounts" => ("Name|Secrets|Age", cluster::service_account),
        "leases.coordination.k8s.io" => ("Name|Holder|Age", cluster::lease),
        "poddisruptionbudgets.policy" => (
            "Name|Min Available|Max Unavailable|Allowed Disruptions:integer|Age",
            cluster::disruption_budget,
        ),
        "replicasets.apps" => (
            "Name|Desired:integer|Current:integer|Ready:integer|Age|Containers*|Images*|Selector*",
            workloads::replica_set,
        ),
        "deployments.apps" => (
            "Name|Ready|Up-to-date|Available|Age|Containers*|Images*|Selector*",
            workloads::deployment,
        ),
        "statefulsets.apps" => ("Name|Ready|Age|Containers*|Images*", workloads::stateful_set),
        "daemonsets.apps" => (
            "Name|Desired:integer|Current:integer|Ready:integer|Up-to-date:integer|Available:integer|Node Selector|Age|\
             Containers*|Images*|Selector*",
            workloads::daemon_set,
        ),
        "jobs.batch" => (
            "Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*",
            workloads::job,
        ),
        "horizontalpodautoscalers.autoscaling" => (
            "Name|Reference|Targets|MinPods|MaxPods|Replicas|Age",
            workloads::autoscaler,
        ),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            ("Name|Role|Age|Users*|Groups*|ServiceAccounts*", cluster::role_binding)
        }
        _ => ("Name|Created At:date", cluster::plain),
    };
    View { columns, cells }
}

/// The age of an object.
fn age(object: &Value, now: DateTime<Utc>) -> Value {
    since(&object["metadata"]["creationTimestamp"], now).into()
}

fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

fn count(value: &Value) -> Value {
    value.as_i64().unwrap_or(0).into()
}

/// A text, or what stands for a missing one.
fn text_or(value: &Value, missing: &str) -> Value {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or(missing).into()
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

/// `a=1,b=2`, or `<none>`.
fn labels(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let shown = joined(pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())));
    if shown.is_empty() { "<none>".into() } else { shown }
}

#[cfg(test)]
mod tests;
