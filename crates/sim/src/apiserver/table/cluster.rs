//! The rows of the kinds around the pods: services, nodes, events and the like.

use super::age::since;
use super::{age, count, joined, labels, name, text_or};
use chrono::{DateTime, Utc};
use serde_json::Value;

pub(super) fn plain(object: &Value, _: DateTime<Utc>) -> Vec<Value> {
    vec![name(object), object["metadata"]["creationTimestamp"].clone()]
}

pub(super) fn service(service: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let spec = &service["spec"];
    let external = texts(&spec["externalIPs"]);
    let balancer = items(&service["status"]["loadBalancer"]["ingress"])
        .iter()
        .filter_map(|ingress| {
            ingress["ip"]
                .as_str()
                .or(ingress["hostname"].as_str())
                .map(str::to_owned)
        });
    let balancer: Vec<String> = balancer.collect();
    let outside = match spec["type"].as_str() {
        Some("ClusterIP" | "NodePort") if external.is_empty() => "<none>".into(),
        Some("ClusterIP" | "NodePort") => external.join(","),
        Some("LoadBalancer") if balancer.is_empty() && external.is_empty() => "<pending>".into(),
        Some("LoadBalancer") => [balancer, external].concat().join(","),
        Some("ExternalName") => spec["externalName"].as_str().unwrap_or_default().to_owned(),
        Some(_) | None => "<unknown>".into(),
    };
    let ports = joined(items(&spec["ports"]).iter().map(|port| {
        let protocol = port["protocol"].as_str().unwrap_or_default();
        match port["nodePort"].as_i64().unwrap_or(0) {
            0 => format!("{}/{protocol}", port["port"]),
            node => format!("{}:{node}/{protocol}", port["port"]),
        }
    }));
    vec![
        name(service),
        spec["type"].clone(),
        text_or(&spec["clusterIPs"][0], "<none>"),
        outside.into(),
        if ports.is_empty() {
            "<none>".into()
        } else {
            ports.into()
        },
        age(service, now),
        labels(&spec["selector"]).into(),
    ]
}

pub(super) fn endpoints(endpoints: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in items(&endpoints["subsets"]) {
        for port in items(&subset["ports"]) {
            let address = |address: &Value| format!("{}:{}", address["ip"].as_str().unwrap_or_default(), port["port"]);
            all.extend(items(&subset["addresses"]).iter().map(address));
        }
    }
    vec![name(endpoints), some_of(&all, "<none>").into(), age(endpoints, now)]
}

pub(super) fn endpoint_slice(slice: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let port = |port: &Value| match (port["port"].as_i64(), port["name"].as_str()) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "*".into(),
    };
    let ports: Vec<String> = items(&slice["ports"]).iter().map(port).collect();
    let addresses: Vec<String> = items(&slice["endpoints"])
        .iter()
        .flat_map(|one| texts(&one["addresses"]))
        .collect();
    vec![
        name(slice),
        slice["addressType"].clone(),
        some_of(&ports, "<unset>").into(),
        some_of(&addresses, "<unset>").into(),
        age(slice, now),
    ]
}

pub(super) fn ingress(ingress: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let spec = &ingress["spec"];
    let host = |rule: &Value| rule["host"].as_str().filter(|host| !host.is_empty()).map(str::to_owned);
    let hosts: Vec<String> = items(&spec["rules"]).iter().filter_map(host).collect();
    let addresses = items(&ingress["status"]["loadBalancer"]["ingress"]).iter();
    let addresses = addresses.filter_map(|one| one["ip"].as_str().or(one["hostname"].as_str()).map(str::to_owned));
    vec![
        name(ingress),
        text_or(&spec["ingressClassName"], "<none>"),
        some_of(&hosts, "*").into(),
        joined(addresses).into(),
        if items(&spec["tls"]).is_empty() {
            "80"
        } else {
            "80, 443"
        }
        .into(),
        age(ingress, now),
    ]
}

pub(super) fn node(node: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let ready = items(&node["status"]["conditions"])
        .iter()
        .find(|condition| condition["type"] == "Ready");
    let mut status = match ready.map(|ready| ready["status"] == "True") {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        status += ",SchedulingDisabled";
    }
    let all_labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles = joined(
        all_labels.filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role.to_owned()),
            None if key == "kubernetes.io/role" => value.as_str().map(str::to_owned),
            None => None,
        }),
    );
    let address = |kind: &str| {
        let found = items(&node["status"]["addresses"])
            .iter()
            .find(|address| address["type"] == kind);
        found.map_or_else(|| "<none>".into(), |address| address["address"].clone())
    };
    let system = &node["status"]["nodeInfo"];
    vec![
        name(node),
        status.into(),
        if roles.is_empty() {
            "<none>".into()
        } else {
            roles.into()
        },
        age(node, now),
        text_or(&system["kubeletVersion"], ""),
        address("InternalIP"),
        address("ExternalIP"),
        text_or(&system["osImage"], "<unknown>"),
        text_or(&system["kernelVersion"], "<unknown>"),
        text_or(&system["containerRuntimeVersion"], "<unknown>"),
    ]
}

pub(super) fn namespace(namespace: &Value, now: DateTime<Utc>) -> Vec<Value> {
    vec![
        name(namespace),
        namespace["status"]["phase"].clone(),
        age(namespace, now),
    ]
}

pub(super) fn event(event: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let known = |values: [&Value; 2]| {
        let found = values.into_iter().find(|value| value.is_string());
        found.map_or_else(|| "<unknown>".to_owned(), |value| since(value, now))
    };
    let first = known([&event["firstTimestamp"], &event["eventTime"]]);
    let mut last = match &event["lastTimestamp"] {
        Value::Null => first.clone(),
        time => since(time, now),
    };
    let mut times = event["count"].as_i64().filter(|count| *count != 0).unwrap_or(1);
    if event["series"].is_object() {
        last = since(&event["series"]["lastObservedTime"], now);
        times = event["series"]["count"].as_i64().unwrap_or(0);
    }
    let involved = &event["involvedObject"];
    let mut object = involved["kind"].as_str().unwrap_or_default().to_lowercase();
    if let Some(name) = involved["name"].as_str().filter(|name| !name.is_empty()) {
        object = format!("{object}/{name}");
    }
    let part = |values: [&Value; 2]| {
        let texts = values.into_iter().filter_map(Value::as_str);
        texts
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    let component = part([&event["source"]["component"], &event["reportingComponent"]]);
    let instance = part([&event["source"]["host"], &event["reportingInstance"]]);
    let source = if instance.is_empty() {
        component
    } else {
        format!("{component}, {instance}")
    };
    vec![
        last.into(),
        text_or(&event["type"], ""),
        text_or(&event["reason"], ""),
        object.into(),
        text_or(&involved["fieldPath"], ""),
        source.into(),
        event["message"].as_str().unwrap_or_default().trim().into(),
        first.into(),
        times.into(),
        name(event),
    ]
}

pub(super) fn config_map(map: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let size = |field: &str| map[field].as_object().map_or(0, serde_json::Map::len);
    vec![name(map), (size("data") + size("binaryData")).into(), age(map, now)]
}

pub(super) fn secret(secret: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let size = secret["data"].as_object().map_or(0, serde_json::Map::len);
    vec![name(secret), secret["type"].clone(), size.into(), age(secret, now)]
}

pub(super) fn service_account(account: &Value, now: DateTime<Utc>) -> Vec<Value> {
    vec![
        name(account),
        items(&account["secrets"]).len().into(),
        age(account, now),
    ]
}

pub(super) fn lease(lease: &Value, now: DateTime<Utc>) -> Vec<Value> {
    vec![
        name(lease),
        text_or(&lease["spec"]["holderIdentity"], ""),
        age(lease, now),
    ]
}

pub(super) fn disruption_budget(budget: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let bound = |value: &Value| match value {
        Value::Null => Value::from("N/A"),
        Value::String(percent) => percent.as_str().into(),
        number => number.to_string().into(),
    };
    let spec = &budget["spec"];
    vec![
        name(budget),
        bound(&spec["minAvailable"]),
        bound(&spec["maxUnavailable"]),
        count(&budget["status"]["disruptionsAllowed"]),
        age(budget, now),
    ]
}

pub(super) fn role_binding(binding: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let role = format!(
        "{}/{}",
        text(&binding["roleRef"]["kind"]),
        text(&binding["roleRef"]["name"])
    );
    let subjects = |kind: &str| {
        let of_kind = items(&binding["subjects"])
            .iter()
            .filter(|subject| subject["kind"] == kind);
        let named = of_kind.map(|subject| match subject["namespace"].as_str() {
            Some(namespace) => format!("{namespace}/{}", text(&subject["name"])),
            None => text(&subject["name"]),
        });
        Value::from(named.collect::<Vec<_>>().join(", "))
    };
    let age = age(binding, now);
    vec![
        name(binding),
        role.into(),
        age,
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    items(value)
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The first three, and how many more there are.
fn some_of(all: &[String], none: &str) -> String {
    match all.len() {
        0 => none.to_owned(),
        1..=3 => all.join(","),
        more => format!("{} + {} more...", all[..3].join(","), more - 3),
    }
}
