//! The chart, installed by Helm on a real API server, and the controller under the rights of its ServiceAccount alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use controller::permissions::ALL;
use serde_json::{Value, json};
use sim::Request;

use super::scripted::Scripted;
use super::{Cluster, PODS, REPLICA_SETS, ROLLOUTS, RUNS, Settings, call, child};

const PATIENCE: Duration = Duration::from_secs(120);
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Where the controller lives, and where its rollouts are.
const OWN: &str = "argo-rollouts";
const HERE: &str = "shop";
const ACCOUNT: &str = "system:serviceaccount:argo-rollouts:sluice";

/// What Helm said; an error when it failed.
fn helm<const N: usize>(cluster: &Cluster, arguments: [&str; N]) -> Result<String, String> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/sluice");
    let arguments = arguments.map(|argument| {
        if argument == "CHART" {
            chart.as_os_str()
        } else {
            argument.as_ref()
        }
    });
    let output = Command::new(program())
        .args(arguments)
        .args(["--namespace", OWN, "--kubeconfig"])
        .arg(cluster.plane.kubeconfig())
        .env("HELM_CACHE_HOME", cluster.plane.directory().join("helm"))
        .output();
    let output = output.unwrap_or_else(|error| panic!("could not start Helm, which `.ci/run chart` builds: {error}"));
    let said = [output.stdout, output.stderr]
        .map(|said| String::from_utf8_lossy(&said).into_owned())
        .concat();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// Helm on the path, or where Go puts what it builds.
fn program() -> PathBuf {
    let go = Command::new("go").args(["env", "GOPATH"]).output().ok();
    let go = go.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("bin/helm"));
    go.filter(|built| built.is_file())
        .unwrap_or_else(|| PathBuf::from("helm"))
}

async fn create(cluster: &Cluster, path: &str, object: &Value) {
    let created = call(&cluster.client, Request::post(path, object)).await;
    created.unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
}

/// Waits until a Rollout is so.
async fn until(cluster: &Cluster, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let found = cluster.wait_for(PATIENCE, |history| {
        history.object(ROLLOUTS, HERE, name).filter(|rollout| holds(rollout))
    });
    found.await.unwrap_or_else(|| {
        let status = cluster
            .history
            .object(ROLLOUTS, HERE, name)
            .map(|rollout| rollout["status"].clone());
        panic!("{name} is not {what}: {status:?}")
    })
}

/// Healthy as of this generation, and not as it was before.
fn is_healthy(generation: i64) -> impl Fn(&Value) -> bool {
    move |rollout| {
        let now = rollout["metadata"]["generation"].as_i64().unwrap_or_default();
        let (status, seen) = (&rollout["status"], now.to_string());
        status["phase"] == "Healthy" && now >= generation && status["observedGeneration"].as_str() == Some(&seen)
    }
}

/// Changes the Rollout as a user does, and gives its new generation.
async fn change(cluster: &Cluster, patch: &Value) -> i64 {
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{HERE}/rollouts/web");
    let patched = call(&cluster.client, Request::json_patch(&path, patch)).await;
    patched.expect("a change")["metadata"]["generation"]
        .as_i64()
        .unwrap_or_default()
}

fn image(image: &str) -> Value {
    json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}])
}

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn the_chart_installs_runs_under_its_own_rights_and_leaves_the_workloads() {
    let cluster = Cluster::start(&Settings::default()).unwrap_or_else(|error| panic!("no cluster: {error:#}"));
    cluster.block_on(cluster.namespace(HERE)).expect("a namespace");
    // The definitions are there already and nobody's, as those of Argo Rollouts would be.
    let install = ["upgrade", "--install", "sluice", "CHART", "--create-namespace"];
    let refused = helm(&cluster, install).expect_err("definitions that are nobody's are not taken silently");
    assert!(refused.contains("invalid ownership metadata"), "{refused}");
    let taking = [
        "upgrade",
        "--install",
        "sluice",
        "CHART",
        "--create-namespace",
        "--take-ownership",
    ];
    let notes = helm(&cluster, taking).unwrap_or_else(|said| panic!("{said}"));
    assert!(notes.contains("looks after all namespaces"), "{notes}");
    // Client-side apply of the same, as without Helm, and a second release of the same version.
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds");
    cluster
        .kubectl(["apply", "-f", &crds.to_string_lossy()])
        .expect("kubectl apply -f crds/");
    helm(&cluster, install).unwrap_or_else(|said| panic!("{said}"));

    let token = cluster.block_on(cluster.token(OWN, "sluice")).expect("a token");
    let kubeconfig = child::kubeconfig(&cluster, "sluice", &token).expect("a kubeconfig");
    let mut controller =
        child::controller(&cluster, "sluice", &kubeconfig, &["--logformat=json"]).expect("a controller");
    let metrics = cluster.block_on(work(&cluster));
    assert_eq!(controller.ended(), None);
    cluster.block_on(denied(&cluster));
    drop(metrics);
    assert_eq!(controller.ended(), None);
    asked_for_nothing_else(&cluster);

    let kept = cluster.block_on(survivors(&cluster));
    let said = helm(&cluster, ["uninstall", "sluice", "--wait"]).unwrap_or_else(|said| panic!("{said}"));
    assert!(said.contains("kept due to the resource policy"), "{said}");
    assert_eq!(
        cluster.block_on(survivors(&cluster)),
        kept,
        "an uninstall deletes no workload"
    );
}

/// An update behind Services with an analysis that reads a Secret, metadata by role, a restart, and no history kept.
/// Gives the metrics system, which later updates ask too.
async fn work(cluster: &Cluster) -> Scripted {
    for name in ["stable", "canary"] {
        let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
        create(cluster, &format!("/api/v1/namespaces/{HERE}/services"), &service).await;
    }
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"key": "s3cr3t"}});
    create(cluster, &format!("/api/v1/namespaces/{HERE}/secrets"), &secret).await;
    let metrics = Scripted::start().await.expect("metrics");
    let mut template = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "rate"},
        "spec": {
            "args": [{"name": "token", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}}],
            "metrics": [{"name": "rate", "successCondition": "result >= 0", "provider": {"prometheus": {
                "address": "http://prometheus", "query": "rate",
                "headers": [{"key": "Token", "value": "{{args.token}}"}]}}}],
        },
    });
    metrics.redirect(&mut template);
    let ours = format!("/apis/argoproj.io/v1alpha1/namespaces/{HERE}");
    create(cluster, &format!("{ours}/analysistemplates"), &template).await;
    create(cluster, &format!("{ours}/rollouts"), &rollout()).await;
    until(cluster, "web", "healthy", is_healthy(1)).await;
    let updated = change(cluster, &image("web:v2")).await;
    until(cluster, "web", "healthy again", is_healthy(updated)).await;
    let alone = cluster.wait_for(PATIENCE, |history| {
        let (sets, runs) = (history.objects(REPLICA_SETS, HERE), history.objects(RUNS, HERE));
        (sets.len() == 1 && runs.is_empty()).then_some(())
    });
    alone.await.expect("old revisions and runs are deleted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let at = super::history::now();
    let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let restarted = change(cluster, &json!([{"op": "add", "path": "/spec/restartAt", "value": at}])).await;
    until(cluster, "web", "restarted", |rollout| {
        rollout["status"]["restartedAt"] == json!(at)
    })
    .await;
    until(cluster, "web", "healthy after all", is_healthy(restarted)).await;
    metrics
}

fn rollout() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "revisionHistoryLimit": 0,
            "analysis": {"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 0},
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}]}]},
            },
            "strategy": {"canary": {
                "stableService": "stable", "canaryService": "canary", "canaryMetadata": {"labels": {"role": "canary"}},
                "steps": [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "rate"}]}}],
            }},
        },
    })
}

/// One right is taken away: the rollout says which, and goes on when it is back.
async fn denied(cluster: &Cluster) {
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/sluice";
    let role = call(&cluster.client, Request::get(path)).await.expect("the role");
    let rules = |without: &str| {
        let mut rules = role["rules"].clone();
        for rule in rules.as_array_mut().into_iter().flatten() {
            if rule["resources"] == json!([without]) {
                rule["verbs"] = json!(["get", "list", "watch"]);
            }
        }
        json!({"rules": rules})
    };
    call(&cluster.client, Request::merge_patch(path, &rules("services")))
        .await
        .expect("a right less");
    let denied = change(cluster, &image("web:v3")).await;
    let words = format!("User \"{ACCOUNT}\" cannot patch resource \"services\"");
    until(cluster, "web", "withheld", |rollout| {
        let conditions = rollout["status"]["conditions"].as_array().into_iter().flatten();
        let mut said = conditions.filter(|condition| condition["type"] == "Withheld");
        said.any(|condition| condition["message"].as_str().is_some_and(|text| text.contains(&words)))
    })
    .await;
    call(&cluster.client, Request::merge_patch(path, &rules("nothing")))
        .await
        .expect("the right again");
    until(cluster, "web", "healthy with its rights", is_healthy(denied)).await;
}

/// By the audit log: nothing was asked for that is not on the list, and nothing was refused but what was taken away.
fn asked_for_nothing_else(cluster: &Cluster) {
    let listed: BTreeSet<String> = ALL
        .iter()
        .flat_map(|line| line.verbs.iter().map(|verb| format!("{verb} {}", line.full_resource())))
        .collect();
    let log = std::fs::read_to_string(cluster.plane.audit_log()).expect("an audit log");
    let mut asked = BTreeSet::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if line["user"]["username"] != ACCOUNT {
            continue;
        }
        let text = |key: &str| line["objectRef"][key].as_str().unwrap_or_default();
        let mut resource = text("resource").to_owned();
        for (mark, part) in [(".", text("apiGroup")), ("/", text("subresource"))] {
            if !part.is_empty() {
                resource = format!("{resource}{mark}{part}");
            }
        }
        let what = format!("{} {resource}", line["verb"].as_str().unwrap_or_default());
        assert!(listed.contains(&what), "not on the list: {what}");
        if line["responseStatus"]["code"] == 403 {
            assert_eq!(what, "patch services", "refused: {line}");
        }
        asked.insert(what);
    }
    assert!(asked.len() > 20, "{asked:?}");
}

/// The definitions, and the rollout with its pods.
async fn survivors(cluster: &Cluster) -> Vec<String> {
    let mut names = Vec::new();
    let pods = format!("/api/v1/namespaces/{HERE}/pods");
    for path in [CRDS, ROLLOUTS, REPLICA_SETS, &pods] {
        let list = call(&cluster.client, Request::get(path)).await.expect("a list");
        for item in list["items"].as_array().into_iter().flatten() {
            let kept = item["metadata"]["namespace"] != OWN && item["metadata"]["deletionTimestamp"].is_null();
            if kept {
                names.push(format!("{path} {}", item["metadata"]["name"]));
            }
        }
    }
    assert!(
        names.iter().any(|name| name.contains(PODS) || name.contains("/pods")),
        "{names:?}"
    );
    names
}

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn in_namespaced_mode_no_right_of_the_cluster_is_needed() {
    let cluster = Cluster::start(&Settings::default()).unwrap_or_else(|error| panic!("no cluster: {error:#}"));
    cluster.block_on(cluster.namespace(HERE)).expect("a namespace");
    let values = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/sluice/ci/namespaced-values.yaml");
    let values = values.to_string_lossy().into_owned();
    helm(
        &cluster,
        ["install", "sluice", "CHART", "--create-namespace", "--values", &values],
    )
    .unwrap_or_else(|said| panic!("{said}"));
    let of_the_cluster = cluster.kubectl([
        "get",
        "clusterroles,clusterrolebindings",
        "-l",
        "app.kubernetes.io/part-of=sluice",
    ]);
    assert_eq!(of_the_cluster.expect("a list"), "");
    let token = cluster.block_on(cluster.token(OWN, "sluice")).expect("a token");
    let kubeconfig = child::kubeconfig(&cluster, "sluice", &token).expect("a kubeconfig");
    let flags = ["--namespaced", "--namespace", HERE];
    let mut controller = child::controller(&cluster, "sluice", &kubeconfig, &flags).expect("a controller");
    let mut plain = rollout();
    plain["spec"]["strategy"] = json!({"canary": {"steps": [{"setWeight": 50}]}});
    cluster.block_on(async {
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{HERE}/rollouts");
        create(&cluster, &path, &plain).await;
        until(&cluster, "web", "healthy", is_healthy(1)).await;
    });
    assert_eq!(controller.ended(), None);
    asked_only_here(&cluster);
}

/// By the audit log: nothing was refused.
fn asked_only_here(cluster: &Cluster) {
    let log = std::fs::read_to_string(cluster.plane.audit_log()).expect("an audit log");
    let ours = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let refused: Vec<String> = ours
        .filter(|line| line["user"]["username"] == ACCOUNT && line["responseStatus"]["code"] == 403)
        .map(|line| line["responseStatus"]["message"].to_string())
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}
