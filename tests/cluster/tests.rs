use std::time::Duration;

use serde_json::{Value, json};
use sim::Request;
use sim::kubelet::status::is_ready;

use super::{Cluster, PODS, audit, call, child};

const PATIENCE: Duration = Duration::from_secs(90);

async fn create(cluster: &Cluster, path: &str, object: Value) {
    let created = call(&cluster.client, Request::post(path, &object)).await;
    created.unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
}

/// Creates a pod of one container, with what `more` merges into its spec.
async fn pod(cluster: &Cluster, namespace: &str, name: &str, image: &str, more: Value) {
    let mut spec = json!({"containers": [{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}]});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
    create(cluster, &format!("/api/v1/namespaces/{namespace}/pods"), pod).await;
}

/// Waits until a pod is so.
async fn until(cluster: &Cluster, namespace: &str, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let found = cluster.wait_for(PATIENCE, |history| {
        history.object(PODS, namespace, name).filter(|pod| holds(pod))
    });
    let found = found.await;
    found.unwrap_or_else(|| {
        panic!(
            "{name} is not {what}: {:?}",
            cluster.history.object(PODS, namespace, name)
        )
    })
}

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn pods_live_as_on_a_node() {
    let cluster = Cluster::shared();
    cluster.block_on(async {
        let here = "pods-live";
        cluster.namespace(here).await.expect("a namespace");
        let gate = json!({"readinessGates": [{"conditionType": "example.com/open"}]});
        pod(&cluster, here, "gated", "web:v1", gate).await;
        pod(&cluster, here, "no-image", "web:no-pull", json!({})).await;
        pod(&cluster, here, "crashing", "web:crash", json!({})).await;

        let contained = until(&cluster, here, "gated", "running", |pod| {
            pod["status"]["containerStatuses"][0]["ready"] == true
        });
        let contained = contained.await;
        assert!(!is_ready(&contained), "the gate is closed: {}", contained["status"]);
        let open = json!({"status": {"conditions": [{"type": "example.com/open", "status": "True"}]}});
        let path = format!("/api/v1/namespaces/{here}/pods/gated/status");
        call(&cluster.client, Request::strategic_patch(&path, &open))
            .await
            .expect("the gate opens");
        let ready = until(&cluster, here, "gated", "ready", is_ready).await;
        let conditions = ready["status"]["conditions"].to_string();
        assert!(
            conditions.contains("example.com/open"),
            "foreign conditions stay: {conditions}"
        );

        let ip = ready["status"]["podIP"]
            .as_str()
            .and_then(|ip| ip.parse().ok())
            .expect("a pod IP");
        let at = cluster.dial.dial(ip, 8080).expect("the pod serves");
        let answer = tokio::net::TcpStream::connect(at).await;
        assert!(answer.is_ok(), "{answer:?}");

        let waits = |reason: &'static str| {
            move |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
        };
        until(&cluster, here, "no-image", "without image", waits("ImagePullBackOff")).await;
        until(&cluster, here, "crashing", "in a loop", waits("CrashLoopBackOff")).await;

        call(&cluster.client, Request::delete(&path.replace("/status", "")))
            .await
            .expect("the pod ends");
        let gone = cluster.wait_for(PATIENCE, |history| {
            history.object(PODS, here, "gated").is_none().then_some(())
        });
        gone.await.expect("the pod is gone after its grace");
        assert_eq!(cluster.dial.dial(ip, 8080), None, "nobody serves any more");
    });
}

/// Two Jobs that differ only in what their shell does.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn the_commands_of_jobs_are_really_run() {
    let cluster = Cluster::shared();
    cluster.block_on(async {
        let here = "jobs-run";
        cluster.namespace(here).await.expect("a namespace");
        let file = cluster.plane.directory().join("written-by-a-job");
        let write = format!("echo $WORD > '{}'", file.display());
        for (name, line) in [("good", write.as_str()), ("bad", "test 1 = 2")] {
            let container = json!({
                "name": "job", "image": "sh", "command": ["sh", "-c", line], "env": [{"name": "WORD", "value": "done"}],
            });
            let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
            let job = json!({
                "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
                "spec": {"backoffLimit": 0, "template": template},
            });
            create(&cluster, &format!("/apis/batch/v1/namespaces/{here}/jobs"), job).await;
        }
        for (name, condition) in [("good", "Complete"), ("bad", "Failed")] {
            let path = format!("/apis/batch/v1/namespaces/{here}/jobs/{name}");
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let job = call(&cluster.client, Request::get(&path)).await.expect("the Job");
                let mut conditions = job["status"]["conditions"].as_array().into_iter().flatten();
                if conditions.any(|one| one["type"] == condition && one["status"] == "True") {
                    break;
                }
                assert!(tokio::time::Instant::now() < deadline, "{name}: {}", job["status"]);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        assert_eq!(std::fs::read_to_string(&file).expect("what the job wrote"), "done\n");
    });
}

/// The built program as a process of its own, killed without warning in the middle of a canary.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn a_controller_that_is_killed_is_followed_by_another() {
    let cluster = Cluster::shared();
    let flags = ["--namespaced", "--namespace=killed", "--leader-elect=false"];
    let start =
        |name: &str| child::controller(&cluster, name, &cluster.plane.kubeconfig(), &flags).expect("a controller");
    cluster.block_on(cluster.namespace("killed")).expect("a namespace");
    let mut first = start("controller-first");
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:v1"}]}},
            "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": 5}}]}},
        },
    });
    let path = "/apis/argoproj.io/v1alpha1/namespaces/killed/rollouts";
    cluster.block_on(create(&cluster, path, rollout));
    let phase = |wanted: &'static str, step: u64, generation: &'static str| {
        let reached = cluster.block_on(cluster.wait_for(PATIENCE, |history| {
            let status = history.object(super::ROLLOUTS, "killed", "web")?["status"].clone();
            let is = status["phase"] == wanted && status["currentStepIndex"] == step;
            (is && status["observedGeneration"] == generation).then_some(())
        }));
        let seen = || {
            cluster
                .history
                .object(super::ROLLOUTS, "killed", "web")
                .unwrap_or_default()["status"]
                .clone()
        };
        reached.unwrap_or_else(|| panic!("not {wanted} at step {step}: {}\n{}", seen(), first_words(&cluster)));
    };
    phase("Healthy", 2, "1");
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:v2"}]}}}});
    cluster
        .block_on(call(
            &cluster.client,
            Request::merge_patch(&format!("{path}/web"), &image),
        ))
        .expect("a new image");
    phase("Paused", 1, "2");
    first.signal("KILL").expect("killed");
    first.wait().expect("it ends");
    let _second = start("controller-second");
    phase("Healthy", 2, "2");
    let requests = audit::read(&cluster.plane.audit_log()).expect("the audit log");
    let ours = |request: &&audit::Requested| request.namespace == "killed" && request.agent.starts_with("sluice/");
    let created = requests.iter().filter(ours).filter(|request| request.verb == "create");
    let sets = created.filter(|request| request.resource == "replicasets.apps");
    assert_eq!(sets.count(), 2, "each revision is created once");
}

fn first_words(cluster: &Cluster) -> String {
    let log = |name: &str| std::fs::read_to_string(cluster.plane.directory().join(name)).unwrap_or_default();
    format!("{}\n{}", log("controller-first.log"), log("controller-second.log"))
}
