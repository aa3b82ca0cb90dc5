//! Which objects of built-in kinds are refused, in the words of `pkg/apis/*/validation`.
//!
//! Not all rules of the real server: those a controller or its user can run into.

use super::pods::fixed_part;
use crate::apiserver::{Cause, Kind};
use crate::selector::LabelSelector;
use serde_json::{Value, json};

/// What is wrong with an object; `old` is what it replaces, if anything.
pub(crate) fn validate(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    if old.is_none() {
        causes.extend(name(kind, object["metadata"]["name"].as_str().unwrap_or_default()));
    }
    causes.extend(metadata(object));
    let spec = &object["spec"];
    match kind.resource() {
        "pods" => {
            causes.extend(pod_spec(spec, "spec"));
            if let Some(old) = old.filter(|old| fixed_part(&old["spec"]) != fixed_part(spec)) {
                let changed = crate::trace::difference(&fixed_part(&old["spec"]), &fixed_part(spec)).join("\n");
                causes.push(Cause::forbidden("spec", format!(
                    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
                     `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
                     `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n{changed}"
                )));
            }
        }
        "replicasets.apps" | "deployments.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            causes.extend(workload(spec));
            if let Some(old) = old {
                causes.extend(immutable("spec.selector", &old["spec"]["selector"], &spec["selector"]));
            }
        }
        "jobs.batch" => {
            causes.extend(non_negative(
                spec,
                &["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds"],
            ));
            causes.extend(pod_spec(&spec["template"]["spec"], "spec.template.spec"));
            let policy = &spec["template"]["spec"]["restartPolicy"];
            if policy == "Always" {
                let why = "valid values: \"OnFailure\", \"Never\"";
                causes.push(Cause::required("spec.template.spec.restartPolicy", why));
            } else if !["OnFailure", "Never"].iter().any(|allowed| policy == allowed) {
                let allowed = ["\"OnFailure\"".to_owned(), "\"Never\"".to_owned()];
                causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &allowed));
            }
            if let Some(old) = old {
                causes.extend(immutable("spec.selector", &old["spec"]["selector"], &spec["selector"]));
                causes.extend(immutable("spec.template", &old["spec"]["template"], &spec["template"]));
                causes.extend(immutable(
                    "spec.completions",
                    &old["spec"]["completions"],
                    &spec["completions"],
                ));
            }
        }
        "services" => causes.extend(service(spec, old.map(|old| &old["spec"]))),
        "events" => causes.extend(event(object)),
        "leases.coordination.k8s.io" => {
            if spec["leaseDurationSeconds"]
                .as_i64()
                .is_some_and(|seconds| seconds <= 0)
            {
                let at = "spec.leaseDurationSeconds";
                causes.push(Cause::invalid(
                    at,
                    &spec["leaseDurationSeconds"],
                    "must be greater than 0",
                ));
            }
            causes.extend(non_negative(spec, &["leaseTransitions"]));
        }
        "endpointslices.discovery.k8s.io" => causes.extend(endpoint_slice(object)),
        "customresourcedefinitions.apiextensions.k8s.io" => {
            let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let expected = format!("{}.{}", part(&spec["names"]["plural"]), part(&spec["group"]));
            if object["metadata"]["name"] != expected.as_str() {
                let why = "must be spec.names.plural+\".\"+spec.group";
                causes.push(Cause::invalid("metadata.name", &object["metadata"]["name"], why));
            }
        }
        "secrets" => {
            if let Some(old) = old {
                causes.extend(immutable("type", &old["type"], &object["type"]));
            }
        }
        _ => {}
    }
    causes
}

fn workload(spec: &Value) -> Vec<Cause> {
    let mut causes = non_negative(spec, &["replicas", "minReadySeconds", "revisionHistoryLimit"]);
    let selector = &spec["selector"];
    let template = &spec["template"];
    match LabelSelector::from_object(selector) {
        None if selector.is_null() => {
            causes.push(Cause::required("spec.selector", ""));
            // No selector selects nothing.
            let why = "`selector` does not match template `labels`";
            let labels = &template["metadata"]["labels"];
            causes.push(Cause::invalid("spec.template.metadata.labels", labels, why));
        }
        None => causes.push(Cause::invalid("spec.selector", selector, "invalid label selector")),
        Some(parsed) if parsed.is_empty() => {
            causes.push(Cause::invalid(
                "spec.selector",
                selector,
                "empty selector is invalid for deployment",
            ));
        }
        Some(parsed) if !parsed.matches(template) => {
            let why = "`selector` does not match template `labels`";
            causes.push(Cause::invalid(
                "spec.template.metadata.labels",
                &template["metadata"]["labels"],
                why,
            ));
        }
        Some(_) => {}
    }
    causes.extend(labels(&template["metadata"]["labels"], "spec.template.labels"));
    causes.extend(pod_spec(&template["spec"], "spec.template.spec"));
    if template["spec"]["restartPolicy"] != "Always" {
        let (at, policy) = ("spec.template.spec.restartPolicy", &template["spec"]["restartPolicy"]);
        causes.push(Cause::unsupported(at, policy, &["\"Always\"".to_owned()]));
    }
    causes
}

fn pod_spec(spec: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let containers = spec["containers"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
    let mut names = Vec::new();
    let mut doubles = Vec::new();
    for (index, container) in containers.into_iter().flatten().enumerate() {
        let at = format!("{at}.containers[{index}]");
        match container["name"].as_str().unwrap_or_default() {
            "" => causes.push(Cause::required(format!("{at}.name"), "")),
            // Said after everything else about the containers.
            name if names.contains(&name) => doubles.push(Cause::duplicate(format!("{at}.name"), &name.into())),
            name if !label_1123(name) => causes.push(Cause::invalid(format!("{at}.name"), &name.into(), LABEL_1123)),
            name => names.push(name),
        }
        if container["image"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("{at}.image"), ""));
        }
        for (index, port) in container["ports"].as_array().into_iter().flatten().enumerate() {
            let at = format!("{at}.ports[{index}].containerPort");
            match port["containerPort"].as_i64().unwrap_or(0) {
                0 => causes.push(Cause::required(at, "")),
                1..=65535 => {}
                wrong => causes.push(Cause::invalid(at, &wrong.into(), PORT)),
            }
        }
    }
    causes.extend(doubles);
    causes
}

fn service(spec: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let headless = spec["clusterIP"] == "None";
    let ports = spec["ports"].as_array();
    if ports.is_none_or(Vec::is_empty) && !headless && spec["type"] != "ExternalName" {
        causes.push(Cause::required("spec.ports", ""));
    }
    let many = ports.is_some_and(|ports| ports.len() > 1);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        let at = format!("spec.ports[{index}]");
        if many && port["name"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        }
        let number = port["port"].as_i64().unwrap_or(0);
        if !(1..=65535).contains(&number) {
            causes.push(Cause::invalid(format!("{at}.port"), &number.into(), PORT));
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        causes.extend(one_of(format!("{at}.protocol"), &port["protocol"], &protocols));
        if port["targetPort"]
            .as_i64()
            .is_some_and(|number| !(1..=65535).contains(&number))
        {
            causes.push(Cause::invalid(format!("{at}.targetPort"), &port["targetPort"], PORT));
        }
    }
    causes.extend(one_of(
        "spec.sessionAffinity".into(),
        &spec["sessionAffinity"],
        &["ClientIP", "None"],
    ));
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    causes.extend(one_of("spec.type".into(), &spec["type"], &types));
    causes.extend(labels(&spec["selector"], "spec.selector"));
    if let Some(old) = old {
        let moved =
            old["type"] != "ExternalName" && spec["type"] != "ExternalName" && old["clusterIP"] != spec["clusterIP"];
        if moved && old["clusterIP"].is_string() {
            causes.push(Cause::invalid(
                "spec.clusterIPs[0]",
                &spec["clusterIPs"],
                "may not change once set",
            ));
        }
    }
    causes
}

fn event(event: &Value) -> Vec<Cause> {
    let (own, involved) = (&event["metadata"]["namespace"], &event["involvedObject"]["namespace"]);
    let involved = involved.as_str().unwrap_or_default();
    let fits = if involved.is_empty() {
        *own == "default"
    } else {
        *own == involved
    };
    if fits {
        return Vec::new();
    }
    vec![Cause::invalid(
        "involvedObject.namespace",
        &involved.into(),
        "does not match event.namespace",
    )]
}

fn endpoint_slice(slice: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kinds = ["\"FQDN\"", "\"IPv4\"", "\"IPv6\""].map(str::to_owned);
    match slice["addressType"].as_str() {
        None | Some("") => causes.push(Cause::required("addressType", "")),
        Some("FQDN" | "IPv4" | "IPv6") => {}
        Some(other) => causes.push(Cause::unsupported("addressType", &other.into(), &kinds)),
    }
    for (index, endpoint) in slice["endpoints"].as_array().into_iter().flatten().enumerate() {
        let at = format!("endpoints[{index}].addresses");
        let addresses = endpoint["addresses"].as_array();
        if addresses.is_none_or(Vec::is_empty) {
            causes.push(Cause::required(at.as_str(), "must contain at least 1 address"));
        }
        for (place, address) in addresses.into_iter().flatten().enumerate() {
            if address.as_str().is_some_and(|address| address.starts_with("127.")) {
                let why = "may not be in the loopback range (127.0.0.0/8, ::1/128)";
                causes.push(Cause::invalid(format!("{at}[{place}]"), address, why));
            }
        }
    }
    causes
}

fn one_of(at: String, value: &Value, supported: &[&str]) -> Option<Cause> {
    let quoted: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
    let text = value.as_str().filter(|text| !supported.contains(text))?;
    Some(Cause::unsupported(at, &text.into(), &quoted))
}

fn non_negative(spec: &Value, fields: &[&str]) -> Vec<Cause> {
    let wrong = fields
        .iter()
        .filter(|field| spec[**field].as_i64().is_some_and(|number| number < 0));
    wrong
        .map(|field| {
            Cause::invalid(
                format!("spec.{field}"),
                &spec[*field],
                "must be greater than or equal to 0",
            )
        })
        .collect()
}

fn immutable(at: &str, old: &Value, new: &Value) -> Option<Cause> {
    (old != new).then(|| Cause::invalid(at, new, "field is immutable"))
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
     start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
     character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
     '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1123: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
     end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/// The name of an object, as DNS would have it. RBAC names are free.
pub(crate) fn name(kind: &Kind, name: &str) -> Option<Cause> {
    let lower = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
    };
    let label = |text: &str| !text.is_empty() && lower(text) && !text.starts_with('-') && !text.ends_with('-');
    let letter_first = name.starts_with(|first: char| first.is_ascii_lowercase());
    let (good, limit, words) = match kind.resource() {
        "services" => (label(name) && letter_first, 63, LABEL_1035),
        "namespaces" => (label(name), 63, LABEL_1123),
        _ if kind.group == "rbac.authorization.k8s.io" => (true, usize::MAX, ""),
        _ => (name.split('.').all(label), 253, SUBDOMAIN),
    };
    let value = Value::from(name);
    match (good, name.len() > limit) {
        (_, true) => Some(Cause::invalid(
            "metadata.name",
            &value,
            format!("must be no more than {limit} characters"),
        )),
        (false, false) => Some(Cause::invalid("metadata.name", &value, words)),
        (true, false) => None,
    }
}

/// What is wrong with the metadata of an object of any kind.
pub(crate) fn metadata(object: &Value) -> Vec<Cause> {
    let metadata = &object["metadata"];
    let mut causes = labels(&metadata["labels"], "metadata.labels");
    for owner in metadata["ownerReferences"].as_array().into_iter().flatten() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                let at = format!("metadata.ownerReferences.{field}");
                causes.push(Cause::invalid(at, &"".into(), "must not be empty"));
            }
        }
    }
    for (index, finalizer) in metadata["finalizers"].as_array().into_iter().flatten().enumerate() {
        const STANDARD: &[&str] = &["foregroundDeletion", "orphan", "kubernetes"];
        if finalizer
            .as_str()
            .is_some_and(|name| !name.contains('/') && !STANDARD.contains(&name))
        {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(format!("metadata.finalizers[{index}]"), finalizer, why));
        }
    }
    causes
}

fn label_1123(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}

const PORT: &str = "must be between 1 and 65535, inclusive";

/// Label keys and values as the server checks them.
fn labels(labels: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let edge = |letter: Option<char>| letter.is_none_or(|letter| letter.is_ascii_alphanumeric());
    let inner = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    let good = |text: &str| inner(text) && edge(text.chars().next()) && edge(text.chars().last());
    for (key, value) in labels.as_object().into_iter().flatten() {
        let Some(value) = value.as_str() else { continue };
        let part = key.split_once('/').map_or(key.as_str(), |(_, name)| name);
        if !good(part) {
            causes.push(Cause::invalid(at, &json!(key), "name part must consist of alphanumeric characters, '-', '_' or '.', and \
                must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"));
        }
        if value.len() > 63 {
            causes.push(Cause {
                reason: "FieldValueInvalid",
                message: format!("Invalid value: {value:?}: must be no more than 63 characters"),
                field: at.into(),
            });
        }
        if !good(value) {
            causes.push(Cause::invalid(at, &json!(value), "a valid label must be an empty string or consist of alphanumeric characters, \
                '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"));
        }
    }
    causes
}
