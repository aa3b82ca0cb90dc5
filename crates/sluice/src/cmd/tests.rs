//! Verbs against a server that writes down what it is asked: every request, then every word printed.

mod preflight;
mod server;
mod sim;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clap::Parser;

use super::Reach;
use crate::args::Sluice;
use crate::cluster::Cluster;
use crate::console::Console;
use crate::render::Paint;
use server::Server;

/// Runs `sluice LINE` against the server, and tells all of it: requests, then words.
async fn told(server: Server, line: &str) -> String {
    let (client, log) = server.client();
    let said = said(client, line).await;
    let mut text = log.lock().expect("the log").clone();
    text.extend(said);
    text.join("\n")
}

/// What `sluice LINE` says in namespace `shop` on 8 January 2026 at noon.
async fn said(client: kube::Client, line: &str) -> Vec<String> {
    let typed = Sluice::try_parse_from(std::iter::once("sluice").chain(line.split_whitespace()));
    let sluice = match typed {
        Ok(sluice) => sluice,
        Err(error) => return error.to_string().lines().map(str::to_owned).collect(),
    };
    let (out, err) = (Sink::default(), Sink::default());
    let mut console = Console {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        clock: || "2026-01-08T12:00:00Z".parse().expect("an instant"),
        paint: Paint::Plain,
    };
    let cluster = Cluster::new(client, "http://test".to_owned(), "shop".to_owned(), None);
    let done = sluice.verb.run(&Reach::Over(cluster), &mut console).await;
    let mut lines = Vec::new();
    for (label, printed) in [("out", out.text()), ("err", err.text())] {
        lines.extend(printed.lines().map(|line| format!("{label}: {line}")));
    }
    if let Err(error) = done {
        lines.push(format!("Error: {}", crate::words::said_once(error.as_ref())));
    }
    lines
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("the sink").clone()).expect("text")
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the sink").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const WEB: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop, uid: u, generation: 2, resourceVersion: '7', creationTimestamp: '2026-01-01T12:00:00Z'}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  strategy: {canary: {steps: [{setWeight: 25}, {pause: {}}]}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'web:2', brandNew: kept}, {name: log, image: 'log:1'}]}
status:
  observedGeneration: '2'
  phase: Paused
  message: CanaryPauseStep
  currentStepIndex: 1
  currentPodHash: new
  stableRS: old
  replicas: 4
  readyReplicas: 4
  updatedReplicas: 1
  availableReplicas: 4
  controllerPause: true
  pauseConditions: [{reason: CanaryPauseStep, startTime: '2026-01-08T11:00:00Z'}]";

fn replica_set(hash: &str, revision: u32, image: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-{hash}
  namespace: shop
  uid: {hash}
  creationTimestamp: '2026-01-01T12:00:00Z'
  labels: {{app: web, rollouts-pod-template-hash: {hash}}}
  annotations: {{rollout.argoproj.io/revision: '{revision}'}}
  ownerReferences: [{{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: u, controller: true}}]
spec:
  replicas: 1
  template:
    metadata: {{labels: {{app: web, rollouts-pod-template-hash: {hash}}}}}
    spec: {{containers: [{{name: app, image: '{image}', brandNew: kept}}]}}
status: {{replicas: 1, availableReplicas: 1}}"
    )
}

fn shop() -> Server {
    Server::with(&[WEB, &replica_set("new", 2, "web:2"), &replica_set("old", 1, "web:1")])
}

#[tokio::test]
async fn abort_patches_the_status() {
    insta::assert_snapshot!(told(shop(), "abort web").await, @r##"
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status
      application/merge-patch+json
      {"status":{"abort":true}}
    out: rollout 'web' aborted
    "##);
}

#[tokio::test]
async fn abort_falls_back_to_the_object_itself() {
    let server = shop().refusing(
        "PATCH",
        "rollouts/web/status",
        404,
        "NotFound",
        "the server could not find the requested resource",
    );
    insta::assert_snapshot!(told(server, "abort web").await, @r##"
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status
      application/merge-patch+json
      {"status":{"abort":true}}
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/merge-patch+json
      {"status":{"abort":true}}
    out: rollout 'web' aborted
    "##);
}

#[tokio::test]
async fn abort_of_a_missing_rollout_stops_there() {
    insta::assert_snapshot!(told(shop(), "abort cart web").await, @r##"
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart/status
      application/merge-patch+json
      {"status":{"abort":true}}
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart
      application/merge-patch+json
      {"status":{"abort":true}}
    Error: rollouts.argoproj.io "cart" not found
    "##);
}

#[tokio::test]
async fn retry_pause_restart_terminate() {
    let experiment = "{apiVersion: argoproj.io/v1alpha1, kind: Experiment, metadata: {name: e, namespace: shop}}";
    let run = "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisRun, metadata: {name: r, namespace: shop}}";
    let mut all = String::new();
    for line in [
        "retry ro web",
        "retry experiment e",
        "pause web",
        "restart web",
        "restart web -i 1h30m",
        "terminate ar r",
        "terminate exp e",
    ] {
        all.push_str(&format!(
            "$ sluice {line}\n{}\n",
            told(Server::with(&[WEB, experiment, run]), line).await
        ));
    }
    insta::assert_snapshot!(all, @r##"
    $ sluice retry ro web
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status
      application/merge-patch+json
      {"status":{"abort":false}}
    out: rollout 'web' retried
    $ sluice retry experiment e
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/experiments/e
      application/merge-patch+json
      {"status":null}
    out: experiment 'e' retried
    $ sluice pause web
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/merge-patch+json
      {"spec":{"paused":true}}
    out: rollout 'web' paused
    $ sluice restart web
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/merge-patch+json
      {
      	"spec": {
      		"restartAt": "2026-01-08T12:00:00Z"
      	}
      }
    out: rollout 'web' restarts in 0s
    $ sluice restart web -i 1h30m
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/merge-patch+json
      {
      	"spec": {
      		"restartAt": "2026-01-08T13:30:00Z"
      	}
      }
    out: rollout 'web' restarts in 1h30m0s
    $ sluice terminate ar r
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/r
      application/merge-patch+json
      {"spec":{"terminate":true}}
    out: analysisRun 'r' terminated
    $ sluice terminate exp e
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/experiments/e
      application/merge-patch+json
      {"spec":{"terminate":true}}
    out: experiment 'e' retried
    "##);
}

#[tokio::test]
async fn promote_clears_the_pause() {
    insta::assert_snapshot!(told(shop(), "promote web").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status
      application/merge-patch+json
      {"status":{"pauseConditions":null}}
    out: rollout 'web' promoted
    "##);
}

#[tokio::test]
async fn promote_full() {
    insta::assert_snapshot!(told(shop(), "promote web --full").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status
      application/merge-patch+json
      {"status":{"promoteFull":true}}
    out: rollout 'web' fully promoted
    "##);
}

#[tokio::test]
async fn promote_without_a_status_subresource() {
    let server = shop().refusing("PATCH", "rollouts/web/status", 404, "NotFound", "no such thing");
    insta::assert_snapshot!(told(server, "promote web --full").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status
      application/merge-patch+json
      {"status":{"promoteFull":true}}
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/merge-patch+json
      {"spec":{"paused":false},"status":{"promoteFull":true}}
    out: rollout 'web' fully promoted
    "##);
}

#[tokio::test]
async fn set_image_puts_the_whole_object_back() {
    insta::assert_snapshot!(told(shop(), "set image web app=web:3").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    PUT /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/json
      {"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"web","namespace":"shop","uid":"u","generation":2,"resourceVersion":"7","creationTimestamp":"2026-01-01T12:00:00Z"},"spec":{"replicas":4,"selector":{"matchLabels":{"app":"web"}},"strategy":{"canary":{"steps":[{"setWeight":25},{"pause":{}}]}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"web:3","brandNew":"kept"},{"name":"log","image":"log:1"}]}}},"status":{"observedGeneration":"2","phase":"Paused","message":"CanaryPauseStep","currentStepIndex":1,"currentPodHash":"new","stableRS":"old","replicas":4,"readyReplicas":4,"updatedReplicas":1,"availableReplicas":4,"controllerPause":true,"pauseConditions":[{"reason":"CanaryPauseStep","startTime":"2026-01-08T11:00:00Z"}]}}
    out: rollout "web" image updated
    "##);
}

#[tokio::test]
async fn set_image_tries_again_after_a_conflict() {
    let server = shop().refusing("PUT", "rollouts/web", 409, "Conflict", "the object has been modified");
    let told = told(server, "set image web *=web:3").await;
    let requests: Vec<_> = told.lines().filter(|line| !line.starts_with("  ")).collect();
    insta::assert_snapshot!(requests.join("\n"), @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    PUT /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    PUT /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    out: rollout "web" image updated
    "##);
}

#[tokio::test]
async fn set_image_of_no_container() {
    insta::assert_snapshot!(told(shop(), "set image web sidecar=web:3").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    Error: unable to find container named "sidecar"
    "##);
}

#[tokio::test]
async fn set_image_of_a_referenced_deployment() {
    let web = "
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: app}, strategy: {canary: {}}}";
    let deployment = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: shop}
spec: {template: {spec: {containers: [{name: app, image: 'web:1'}]}}}";
    insta::assert_snapshot!(told(Server::with(&[web, deployment]), "set image web app=web:2").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/apps/v1/namespaces/shop/deployments/app
    PUT /apis/apps/v1/namespaces/shop/deployments/app
      application/json
      {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"app","image":"web:2"}]}}}}
    out: deployment "app" image updated
    "##);
}

#[tokio::test]
async fn undo_replaces_the_template() {
    insta::assert_snapshot!(told(shop(), "undo web").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/apps/v1/namespaces/shop/replicasets?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
      application/json-patch+json
      [{"op":"replace","path":"/spec/template","value":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"web:1","brandNew":"kept"}]}}}]
    out: rollout 'web' undo
    "##);
}

#[tokio::test]
async fn undo_to_what_it_is_does_nothing() {
    let same = replica_set("new", 2, "web:2").replace("kept}]", "kept}, {name: log, image: 'log:1'}]");
    let server = Server::with(&[WEB, &same]);
    insta::assert_snapshot!(told(server, "undo web --to-revision=2").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/apps/v1/namespaces/shop/replicasets?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    out: skipped rollback (current template already matches revision 2)
    ");
}

#[tokio::test]
async fn undo_knows_a_template_by_what_the_server_stores() {
    let stored = replica_set("new", 2, "web:2").replace(
        "brandNew: kept}]}",
        "brandNew: kept, imagePullPolicy: IfNotPresent}, {name: log, image: 'log:1'}], restartPolicy: Always}",
    );
    let server = Server::with(&[WEB, &stored]);
    let told = told(server, "undo web --to-revision=2").await;
    insta::assert_snapshot!(told.lines().last().unwrap_or_default(), @"out: skipped rollback (current template already matches revision 2)");
}

#[tokio::test]
async fn undo_to_what_never_was() {
    insta::assert_snapshot!(told(shop(), "undo web --to-revision=9").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/apps/v1/namespaces/shop/replicasets?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    Error: unable to find specified revision 9 in history
    ");
}

#[tokio::test]
async fn undo_of_a_first_revision() {
    let server = Server::with(&[WEB, &replica_set("new", 1, "web:2")]);
    insta::assert_snapshot!(told(server, "undo web").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/apps/v1/namespaces/shop/replicasets?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    Error: no revision found for rollout "web"
    "##);
}

#[tokio::test]
async fn status_once() {
    insta::assert_snapshot!(told(shop(), "status web --watch=false").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    out: Paused - CanaryPauseStep
    ");
}

#[tokio::test(start_paused = true)]
async fn status_waits_until_healthy() {
    let server = shop()
        .then(WEB, "phase: Paused", "phase: Progressing")
        .then(WEB, "phase: Paused", "phase: Progressing")
        .then(WEB, "phase: Paused\n  message: CanaryPauseStep", "phase: Healthy");
    insta::assert_snapshot!(told(server, "status web").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&fieldSelector=metadata.name%3Dweb&limit=500
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&watch=true&timeoutSeconds=290&fieldSelector=metadata.name%3Dweb&allowWatchBookmarks=true&resourceVersion=7
    out: Paused - CanaryPauseStep
    out: Progressing - CanaryPauseStep
    out: Healthy
    ");
}

#[tokio::test(start_paused = true)]
async fn status_of_a_degraded_rollout_is_an_error() {
    let server = shop().then(
        WEB,
        "phase: Paused\n  message: CanaryPauseStep",
        "phase: Degraded\n  message: it broke",
    );
    insta::assert_snapshot!(told(server, "status web").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&fieldSelector=metadata.name%3Dweb&limit=500
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&watch=true&timeoutSeconds=290&fieldSelector=metadata.name%3Dweb&allowWatchBookmarks=true&resourceVersion=7
    out: Paused - CanaryPauseStep
    out: Degraded - it broke
    Error: The rollout is in a degraded state with message: it broke
    ");
}

#[tokio::test(start_paused = true)]
async fn status_gives_up_in_time() {
    insta::assert_snapshot!(told(shop(), "status web --timeout 10s").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&fieldSelector=metadata.name%3Dweb&limit=500
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&watch=true&timeoutSeconds=290&fieldSelector=metadata.name%3Dweb&allowWatchBookmarks=true&resourceVersion=7
    out: Paused - CanaryPauseStep
    Error: Rollout status watch exceeded timeout
    ");
}

#[tokio::test]
async fn status_of_a_missing_rollout() {
    insta::assert_snapshot!(told(shop(), "status cart").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart
    Error: rollout.argoproj.io "cart" not found
    "##);
}

#[tokio::test]
async fn get_rollout_reads_by_label() {
    insta::assert_snapshot!(told(shop(), "get rollout web").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web
    GET /apis/apps/v1/namespaces/shop/replicasets?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    GET /api/v1/namespaces/shop/pods?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns?&labelSelector=app%3Dweb%2Crollouts-pod-template-hash&limit=500
    out: Name:            web
    out: Namespace:       shop
    out: Status:          ॥ Paused
    out: Message:         CanaryPauseStep
    out: Strategy:        Canary
    out:   Step:          1/2
    out:   SetWeight:     25
    out:   ActualWeight:  25
    out: Images:          web:1 (stable)
    out:                  web:2 (canary)
    out: Replicas:
    out:   Desired:       4
    out:   Current:       4
    out:   Updated:       1
    out:   Ready:         4
    out:   Available:     4
    out: 
    out: NAME             KIND        STATUS     AGE  INFO
    out: ⟳ web            Rollout     ॥ Paused   7d
    out: ├──# revision:2
    out: │  └──⧉ web-new  ReplicaSet  ✔ Healthy  7d   canary
    out: └──# revision:1
    out:    └──⧉ web-old  ReplicaSet  ✔ Healthy  7d   stable
    ");
}

#[tokio::test]
async fn get_leaves_out_what_it_cannot_read() {
    let broken = replica_set("bad", 3, "web:9").replace("replicas: 1\n", "replicas: one\n");
    let server = Server::with(&[WEB, &broken]);
    let told = told(server, "get rollout web").await;
    let tail: Vec<_> = told.lines().skip_while(|line| !line.contains("AGE")).collect();
    insta::assert_snapshot!(tail.join("\n"), @r##"
    out: NAME   KIND     STATUS    AGE  INFO
    out: ⟳ web  Rollout  ॥ Paused  7d
    err: Warning: could not read all of replicaset.apps "web-bad": invalid type: string "one", expected i32
    "##);
}

#[tokio::test]
async fn get_of_a_missing_rollout() {
    insta::assert_snapshot!(told(shop(), "get rollout cart").await, @r##"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart
    Error: rollout.argoproj.io "cart" not found
    "##);
}

#[tokio::test(start_paused = true)]
async fn get_redraws_on_change_and_each_second() {
    let server = shop().then(WEB, "phase: Paused\n  message: CanaryPauseStep", "phase: Healthy");
    let told = told(server, "get rollout web -w --timeout-seconds 2").await;
    let drawn: Vec<_> = told
        .lines()
        .filter(|line| line.contains("Name:") || line.contains("Status:"))
        .collect();
    insta::assert_snapshot!(drawn.join("\n").replace('\u{1b}', "ESC"), @"
    out: ESC[HESC[2JESC[0;0HName:            web
    out: Status:          ॥ Paused
    out: ESC[HESC[2JESC[0;0HName:            web
    out: Status:          ✔ Healthy
    out: ESC[HESC[2JESC[0;0HName:            web
    out: Status:          ✔ Healthy
    ");
}

#[tokio::test]
async fn list_rollouts() {
    let other = "
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a-rollout-with-a-long-name, namespace: store}
spec: {strategy: {blueGreen: {activeService: a}}}";
    let broken = "
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: broken, namespace: shop}
spec: {replicas: many}";
    let server = || Server::with(&[WEB, other, broken]);
    let mut all = String::new();
    for line in ["list rollouts", "list ro -A --timestamps", "list rollouts --name none"] {
        let told = told(server(), line).await.replace(' ', "·");
        all.push_str(&format!("$ sluice {line}\n{told}\n"));
    }
    insta::assert_snapshot!(all, @r##"
    $ sluice list rollouts
    GET·/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&limit=500
    out:·NAME········STRATEGY···STATUS········STEP··SET-WEIGHT··READY··DESIRED··UP-TO-DATE··AVAILABLE
    out:·broken·················Progressing···-·····-···········0/0····1········0···········0········
    out:·web·········Canary·····Paused········1/2···25··········4/4····4········1···········4········
    err:·Warning:·could·not·read·all·of·rollout.argoproj.io·"broken":·spec.replicas:·invalid·type:·string·"many",·expected·i32
    $ sluice list ro -A --timestamps
    GET·/apis/argoproj.io/v1alpha1/rollouts?&limit=500
    out:·TIMESTAMP·············NAMESPACE··NAME························STRATEGY···STATUS········STEP··SET-WEIGHT··READY··DESIRED··UP-TO-DATE··AVAILABLE
    out:·2026-01-08T12:00:00Z··shop·······broken·································Progressing···-·····-···········0/0····1········0···········0········
    out:·2026-01-08T12:00:00Z··shop·······web·························Canary·····Paused········1/2···25··········4/4····4········1···········4········
    out:·2026-01-08T12:00:00Z··store······a-rollout-with-a-long-name··BlueGreen··Progressing···-·····-···········0/0····1········0···········0········
    err:·Warning:·could·not·read·all·of·rollout.argoproj.io·"broken":·spec.replicas:·invalid·type:·string·"many",·expected·i32
    $ sluice list rollouts --name none
    GET·/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&fieldSelector=metadata.name%3Dnone&limit=500
    err:·No·resources·found.
    "##);
}

#[tokio::test]
async fn list_of_nothing() {
    insta::assert_snapshot!(told(Server::with(&[]), "list rollouts").await, @"
    GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts?&limit=500
    err: No resources found.
    ");
}

#[tokio::test]
async fn what_does_not_parse_names_the_remedy() {
    let mut all = String::new();
    for line in [
        "promot web",
        "abort rollout/web",
        "abort Web",
        "set image web app",
        "restart web -i 5",
        "get",
    ] {
        let told = told(shop(), line).await;
        all.push_str(&format!(
            "$ sluice {line}\n{}\n",
            told.lines().take(3).collect::<Vec<_>>().join("\n")
        ));
    }
    insta::assert_snapshot!(all, @r##"
    $ sluice promot web
    error: unrecognized subcommand 'promot'

      tip: a similar subcommand exists: 'promote'
    $ sluice abort rollout/web
    error: invalid value 'rollout/web' for '<ROLLOUT>...': the verb already says the kind: write `web`

    For more information, try '--help'.
    $ sluice abort Web
    error: invalid value 'Web' for '<ROLLOUT>...': a name is lower-case letters, digits, `-` and `.`

    For more information, try '--help'.
    $ sluice set image web app
    error: invalid value 'app' for '<CONTAINER=IMAGE>...': write CONTAINER=IMAGE, such as app=web:2

    For more information, try '--help'.
    $ sluice restart web -i 5
    error: invalid value '5' for '--in <DURATION>': time: missing unit in duration "5"

    For more information, try '--help'.
    $ sluice get
    Show a rollout and all that belongs to it

    Usage: sluice get [OPTIONS] <COMMAND>
    "##);
}

#[tokio::test]
async fn crds_are_a_stream_of_five_documents() {
    let told = told(Server::with(&[]), "crds").await;
    let kinds: Vec<_> = told
        .lines()
        .filter(|line| line.starts_with("out:     kind: "))
        .collect();
    insta::assert_snapshot!(kinds.join("\n"), @"
    out:     kind: Rollout
    out:     kind: AnalysisRun
    out:     kind: AnalysisTemplate
    out:     kind: ClusterAnalysisTemplate
    out:     kind: Experiment
    ");
    assert_eq!(told.lines().filter(|line| *line == "out: ---").count(), 4);
}

#[test]
fn the_command_line_is_well_formed() {
    use clap::CommandFactory;
    Sluice::command().debug_assert();
}
