//! The service under a paused runtime: answers, watches that stream, hung requests.

use super::Service;
use crate::apiserver::{ApiServer, Request};
use crate::clock::Clock;
use crate::faults::{Fault, Rule};
use crate::world::Shared;
use chrono::DateTime;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::time::Duration;
use tower::{Service as _, ServiceExt};

fn shared() -> Shared {
    Shared::new(ApiServer::new(Clock::tokio(DateTime::UNIX_EPOCH), 1))
}

fn config(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
}

const CONFIGS: &str = "/api/v1/namespaces/default/configmaps";

async fn ask(service: &Service, method: &str, target: &str, body: &str) -> http::Response<super::SimBody> {
    let body = Full::new(bytes::Bytes::copy_from_slice(body.as_bytes()));
    let request = http::Request::builder().method(method).uri(target).body(body).unwrap();
    let mut service = service.clone();
    ServiceExt::<http::Request<Full<bytes::Bytes>>>::ready(&mut service)
        .await
        .unwrap()
        .call(request)
        .await
        .unwrap()
}

/// The next lines of a watch, as `TYPE name`.
async fn line(body: &mut super::SimBody) -> Option<String> {
    let frame = body.frame().await?.unwrap().into_data().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = serde_json::Deserializer::from_slice(&frame)
        .into_iter::<Value>()
        .map(|event| {
            let event = event.unwrap();
            format!(
                "{} {}",
                text(&event["type"]),
                text(&event["object"]["metadata"]["name"])
            )
        });
    Some(told.collect::<Vec<_>>().join(", "))
}

#[tokio::test(start_paused = true)]
async fn a_watch_streams_what_others_write_and_ends_in_time() {
    let shared = shared();
    let service = Service::new(shared.clone(), "test");
    let mut body = ask(&service, "GET", &format!("{CONFIGS}?watch=1&timeoutSeconds=300"), "")
        .await
        .into_body();
    let writer = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let made = ask(&service, "POST", CONFIGS, &config("a").to_string()).await;
        assert_eq!(made.status(), 201);
        // A write that does not come over HTTP wakes the watch too.
        shared.with(|server| server.handle(Request::delete(&format!("{CONFIGS}/a"))));
    };
    let reader = async {
        let (first, second) = (line(&mut body).await, line(&mut body).await);
        (first.unwrap_or_default(), second)
    };
    let begun = tokio::time::Instant::now();
    let ((), heard) = tokio::join!(writer, reader);
    assert_eq!(heard, ("ADDED a, DELETED a".into(), None));
    assert_eq!(begun.elapsed().as_secs(), 300);
    assert_eq!(shared.with(|server| server.trace.entries()[0].agent.clone()), "test");
}

#[tokio::test(start_paused = true)]
async fn faults_reach_an_idle_watch_and_a_hung_request_stays_hung() {
    let shared = shared();
    let service = Service::new(shared.clone(), "test");
    let mut body = ask(&service, "GET", &format!("{CONFIGS}?watch=1"), "")
        .await
        .into_body();
    let cut = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shared.with(|server| server.faults.add(Rule::new(Fault::Cut).once()));
    };
    let ((), heard) = tokio::join!(cut, line(&mut body));
    assert_eq!(heard, None);
    shared.with(|server| server.faults.add(Rule::new(Fault::Hang).verb("list")));
    let hung = tokio::time::timeout(Duration::from_secs(3600), ask(&service, "GET", CONFIGS, "")).await;
    assert!(hung.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_late_watch_catches_up_by_itself() {
    let shared = shared();
    let service = Service::new(shared.clone(), "test");
    let mut body = ask(&service, "GET", &format!("{CONFIGS}?watch=1"), "")
        .await
        .into_body();
    shared.with(|server| {
        server
            .faults
            .add(Rule::new(Fault::Stale(Duration::from_secs(30))).once())
    });
    shared.with(|server| server.handle(Request::post(CONFIGS, &config("a"))));
    let begun = tokio::time::Instant::now();
    assert_eq!(line(&mut body).await, Some("ADDED a".into()));
    assert_eq!(begun.elapsed().as_secs(), 30);
}
