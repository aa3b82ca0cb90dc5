//! Verbs on a simulated cluster: what the API server makes of their requests.

use serde_json::{Value, json};
use sim::world::Shared;
use sim::{ApiServer, Clock, Request, Service};

use super::{WEB, replica_set, said};

const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web";

/// A cluster with rollout `web`, its ReplicaSets, and nobody who looks after them.
fn shop() -> Shared {
    let start = "2026-01-08T12:00:00Z".parse().expect("an instant");
    let mut server = ApiServer::new(Clock::starting_at(start), 1);
    for crd in api::crd::all() {
        server.install(&crd).expect("a definition");
    }
    let mut post = |path: &str, object: &Value| server.handle(Request::post(path, object)).object().expect("created");
    let yaml = |text: &str| -> Value { serde_saphyr::from_str(text).expect("YAML") };
    post(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    let mut web = yaml(WEB);
    web["metadata"] = json!({"name": "web"});
    let mut stored = post(ROLLOUT.trim_end_matches("/web"), &web);
    for (hash, revision, image) in [("new", 2, "web:2"), ("old", 1, "web:1")] {
        let mut set = yaml(&replica_set(hash, revision, image).replace(", brandNew: kept", ""));
        set["metadata"]["ownerReferences"][0]["uid"] = stored["metadata"]["uid"].clone();
        set["metadata"]
            .as_object_mut()
            .expect("metadata")
            .retain(|key, _| key != "uid" && key != "creationTimestamp");
        set["spec"]["selector"] = json!({"matchLabels": {"rollouts-pod-template-hash": hash}});
        post("/apis/apps/v1/namespaces/shop/replicasets", &set);
    }
    stored["status"] = yaml(WEB)["status"].clone();
    stored["status"]["observedGeneration"] = json!("1");
    server
        .handle(Request::put(&format!("{ROLLOUT}/status"), &stored))
        .object()
        .expect("a status");
    Shared::new(server)
}

/// Runs the verbs one after another; after each, what has become of these parts of the rollout.
async fn played(lines: &[&str], parts: &[&str]) -> String {
    let shared = shop();
    let client = kube::Client::new(Service::new(shared.clone(), "sluice"), "shop");
    let mut story = String::new();
    for line in lines {
        let said = said(client.clone(), line).await;
        let web = shared.with(|server| server.handle(Request::get(ROLLOUT)).object().expect("the rollout"));
        let is = |part: &&str| format!("{part}={}", web.pointer(part).unwrap_or(&Value::Null));
        let parts: Vec<_> = parts.iter().map(is).collect();
        story.push_str(&format!(
            "$ sluice {line}\n{}\n   {}\n",
            said.join("\n"),
            parts.join(" ")
        ));
    }
    story
}

#[tokio::test]
async fn pause_promote_abort_retry() {
    let lines = [
        "pause web",
        "promote web",
        "promote web --full",
        "abort web",
        "retry rollout web",
        "restart web -i 5m",
    ];
    let parts = [
        "/spec/paused",
        "/status/pauseConditions",
        "/status/controllerPause",
        "/status/promoteFull",
        "/status/abort",
        "/spec/restartAt",
    ];
    insta::assert_snapshot!(played(&lines, &parts).await, @r##"
    $ sluice pause web
    out: rollout 'web' paused
       /spec/paused=true /status/pauseConditions=[{"reason":"CanaryPauseStep","startTime":"2026-01-08T11:00:00Z"}] /status/controllerPause=true /status/promoteFull=null /status/abort=null /spec/restartAt=null
    $ sluice promote web
    out: rollout 'web' promoted
       /spec/paused=false /status/pauseConditions=null /status/controllerPause=true /status/promoteFull=null /status/abort=null /spec/restartAt=null
    $ sluice promote web --full
    out: rollout 'web' fully promoted
       /spec/paused=false /status/pauseConditions=null /status/controllerPause=true /status/promoteFull=true /status/abort=null /spec/restartAt=null
    $ sluice abort web
    out: rollout 'web' aborted
       /spec/paused=false /status/pauseConditions=null /status/controllerPause=true /status/promoteFull=true /status/abort=true /spec/restartAt=null
    $ sluice retry rollout web
    out: rollout 'web' retried
       /spec/paused=false /status/pauseConditions=null /status/controllerPause=true /status/promoteFull=true /status/abort=false /spec/restartAt=null
    $ sluice restart web -i 5m
    out: rollout 'web' restarts in 5m0s
       /spec/paused=false /status/pauseConditions=null /status/controllerPause=true /status/promoteFull=true /status/abort=false /spec/restartAt="2026-01-08T12:05:00Z"
    "##);
}

#[tokio::test]
async fn images_and_templates() {
    let lines = [
        "set image web app=web:3",
        "undo web",
        "undo web --to-revision=2",
        "undo web --to-revision=2",
    ];
    let image = "/spec/template/spec/containers/0/image";
    insta::assert_snapshot!(played(&lines, &[image, "/metadata/generation"]).await, @r##"
    $ sluice set image web app=web:3
    out: rollout "web" image updated
       /spec/template/spec/containers/0/image="web:3" /metadata/generation=2
    $ sluice undo web
    out: rollout 'web' undo
       /spec/template/spec/containers/0/image="web:1" /metadata/generation=3
    $ sluice undo web --to-revision=2
    out: rollout 'web' undo
       /spec/template/spec/containers/0/image="web:2" /metadata/generation=4
    $ sluice undo web --to-revision=2
    out: skipped rollback (current template already matches revision 2)
       /spec/template/spec/containers/0/image="web:2" /metadata/generation=4
    "##);
}

#[tokio::test]
async fn looking_changes_nothing() {
    let lines = [
        "get rollout web",
        "list rollouts -A",
        "status web --watch=false",
        "abort none",
    ];
    insta::assert_snapshot!(played(&lines, &["/metadata/generation"]).await, @r##"
    $ sluice get rollout web
    out: Name:            web
    out: Namespace:       shop
    out: Status:          ॥ Paused
    out: Message:         CanaryPauseStep
    out: Strategy:        Canary
    out:   Step:          1/2
    out:   SetWeight:     25
    out:   ActualWeight:  0
    out: Replicas:
    out:   Desired:       4
    out:   Current:       4
    out:   Updated:       1
    out:   Ready:         4
    out:   Available:     4
    out: 
    out: NAME             KIND        STATUS         AGE  INFO
    out: ⟳ web            Rollout     ॥ Paused       0s
    out: ├──# revision:2
    out: │  └──⧉ web-new  ReplicaSet  ◌ Progressing  0s   canary
    out: └──# revision:1
    out:    └──⧉ web-old  ReplicaSet  ◌ Progressing  0s   stable
       /metadata/generation=1
    $ sluice list rollouts -A
    out: NAMESPACE  NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
    out: shop       web         Canary     Paused        1/2   25          4/4    4        1           4        
       /metadata/generation=1
    $ sluice status web --watch=false
    out: Paused - CanaryPauseStep
       /metadata/generation=1
    $ sluice abort none
    Error: rollouts.argoproj.io "none" not found
       /metadata/generation=1
    "##);
}
