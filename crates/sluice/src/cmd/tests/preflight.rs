//! `preflight` on simulated clusters: a clean one, and one that another controller still runs.

use std::time::Duration;

use controller::permissions::ALL;
use serde_json::{Value, json};
use sim::apiserver::Grant;
use sim::world::Shared;
use sim::{ApiServer, Clock, Request, Service};

use super::{WEB, said};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/argo-rollouts/leases";

/// A cluster with these objects, each with the path of its collection.
fn cluster(crds: &[Value], objects: &[(&str, Value)]) -> Shared {
    let start = "2026-01-08T12:00:00Z".parse().expect("an instant");
    let mut server = ApiServer::new(Clock::tokio(start), 1);
    for crd in crds {
        server.install(crd).expect("a definition");
    }
    for name in ["shop", "argo-rollouts"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        server.handle(Request::post("/api/v1/namespaces", &namespace));
    }
    for (path, object) in objects {
        let created = server.handle(Request::post(path, object)).object();
        created.unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
    }
    let granted = ALL.iter().flat_map(|line| {
        line.verbs.iter().map(|verb| Grant {
            namespace: String::new(),
            verb: verb.to_string(),
            resource: line.full_resource(),
        })
    });
    let own = [
        "customresourcedefinitions.apiextensions.k8s.io",
        "deployments.apps",
        "experiments.argoproj.io",
    ];
    let own = own.map(|resource| Grant {
        namespace: String::new(),
        verb: "list".to_owned(),
        resource: resource.to_owned(),
    });
    server.access.bind("sluice", granted.chain(own));
    Shared::new(server)
}

async fn preflight(shared: &Shared, flags: &str) -> String {
    let client = kube::Client::new(Service::new(shared.clone(), "sluice"), "shop");
    // The list of rights grows with the controller.
    let total: usize = ALL.iter().map(|line| line.verbs.len()).sum();
    let text = said(client, &format!("preflight {flags}")).await.join("\n");
    text.replace(&format!("{total} rights"), "N rights")
}

fn lease(renewed: &str) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "argo-rollouts-controller-lock"},
           "spec": {"holderIdentity": "argo-7d_1", "leaseDurationSeconds": 15, "renewTime": renewed}})
}

fn deployment() -> Value {
    let labels = json!({"app.kubernetes.io/name": "argo-rollouts"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "argo-rollouts", "labels": labels},
           "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
               "metadata": {"labels": labels},
               "spec": {"containers": [{"name": "c", "image": "quay.io/argoproj/argo-rollouts:v1.8.3"}]}}}})
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_controller_is_ready() {
    let shared = cluster(&api::crd::all(), &[]);
    insta::assert_snapshot!(preflight(&shared, "--controller-namespace rollouts").await, @r#"
    out: ok    Kubernetes v1.34.4
    out: note  5 CustomResourceDefinitions belong to no Helm release: install the chart with --take-ownership or with --set crds.install=false
    out: ok    all N rights that the controller uses are granted
    out: ok    no other controller was found
    out: ok    rollouts: 0, none in flight
    out: 
    out: There
    out:   1. Stop the other controller, if there is one.
    out:   2. Install this one. The definitions that are there are taken over; no object of theirs is touched.
    out:        helm upgrade --install sluice charts/sluice -n rollouts --create-namespace --take-ownership --set image.repository=REGISTRY/sluice
    out:   3. See it lead, and every rollout where it was: no pod is replaced.
    out:        kubectl -n rollouts get lease argo-rollouts-controller-lock
    out:        sluice list rollouts -A
    out: Back
    out:   1. Stop this one.
    out:        kubectl -n rollouts scale deployment sluice --replicas=0
    out:        kubectl -n rollouts wait --for=delete pod -l app.kubernetes.io/name=sluice --timeout=60s
    out:   2. Start the other one again. What this one leaves is what it continues.
    out:   3. For good: the definitions and all rollouts stay.
    out:        helm uninstall sluice -n rollouts
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_is_named_with_what_to_do() {
    let mut crds = api::crd::all();
    crds.retain(|crd| crd["metadata"]["name"] != "experiments.argoproj.io");
    let mut web: Value = serde_saphyr::from_str(WEB).expect("YAML");
    web["metadata"] =
        json!({"name": "web", "annotations": {"notifications.argoproj.io/subscribe.on-rollout-aborted.slack": "ops"}});
    web["spec"]["strategy"]["canary"]["trafficRouting"] = json!({"istio": {"virtualService": {"name": "web"}}});
    let datadog = json!({"metrics": [{"name": "errors", "provider": {"datadog": {"query": "errors"}}}]});
    let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "errors"},
                          "spec": datadog});
    let shared = cluster(
        &crds,
        &[
            (LEASE, lease("2026-01-08T12:00:00.000000Z")),
            ("/apis/apps/v1/namespaces/argo-rollouts/deployments", deployment()),
            ("/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts", web),
            ("/apis/argoproj.io/v1alpha1/namespaces/shop/analysistemplates", template),
        ],
    );
    shared.with(|server| {
        for (verb, resource) in [("patch", "services"), ("get", "secrets")] {
            server.access.revoke("sluice", verb, resource);
        }
    });
    let renewing = shared.clone();
    let leader = tokio::spawn(async move {
        for count in 0.. {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let patch = json!({"spec": {"renewTime": format!("2026-01-08T12:00:00.{count:06}Z")}});
            let path = format!("{LEASE}/argo-rollouts-controller-lock");
            renewing.with(|server| server.handle(Request::merge_patch(&path, &patch)));
        }
    });
    insta::assert_snapshot!(preflight(&shared, "").await, @r#"
    out: ok    Kubernetes v1.34.4
    out: STOP  not installed: experiments.argoproj.io: the chart installs them, or `sluice crds | kubectl apply --server-side -f -`
    out: note  4 CustomResourceDefinitions belong to no Helm release: install the chart with --take-ownership or with --set crds.install=false
    out: STOP  2 of N rights that the controller uses are denied to you; the chart grants them to its ServiceAccount: ask as it, with --as system:serviceaccount:sluice:NAME, once it is installed
    out: note  without patch services: rollouts that name a Service are held before the switch
    out: note  without get secrets: analyses with such an argument are errors
    out: STOP  argo-7d_1 leads by Lease argo-rollouts/argo-rollouts-controller-lock: two controllers on the same rollouts undo each other's work; stop it first (below), or give one of them an --instance-id
    out: note  Deployment argo-rollouts/argo-rollouts runs 2 of quay.io/argoproj/argo-rollouts:v1.8.3
    out: note  rollouts: 1, in flight: 1 Progressing (shop/web); each is continued where it is, and the quietest time for a switch is without
    out: STOP  shop/errors: spec.metrics[0].provider.datadog: Forbidden: the metric provider datadog is not supported by this version of Sluice; nothing is changed
    out: STOP  shop/web: spec.strategy.canary.trafficRouting.istio: Forbidden: traffic routing with Istio is not supported by this version of Sluice; nothing is changed
    out: STOP  shop/web: spec.strategy.canaryService: Invalid value: "": Canary service and Stable service must to be set to use Traffic Routing
    out: STOP  shop/web: spec.strategy.stableService: Invalid value: "": Canary service and Stable service must to be set to use Traffic Routing
    out: note  shop/web: notifications are not sent by this version of Sluice
    out: 
    out: There
    out:   1. Stop the other controller, and keep what brings it back. GitOps must not scale it up again.
    out:        kubectl -n argo-rollouts scale deployment argo-rollouts --replicas=0
    out:        kubectl -n argo-rollouts rollout status deployment argo-rollouts --timeout=60s
    out:   2. Install this one. The definitions that are there are taken over; no object of theirs is touched.
    out:        helm upgrade --install sluice charts/sluice -n sluice --create-namespace --take-ownership --set image.repository=REGISTRY/sluice
    out:   3. See it lead, and every rollout where it was: no pod is replaced.
    out:        kubectl -n sluice get lease argo-rollouts-controller-lock
    out:        sluice list rollouts -A
    out: Back
    out:   1. Stop this one.
    out:        kubectl -n sluice scale deployment sluice --replicas=0
    out:        kubectl -n sluice wait --for=delete pod -l app.kubernetes.io/name=sluice --timeout=60s
    out:   2. Start the other one again. What this one leaves is what it continues.
    out:        kubectl -n argo-rollouts scale deployment argo-rollouts --replicas=2
    out:   3. For good: the definitions and all rollouts stay.
    out:        helm uninstall sluice -n sluice
    err: watching Lease argo-rollouts/argo-rollouts-controller-lock for a renewal, for 17 s at most
    Error: 7 things are in the way
    "#);
    leader.abort();
}
