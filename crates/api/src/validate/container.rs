//! Whether the containers of a pod template could run.
//!
//! Source: wire-contract 7.7, "Template checks"; the duplicate of a name is reported after the rest of the container, as
//! Kubernetes does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::template::{is_set, list, not_negative, text};
use super::{FieldError, NOT_NEGATIVE, Shown, names};
use crate::quantity::Quantity;

const ENV_NAME: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or \
    '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for \
    validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')";
const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";

/// Errors of the containers, then of the init containers, of the pod spec at `path`.
pub(super) fn all(spec: &Value, volumes: &BTreeSet<&str>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let containers = list(spec, "containers");
    if containers.is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut names = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        let path = format!("{path}.containers[{i}]");
        errors.extend(one(container, volumes, &path));
        errors.extend(duplicate(&mut names, container, &path));
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            errors.extend(probe_errors(&container[probe], probe, &format!("{path}.{probe}")));
        }
    }
    for (i, container) in list(spec, "initContainers").iter().enumerate() {
        let path = format!("{path}.initContainers[{i}]");
        errors.extend(one(container, volumes, &path));
        // Two init containers without a name are no duplicates of each other.
        let nameless = names.contains("");
        errors.extend(duplicate(&mut names, container, &path));
        if !nameless {
            names.remove("");
        }
    }
    errors
}

fn duplicate<'a>(names: &mut BTreeSet<&'a str>, container: &'a Value, path: &str) -> Option<FieldError> {
    let name = text(container, "name");
    (!names.insert(name)).then(|| FieldError::duplicate(format!("{path}.name"), name))
}

/// What every kind of container is checked for.
fn one(container: &Value, volumes: &BTreeSet<&str>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(container, "name");
    if name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    } else {
        errors.extend(names::dns_label(name, &format!("{path}.name")));
    }
    if text(container, "image").is_empty() {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    }
    errors.extend(ports(list(container, "ports"), &format!("{path}.ports")));
    errors.extend(env(list(container, "env"), &format!("{path}.env")));
    for source in list(container, "envFrom") {
        if !is_set(source, "configMapRef") && !is_set(source, "secretRef") {
            let detail = "must specify one of: `configMapRef` or `secretRef`";
            errors.push(FieldError::invalid(format!("{path}.envFrom"), "", detail));
        }
    }
    errors.extend(mounts(
        list(container, "volumeMounts"),
        volumes,
        &format!("{path}.volumeMounts"),
    ));
    let policy = text(container, "imagePullPolicy");
    let policies = ["Always", "IfNotPresent", "Never"];
    if !policy.is_empty() && !policies.contains(&policy) {
        errors.push(FieldError::unsupported(
            format!("{path}.imagePullPolicy"),
            policy,
            &policies,
        ));
    }
    errors.extend(resources(&container["resources"], &format!("{path}.resources")));
    errors
}

fn ports(ports: &[Value], path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut names = BTreeSet::new();
    for (j, port) in ports.iter().enumerate() {
        let path = format!("{path}[{j}]");
        let name = text(port, "name");
        if !name.is_empty() {
            let faults = port_name(name, &format!("{path}.name"));
            if faults.is_empty() && !names.insert(name) {
                errors.push(FieldError::duplicate(format!("{path}.name"), name));
            }
            errors.extend(faults);
        }
        match port["containerPort"].as_i64().unwrap_or(0) {
            0 => errors.push(FieldError::required(format!("{path}.containerPort"), "")),
            number => errors.extend(port_number(number, &format!("{path}.containerPort"))),
        }
        let host = port["hostPort"].as_i64().filter(|number| *number != 0);
        errors.extend(host.and_then(|number| port_number(number, &format!("{path}.hostPort"))));
        let protocol = text(port, "protocol");
        let protocols = ["SCTP", "TCP", "UDP"];
        if !protocol.is_empty() && !protocols.contains(&protocol) {
            errors.push(FieldError::unsupported(
                format!("{path}.protocol"),
                protocol,
                &protocols,
            ));
        }
    }
    errors
}

fn port_name(name: &str, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if name.len() > 15 {
        errors.push(FieldError::invalid(path, name, "must be no more than 15 characters"));
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !name.bytes().all(allowed) {
        let detail = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        errors.push(FieldError::invalid(path, name, detail));
    }
    errors
}

fn port_number(number: i64, path: &str) -> Option<FieldError> {
    (!(1..=65535).contains(&number)).then(|| FieldError::invalid(path, number, PORT_RANGE))
}

fn env(variables: &[Value], path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (j, variable) in variables.iter().enumerate() {
        let path = format!("{path}[{j}]");
        let name = text(variable, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if !is_env_name(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), name, ENV_NAME));
        }
        let from = &variable["valueFrom"];
        let has_source = from
            .as_object()
            .is_some_and(|sources| sources.values().any(|s| !s.is_null()));
        if !text(variable, "value").is_empty() && has_source {
            let detail = "may not be specified when `value` is not empty";
            errors.push(FieldError::invalid(format!("{path}.valueFrom"), "", detail));
        }
    }
    errors
}

fn is_env_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    !bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(b))
}

fn mounts(mounts: &[Value], volumes: &BTreeSet<&str>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut paths = BTreeSet::new();
    for (j, mount) in mounts.iter().enumerate() {
        let path = format!("{path}[{j}]");
        let (name, mount_path) = (text(mount, "name"), text(mount, "mountPath"));
        if !volumes.contains(name) {
            errors.push(FieldError::not_found(format!("{path}.name"), name));
        }
        if mount_path.is_empty() {
            errors.push(FieldError::required(format!("{path}.mountPath"), ""));
        }
        if !paths.insert(mount_path) {
            errors.push(FieldError::invalid(
                format!("{path}.mountPath"),
                mount_path,
                "must be unique",
            ));
        }
    }
    errors
}

/// A quantity that does not parse is dropped (wire-contract 10.1, 11).
fn resources(resources: &Value, path: &str) -> Vec<FieldError> {
    let quantity = |list: &str, name: &str| match &resources[list][name] {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let names = |list: &str| resources[list].as_object().into_iter().flatten().map(|(name, _)| name);
    let mut errors = Vec::new();
    for list in ["limits", "requests"] {
        for name in names(list) {
            let Some(amount) = quantity(list, name) else { continue };
            if amount.signum() < 0 {
                let path = format!("{path}.{list}[{name}]");
                errors.push(FieldError::invalid(path, amount.canonical(), NOT_NEGATIVE));
            }
            let limit = quantity("limits", name).filter(|limit| list == "requests" && amount > *limit);
            if let Some(limit) = limit {
                let detail = format!("must be less than or equal to {name} limit of {}", limit.canonical());
                errors.push(FieldError::invalid(
                    format!("{path}.requests"),
                    amount.canonical(),
                    detail,
                ));
            }
        }
    }
    errors
}

fn probe_errors(probe: &Value, name: &str, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if probe.is_null() {
        return errors;
    }
    let mut handlers = 0;
    for handler in ["exec", "httpGet", "tcpSocket", "grpc"]
        .iter()
        .filter(|h| is_set(probe, h))
    {
        handlers += 1;
        let path = format!("{path}.{handler}");
        if handlers > 1 {
            errors.push(FieldError::forbidden(path, "may not specify more than 1 handler type"));
            continue;
        }
        errors.extend(handler_error(&probe[*handler], handler, &path));
    }
    if handlers == 0 {
        errors.push(FieldError::required(path, "must specify a handler type"));
    }
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        errors.extend(not_negative(probe, field, path));
    }
    let threshold = probe["successThreshold"].as_i64().filter(|n| ![0, 1].contains(n));
    if let Some(threshold) = threshold.filter(|_| name != "readinessProbe") {
        errors.push(FieldError::invalid(
            format!("{path}.successThreshold"),
            threshold,
            "must be 1",
        ));
    }
    errors
}

fn handler_error(handler: &Value, kind: &str, path: &str) -> Vec<FieldError> {
    match kind {
        "exec" if list(handler, "command").is_empty() => {
            vec![FieldError::required(format!("{path}.command"), "")]
        }
        "httpGet" | "tcpSocket" => {
            let path = format!("{path}.port");
            match &handler["port"] {
                Value::String(name) if !name.is_empty() => port_name(name, &path),
                Value::Number(number) => port_number(number.as_i64().unwrap_or(0), &path).into_iter().collect(),
                _ => vec![FieldError::invalid(path, Shown::from(0), PORT_RANGE)],
            }
        }
        _ => Vec::new(),
    }
}
