//! A real HTTP pod from start to termination: nothing sent to it while it is in the dial table fails.

use super::Servers;
use crate::kubelet::behaviour::Answers;
use crate::kubelet::dial::DialTable;
use crate::kubelet::{Pod, Processes};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request on a connection of its own.
async fn get(at: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn requests_in_flight_are_answered_when_the_pod_ends() {
    let table = DialTable::default();
    let mut servers = Servers::new(tokio::runtime::Handle::current(), table.clone());
    let ip = Ipv4Addr::new(10, 244, 0, 2);
    let pod = Pod {
        uid: "u1".into(),
        name: "web-1".into(),
        ip,
        ports: vec![8080],
        command: Vec::new(),
        environment: Vec::new(),
    };
    assert_eq!(table.dial(IpAddr::V4(ip), 8080), None);
    servers.start(
        &pod,
        &Answers {
            error_rate: 0.1,
            ..Answers::default()
        },
    );
    let at = table
        .dial(IpAddr::V4(ip), 8080)
        .expect("it listens as soon as it has started");

    let answers = futures::future::join_all((0..20).map(|_| get(at, "/"))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .map(|answer| answer.expect("answered"))
        .partition(|answer| answer.starts_with("HTTP/1.1 200"));
    assert_eq!((good.len(), bad.len()), (18, 2));
    assert!(bad[0].starts_with("HTTP/1.1 500"), "{}", bad[0]);
    let metrics = get(at, "/metrics").await.unwrap();
    assert!(metrics.contains("http_requests_total{status=\"500\"} 2\n"), "{metrics}");

    // One request is held open across the end of the process: its first byte back proves that it was accepted.
    let mut held = TcpStream::connect(at).await.unwrap();
    held.write_all(b"GET /healthz HTTP/1.1\r\nHost: pod\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 1];
    held.read_exact(&mut first).await.unwrap();
    let slow = Pod {
        uid: "u2".into(),
        ip: Ipv4Addr::new(10, 244, 0, 3),
        ..pod.clone()
    };
    servers.start(
        &slow,
        &Answers {
            slow_rate: 1.0,
            slow: Duration::from_millis(50),
            ..Answers::default()
        },
    );
    let slow_at = table.dial(IpAddr::V4(slow.ip), 8080).unwrap();
    let flying = tokio::spawn(get(slow_at, "/"));
    let begun = "http_requests_in_flight 1\n";
    while !flying.is_finished() && !get(slow_at, "/metrics").await.unwrap().contains(begun) {}
    servers.stop("u1");
    servers.stop("u2");
    assert_eq!(table.dial(IpAddr::V4(ip), 8080), None);
    assert!(
        flying.await.unwrap().unwrap().starts_with("HTTP/1.1 200"),
        "the request in flight was answered"
    );
    let mut rest = String::new();
    held.read_to_string(&mut rest)
        .await
        .expect("an idle connection is closed, not reset");
}
