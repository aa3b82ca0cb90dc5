//! Callers of one Service over real sockets.

use super::{Endpoint, Ledger, Load, Unrouted};
use sim::kubelet::behaviour::Answers;
use sim::kubelet::dial::DialTable;
use sim::kubelet::serve::Servers;
use sim::kubelet::{Pod, Processes};
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
