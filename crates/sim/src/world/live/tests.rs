//! A cluster in real time whose pods are real HTTP servers: nothing that is sent by its ready endpoints fails.

use super::{Shared, live};
use crate::apiserver::{ApiServer, Request};
use crate::clock::Clock;
use crate::kubelet::dial::DialTable;
use crate::kubelet::serve::Servers;
use crate::kubelet::{Kubelet, Pace};
use crate::world::crew;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// The ready endpoints of the one Service there is.
fn ready(api: &ApiServer) -> Vec<(IpAddr, u16)> {
    let mut ready = Vec::new();
    for slice in api.store().list("endpointslices.discovery.k8s.io", None) {
        let port = slice["ports"][0]["port"].as_u64().unwrap_or(0) as u16;
        for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
            if endpoint["conditions"]["ready"] == true {
                ready.push((endpoint["addresses"][0].as_str().unwrap().parse().unwrap(), port));
            }
        }
    }
    ready
}

async fn status(at: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

async fn until(shared: &Shared, holds: impl Fn(&ApiServer) -> bool) {
    let mut changes = shared.changes();
    while !shared.with(|api| holds(api)) {
        changes.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_pod_serves_from_its_first_endpoint_until_after_its_last() {
    let table = DialTable::default();
    let ms = Duration::from_millis;
    let pace = Pace {
        pull: ms(5),
        start: ms(10),
        drain: ms(500),
        back_off: ms(1000),
        spread_percent: 0,
    };
    let servers = Servers::new(tokio::runtime::Handle::current(), table.clone());
    let shared = Shared::new(ApiServer::new(Clock::real(), 1));
    let (stop, stopped) = oneshot::channel::<()>();
    let world = tokio::spawn(live(
        shared.clone(),
        crew(Kubelet::new(pace, Box::new(servers))),
        async {
            let _ = stopped.await;
        },
    ));

    let labels = json!({"app": "web"});
    let container = json!({"name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}],
        "env": [{"name": "LATENCY_MS", "value": "1"}]});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}});
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}});
    let send = |request: Request| shared.with(|api| api.handle(request)).object().unwrap();
    send(Request::post("/api/v1/namespaces/default/services", &service));
    send(Request::post("/apis/apps/v1/namespaces/default/replicasets", &set));
    let scale = |replicas: u32| -> Value {
        let patch = json!({"spec": {"replicas": replicas}});
        send(Request::merge_patch(
            "/apis/apps/v1/namespaces/default/replicasets/web",
            &patch,
        ))
    };

    until(&shared, |api| ready(api).len() == 2).await;
    for number in 0..120_usize {
        match number {
            40 => drop(scale(1)),
            80 => drop(scale(3)),
            _ => {}
        }
        let endpoints = shared.with(|api| ready(api));
        let (ip, port) = endpoints[number % endpoints.len()];
        let at = table.dial(ip, port).expect("an endpoint listens");
        assert_eq!(status(at).await.expect("no request fails"), "200");
    }
    scale(0);
    until(&shared, |api| api.store().list("pods", None).next().is_none()).await;
    assert_eq!(table.entries(), [], "nobody listens any more");
    stop.send(()).unwrap();
    world.await.unwrap();
}
