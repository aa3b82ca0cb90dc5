//! Callers of one Service over real sockets.

use super::{Endpoint, Ledger, Load, Unrouted};
use serde_json::json;
use sim::kubelet::behaviour::Answers;
use sim::kubelet::dial::DialTable;
use sim::kubelet::serve::Servers;
use sim::kubelet::{Kubelet, Pace, Pod, Processes};
use sim::service::Service;
use sim::world::{Shared, crew, live};
use sim::{ApiServer, Clock, Request};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::runtime::Handle;

fn pod(number: u8) -> (Pod, Endpoint) {
    let ip = Ipv4Addr::new(10, 244, 0, number);
    let endpoint = Endpoint {
        ip: IpAddr::V4(ip),
        port: 8080,
        hash: format!("hash{number}"),
    };
    (
        Pod {
            uid: format!("u{number}"),
            name: format!("web-hash{number}-x"),
            ip,
            ports: vec![8080],
            command: Vec::new(),
            environment: Vec::new(),
        },
        endpoint,
    )
}

/// Sends until `enough`.
async fn sent(load: &Load, enough: impl Fn(&Ledger) -> bool + Send + Sync) -> Ledger {
    let stop = async {
        while !enough(&load.ledger("web")) {
            tokio::task::yield_now().await;
        }
    };
    load.run(1000.0, stop).await;
    load.ledger("web")
}

#[tokio::test]
async fn the_ledger_tells_the_application_from_the_routing() {
    let table = DialTable::default();
    let mut servers = Servers::new(Handle::current(), table.clone());
    let load = Load::new(table, &["web"]);
    let quick = Answers {
        latency: Duration::from_millis(1),
        ..Answers::default()
    };
    let ((good, to_good), (bad, to_bad), (_, to_nobody)) = (pod(1), pod(2), pod(3));
    servers.start(&good, &quick);
    servers.start(
        &bad,
        &Answers {
            error_rate: 0.5,
            ..quick
        },
    );

    load.route("web", Vec::new());
    load.clone().call("web".into()).await;
    assert_eq!(
        load.ledger("web"),
        Ledger::default(),
        "nothing is sent before the first endpoint"
    );

    load.route("web", vec![to_good, to_bad]);
    let ledger = sent(&load, |ledger| ledger.requests >= 40).await;
    let (good, bad) = (ledger.by_hash["hash1"], ledger.by_hash["hash2"]);
    assert!(good.requests.abs_diff(bad.requests) <= 1, "they take turns: {ledger:?}");
    assert_eq!(
        (good.app_errors, bad.app_errors, ledger.app_errors),
        (0, bad.requests / 2, bad.requests / 2)
    );
    assert_eq!(ledger.routing_failures(), 0);
    assert!(ledger.now.p50.is_some());

    load.route("web", vec![to_nobody]);
    load.clone().call("web".into()).await;
    load.route("web", Vec::new());
    load.clone().call("web".into()).await;
    let ledger = load.ledger("web");
    assert_eq!(
        ledger.unrouted,
        [(Unrouted::NoEndpoint, 1), (Unrouted::Refused, 1)].into()
    );
}

/// A ReplicaSet of quick pods of one revision.
fn replica_set(hash: &str, replicas: u32) -> serde_json::Value {
    let labels = json!({"app": "web", "pod-template-hash": hash});
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": format!("web-{hash}")},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}],
                    "env": [{"name": "LATENCY_MS", "value": "2"}],
                }]},
            },
        },
    })
}

#[tokio::test]
async fn no_request_is_lost_while_one_revision_takes_over_from_another() {
    let ms = Duration::from_millis;
    let table = DialTable::default();
    let pace = Pace {
        pull: ms(5),
        start: ms(20),
        drain: ms(800),
        ..Pace::default()
    };
    let servers = Servers::new(Handle::current(), table.clone());
    let shared = Shared::new(ApiServer::new(Clock::real(), 1));
    let crew = crew(Kubelet::new(pace, Box::new(servers)));
    let world = tokio::spawn(live(shared.clone(), crew, std::future::pending()));
    let send = |request: Request| shared.with(|api| api.handle(request)).object().expect("accepted");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    let sets = "/apis/apps/v1/namespaces/default/replicasets";
    send(Request::post("/api/v1/namespaces/default/services", &service));
    send(Request::post(sets, &replica_set("old", 2)));
    send(Request::post(sets, &replica_set("new", 0)));

    let load = Load::new(table, &["web"]);
    let client = kube::Client::new(Service::new(shared.clone(), "callers"), "default");
    let following = load.clone();
    let following = tokio::spawn(async move { following.follow(client, "default", ms(50)).await });
    let answered = |hash: &str| {
        load.ledger("web")
            .by_hash
            .get(hash)
            .copied()
            .unwrap_or_default()
            .requests
    };
    let scale = |hash: &str, replicas: u32| {
        send(Request::merge_patch(
            &format!("{sets}/web-{hash}"),
            &json!({"spec": {"replicas": replicas}}),
        ))
    };
    let takeover = async {
        until(|| answered("old") >= 20).await;
        scale("new", 2);
        until(|| answered("new") >= 20).await;
        scale("old", 0);
        let pods = || shared.with(|api| api.store().list("pods", None).count());
        until(|| pods() == 2).await;
    };
    load.run(400.0, takeover).await;
    let ledger = load.ledger("web");
    assert_eq!((ledger.app_errors, ledger.routing_failures()), (0, 0), "{ledger:?}");
    following.abort();
    world.abort();
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}
