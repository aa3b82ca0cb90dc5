//! Reading the cluster. What may not be read is said and left out: who prepares a switch is not always its administrator.

use std::time::Duration;

use api::keys;
use controller::permissions::{ALL, Place};
use controller::rival::{self, Held};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Deployment, Intent, Leader, Right, Seen};
use crate::cluster::{Cluster, Failure, Filter, Kind, Scope};

/// Questions that are asked at once.
const AT_ONCE: usize = 8;
/// How often Leases are read again.
const BETWEEN: Duration = Duration::from_secs(2);
/// Names by which a Deployment shows that it is a rollouts controller.
const CONTROLLERS: [&str; 2] = ["argo-rollouts", "sluice"];

/// Reads everything; `waiting` is told when it will take a while.
///
/// # Errors
/// The API server cannot be reached.
pub async fn gather(cluster: &Cluster, intent: Intent, mut waiting: impl FnMut(&str)) -> Result<Seen, Failure> {
    let version = cluster.ask(http::Request::get("/version"), None).await?;
    let mut seen = Seen {
        version: version["gitVersion"].as_str().unwrap_or_default().to_owned(),
        rights: rights(cluster, &intent).await?,
        intent,
        ..Seen::default()
    };
    let everywhere = Filter::default();
    let definitions = list(cluster, &mut seen, &Kind::CUSTOM_RESOURCE_DEFINITION, &everywhere).await?;
    seen.definitions = definitions;
    let selector = match seen.intent.instance_id.as_str() {
        "" => format!("!{}", keys::INSTANCE_ID),
        id => format!("{}={id}", keys::INSTANCE_ID),
    };
    let ours = Filter::labels(selector);
    seen.rollouts = list(cluster, &mut seen, &Kind::ROLLOUT, &ours)
        .await?
        .unwrap_or_default();
    seen.experiments = list(cluster, &mut seen, &Kind::EXPERIMENT, &ours)
        .await?
        .unwrap_or_default();
    seen.templates = list(cluster, &mut seen, &Kind::ANALYSIS_TEMPLATE, &ours)
        .await?
        .unwrap_or_default();
    if seen.intent.watched.is_empty() {
        let shared = list(cluster, &mut seen, &Kind::CLUSTER_ANALYSIS_TEMPLATE, &ours).await?;
        seen.templates.extend(shared.unwrap_or_default());
    }
    let deployments = list(cluster, &mut seen, &Kind::DEPLOYMENT, &everywhere).await?;
    seen.deployments = deployments.iter().flatten().filter_map(deployment).collect();
    seen.leaders = leaders(cluster, &mut seen, &mut waiting).await?;
    Ok(seen)
}

/// All objects of a kind, wherever they concern us; `None` where they may not be listed.
async fn list(cluster: &Cluster, seen: &mut Seen, kind: &Kind, filter: &Filter) -> Result<Option<Vec<Value>>, Failure> {
    let scope = match seen.intent.watched.as_str() {
        // Definitions are the cluster's, whatever is looked after.
        namespace if !namespace.is_empty() && *kind != Kind::CUSTOM_RESOURCE_DEFINITION => Scope::Namespace(namespace),
        _ => Scope::AllNamespaces,
    };
    match cluster.list(kind, scope, filter).await {
        Ok(objects) => Ok(Some(objects)),
        // Not installed, so there are none.
        Err(Failure::Refused(status)) if status.code == 404 => Ok(Some(Vec::new())),
        Err(failure @ Failure::Refused(_)) => {
            seen.unread.push(failure.to_string());
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

async fn rights(cluster: &Cluster, intent: &Intent) -> Result<Vec<Right>, Failure> {
    let mut questions = Vec::new();
    for line in ALL {
        let namespace = match line.place {
            Place::Watched => intent.watched.as_str(),
            Place::Cluster if intent.watched.is_empty() => "",
            Place::Cluster => continue,
            Place::Own => intent.own.as_str(),
        };
        for verb in line.verbs {
            let attributes = json!({
                "namespace": namespace, "verb": verb.as_str(), "group": line.kind.group(), "resource": line.kind.plural(),
                "subresource": line.part.as_str(),
            });
            let body = json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            });
            questions.push((line, *verb, body));
        }
    }
    let asked = stream::iter(questions).map(|(line, verb, body)| async move {
        let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let answer = cluster.ask(request, Some(&body)).await?;
        let allowed = answer["status"]["allowed"] == true;
        Ok::<_, Failure>(Right { line, verb, allowed })
    });
    asked.buffered(AT_ONCE).try_collect().await
}

fn deployment(object: &Value) -> Option<Deployment> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let labels = [
        text("/metadata/labels/app.kubernetes.io~1name"),
        text("/metadata/labels/app.kubernetes.io~1part-of"),
    ];
    let image = text("/spec/template/spec/containers/0/image");
    let is_one = CONTROLLERS.iter().any(|name| {
        let program = image.rsplit('/').next().unwrap_or_default();
        labels.contains(name) || program.split([':', '@']).next() == Some(name)
    });
    // Argo's dashboard is no controller.
    let is_other = labels[0].contains("dashboard") || image.contains("kubectl-argo-rollouts");
    (is_one && !is_other).then(|| Deployment {
        namespace: text("/metadata/namespace").to_owned(),
        name: text("/metadata/name").to_owned(),
        image: image.to_owned(),
        replicas: object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1),
    })
}

/// The Leases of controllers, and whether they are renewed: that takes as long as a Lease counts, where one is not.
async fn leaders(cluster: &Cluster, seen: &mut Seen, waiting: &mut impl FnMut(&str)) -> Result<Vec<Leader>, Failure> {
    let name = controller::config::lease_name(&seen.intent.instance_id);
    let filter = Filter {
        name: name.parse().ok(),
        ..Filter::default()
    };
    let read = async |seen: &mut Seen| -> Result<Vec<Held>, Failure> {
        let items = list(cluster, seen, &Kind::LEASE, &filter).await?.unwrap_or_default();
        Ok(rival::held(&json!({"items": items})))
    };
    let first = read(seen).await?;
    let mut live: Vec<Held> = Vec::new();
    if let Some(longest) = first.iter().map(|held| held.length).max() {
        waiting(&format!(
            "watching {} for a renewal, for {} s at most",
            some_leases(&first),
            longest.as_secs() + 2
        ));
        let end = Instant::now() + longest + BETWEEN;
        while Instant::now() < end && live.len() < first.len() {
            sleep(BETWEEN).await;
            let now = read(seen).await?;
            live = rival::renewed(&first, &now).cloned().collect();
        }
    }
    let leaders = first.into_iter().map(|held| Leader {
        is_live: live.iter().any(|live| live.lease == held.lease),
        namespace: held.lease.namespace,
        lease: held.lease.name,
        holder: held.holder,
    });
    Ok(leaders.collect())
}

fn some_leases(held: &[Held]) -> String {
    let names: Vec<String> = held.iter().map(|held| format!("Lease {}", held.lease)).collect();
    super::some(&names)
}
