//! Reading: get, list with paging and resourceVersion, logs.

use super::kinds::Origin;
use super::request::{Request, Response};
use super::routes::Target;
use super::{ApiServer, Cause, Refusal};
use crate::selector::{FieldSelector, LabelSelector};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::Arc;

/// The selectors of a list, watch or deletecollection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Filter {
    pub(crate) fn of(target: &Target, request: &Request) -> Result<Self, Refusal> {
        let labels = LabelSelector::parse(request.asked("labelSelector").unwrap_or_default());
        let mut fields = FieldSelector::parse(request.asked("fieldSelector").unwrap_or_default(), fields(target))
            .map_err(
                |why| match (target.kind.origin, why.strip_prefix("field label not supported: ")) {
                    (Origin::BuiltIn, Some(field)) if fields(target).is_empty() => format!(
                        "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    ),
                    (Origin::BuiltIn | Origin::Custom, _) => why,
                },
            )
            .map_err(Refusal::bad_request)?;
        if !target.name.is_empty() {
            fields =
                FieldSelector::parse(&format!("metadata.name={}", target.name), &[]).map_err(Refusal::bad_request)?;
        }
        Ok(Filter {
            labels: labels.map_err(Refusal::bad_request)?,
            fields,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.matches(object) && self.fields.matches(object)
    }
}

/// Which fields a kind can be selected by, beyond name and namespace.
fn fields(target: &Target) -> &'static [&'static str] {
    match target.resource() {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets.apps" => &["status.replicas"],
        "jobs.batch" => &["status.successful"],
        _ => &[],
    }
}

impl ApiServer {
    pub(crate) fn found(&self, target: &Target) -> Result<Arc<Value>, Refusal> {
        let object = self.store.get(target.resource(), &target.namespace, &target.name);
        object
            .cloned()
            .ok_or_else(|| Refusal::not_found(&target.kind, &target.name))
    }

    pub(crate) fn read(&mut self, target: &Target) -> Result<Response, Refusal> {
        let object = self.found(target)?;
        Ok(Response::ok(as_served(target, &object)))
    }

    /// The log of a pod. A simulated pod writes none of its own; the kubelet may leave lines in an annotation.
    pub(crate) fn read_log(&mut self, target: &Target) -> Result<Response, Refusal> {
        let pod = self.found(target)?;
        if pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty() {
            return Ok(Response::text(204, ""));
        }
        Ok(Response::text(
            200,
            pod["metadata"]["annotations"]["sim/log"].as_str().unwrap_or_default(),
        ))
    }

    pub(crate) fn list(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let filter = Filter::of(target, request)?;
        let page = self.page(target, request)?;
        let mut matching = page.objects.iter().filter(|object| filter.matches(object)).peekable();
        let (mut items, mut metadata) = (Vec::new(), json!({ "resourceVersion": page.revision.to_string() }));
        while let Some(object) = matching.next() {
            items.push(as_item(target, object));
            if page.limit > 0 && items.len() == page.limit && matching.peek().is_some() {
                let last = (text(object, "namespace"), text(object, "name"));
                metadata["continue"] = continue_token(page.revision, last).into();
                if filter_is_empty(request) {
                    metadata["remainingItemCount"] = matching.count().into();
                }
                break;
            }
        }
        if target.kind.origin == Origin::Custom && metadata["continue"].is_null() {
            metadata["continue"] = "".into();
        }
        let (kind, version) = (target.kind.list_kind(), target.kind.api_version());
        Ok(Response::ok(
            json!({ "kind": kind, "apiVersion": version, "metadata": metadata, "items": items }),
        ))
    }

    fn page(&self, target: &Target, request: &Request) -> Result<Page, Refusal> {
        let limit = request.asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
        let asked = request.asked("resourceVersion");
        if asked.is_none() && request.asked("resourceVersionMatch").is_some() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            return Err(Refusal::invalid_options(
                "ListOptions",
                &Cause::forbidden("resourceVersionMatch", why),
            ));
        }
        if let Some(Err(refusal)) = asked.map(parse_revision) {
            let message = format!("invalid resource version: resourceVersion: {}", refusal.message);
            return Err(Refusal::bad_request(message));
        }
        let (revision, after) = match (request.asked("continue"), asked, request.asked("resourceVersionMatch")) {
            (Some(token), None | Some("0"), _) => {
                let (revision, after) = read_continue_token(token)?;
                (revision, Some(after))
            }
            (Some(_), Some(_), _) => {
                return Err(Refusal::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            (None, Some(revision), Some("Exact")) => (parse_revision(revision)?, None),
            (None, revision, _) => {
                self.refuse_future(parse_revision(revision.unwrap_or("0"))?)?;
                (self.store.revision(), None)
            }
        };
        let objects = self
            .store
            .list_at(target.resource(), target.namespace_filter(), revision);
        let Some(mut objects) = objects else {
            return Err(match after {
                Some(_) => Refusal::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                     without the continue parameter, or use the continue token in this response to retrieve the remainder of \
                     the results. Continuing with the provided token results in an inconsistent list - objects that were \
                     created, modified, or deleted between the time the first chunk was returned and now may show up in the \
                     list.",
                ),
                None => Refusal::expired("The resourceVersion for the provided list is too old."),
            });
        };
        if let Some(after) = after {
            objects.retain(|object| (text(object, "namespace"), text(object, "name")) > after);
        }
        Ok(Page {
            objects,
            revision,
            limit,
        })
    }

    /// A resourceVersion that has not happened yet cannot be waited for: time stands still while a request is handled.
    pub(crate) fn refuse_future(&self, revision: u64) -> Result<(), Refusal> {
        if revision <= self.store.revision() {
            return Ok(());
        }
        let message = format!(
            "Too large resource version: {revision}, current: {}",
            self.store.revision()
        );
        let mut refusal = Refusal::new(504, "Timeout", message);
        refusal.details = Some(json!({
            "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
        }));
        refusal.retry_after = Some(1);
        Err(refusal)
    }
}

struct Page {
    objects: Vec<Arc<Value>>,
    revision: u64,
    /// 0: no limit.
    limit: usize,
}

/// An object in the version that was asked for.
pub(crate) fn as_served(target: &Target, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = target.kind.api_version().into();
    object["kind"] = target.kind.kind.clone().into();
    as_typed(target.resource(), &mut object);
    object
}

/// What a compiled type makes of fields that are not set: some are served as null, counts of zero not at all.
fn as_typed(resource: &str, object: &mut Value) {
    const COUNTS: &[&str] = &[
        "availableReplicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "unavailableReplicas",
        "updatedReplicas",
    ];
    match (resource, object.get_mut("status")) {
        ("pods", Some(status)) => {
            let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
            for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
                for time in ["lastProbeTime", "lastTransitionTime"] {
                    condition.entry(time).or_insert(Value::Null);
                }
            }
        }
        ("replicasets.apps", Some(Value::Object(status))) => {
            status.retain(|field, count| *count != 0 || !COUNTS.contains(&field.as_str()));
        }
        ("deployments.apps", Some(Value::Object(status))) => {
            status.retain(|field, count| *count != 0 || !(COUNTS.contains(&field.as_str()) || field == "replicas"));
        }
        (_, _) => {}
    }
}

/// An object as an item of a list: those of a typed list carry no type of their own.
pub(crate) fn as_item(target: &Target, object: &Value) -> Value {
    let mut item = as_served(target, object);
    if let Some(fields) = item.as_object_mut().filter(|_| target.kind.origin == Origin::BuiltIn) {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    item
}

pub(crate) fn text(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}

fn filter_is_empty(request: &Request) -> bool {
    request.asked("labelSelector").is_none() && request.asked("fieldSelector").is_none()
}

pub(crate) fn parse_revision(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| {
        Refusal::bad_request(format!(
            "Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    })
}

fn continue_token(revision: u64, (namespace, name): (String, String)) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "v": "meta.k8s.io/v1", "rv": revision, "start": [namespace, name] }).to_string())
}

fn read_continue_token(token: &str) -> Result<(u64, (String, String)), Refusal> {
    let broken = || Refusal::bad_request("continue key is not valid: illegal base64 data");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| broken())?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|_| broken())?;
    let start = |at: usize| token["start"][at].as_str().unwrap_or_default().to_owned();
    Ok((token["rv"].as_u64().ok_or_else(broken)?, (start(0), start(1))))
}
