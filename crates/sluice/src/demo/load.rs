//! A load generator: real HTTP requests through Services by their ready endpoints, and a ledger of what became of them.
//!
//! It plays kube-proxy and the callers in one. It never retries, so whatever goes wrong is in the ledger. A Service's
//! requests begin with its first ready endpoint: before that there is nothing to break.

mod follow;
mod ledger;

pub use ledger::{Ledger, Share, Unrouted, Window};

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use ledger::{Book, Outcome};
use sim::kubelet::dial::DialTable;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// A request that has no answer after this long counts as lost on the way.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a request may go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    pub ip: IpAddr,
    pub port: u16,
    /// The pod template hash of the pod behind it.
    pub hash: String,
}

/// The callers of some Services; clones are the same callers.
#[derive(Clone)]
pub struct Load {
    table: DialTable,
    lanes: Arc<BTreeMap<String, Mutex<Lane>>>,
}

/// One Service.
#[derive(Default)]
struct Lane {
    /// None until there has been an endpoint.
    endpoints: Option<Vec<Endpoint>>,
    turn: usize,
    book: Book,
}

impl Load {
    pub fn new(table: DialTable, services: &[impl AsRef<str>]) -> Self {
        let lanes = services
            .iter()
            .map(|service| (service.as_ref().to_owned(), Mutex::default()))
            .collect();
        Load {
            table,
            lanes: Arc::new(lanes),
        }
    }

    /// From now on requests to `service` go to these endpoints, in turn.
    pub fn route(&self, service: &str, mut endpoints: Vec<Endpoint>) {
        endpoints.sort();
        if let Some(lane) = self.lane(service).as_mut()
            && (lane.endpoints.is_some() || !endpoints.is_empty())
        {
            lane.endpoints = Some(endpoints);
        }
    }

    /// Follows the EndpointSlices of `namespace` and routes by them, each change `delay` later, as kube-proxy is late.
    /// Never ends; drop it to stop.
    pub async fn follow(&self, client: kube::Client, namespace: &str, delay: Duration) {
        follow::follow(self, client, namespace, delay).await;
    }

    /// Sends `per_second` requests a second to every Service, evenly, until `stop`; then waits for the last answers.
    pub async fn run(&self, per_second: f64, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second.clamp(0.1, 10_000.0)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flying = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_) = flying.join_next() => {}
                _ = ticks.tick() => for service in self.lanes.keys() {
                    flying.spawn(self.clone().call(service.clone()));
                },
            }
        }
        while flying.join_next().await.is_some() {}
    }

    /// What became of the requests to `service` up to now.
    pub fn ledger(&self, service: &str) -> Ledger {
        self.lane(service)
            .map(|lane| lane.book.ledger(Instant::now()))
            .unwrap_or_default()
    }

    /// What became of all requests up to now, whatever Service they went to.
    pub fn total(&self) -> Ledger {
        let ledgers = self.lanes.keys().map(|service| self.ledger(service));
        ledgers.reduce(Ledger::and).unwrap_or_default()
    }

    async fn call(self, service: String) {
        let begun = Instant::now();
        let Some(target) = self.next_target(&service) else {
            return;
        };
        let (hash, outcome) = match target {
            None => (String::new(), Outcome::Unrouted(Unrouted::NoEndpoint)),
            Some(endpoint) => {
                let outcome = tokio::time::timeout(TIMEOUT, self.send(&endpoint)).await;
                (endpoint.hash, outcome.unwrap_or(Outcome::Unrouted(Unrouted::TimedOut)))
            }
        };
        if let Some(mut lane) = self.lane(&service) {
            lane.book.enter(&hash, outcome, begun, begun.elapsed());
        }
    }

    /// The outer None: this Service has had no endpoint yet. The inner: it has none now.
    fn next_target(&self, service: &str) -> Option<Option<Endpoint>> {
        let mut lane = self.lane(service)?;
        lane.turn += 1;
        let turn = lane.turn;
        let endpoints = lane.endpoints.as_ref()?;
        Some((!endpoints.is_empty()).then(|| endpoints[turn % endpoints.len()].clone()))
    }

    /// One request on a connection of its own, so that no answer depends on an earlier one.
    async fn send(&self, endpoint: &Endpoint) -> Outcome {
        let Some(at) = self.table.dial(endpoint.ip, endpoint.port) else {
            return Outcome::Unrouted(Unrouted::Refused);
        };
        let Ok(stream) = TcpStream::connect(at).await else {
            return Outcome::Unrouted(Unrouted::Refused);
        };
        let answer = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            let request = Request::get("/")
                .header(header::HOST, endpoint.ip.to_string())
                .header(header::CONNECTION, "close")
                .body(String::new())
                .unwrap_or_default();
            let exchange = async {
                let response = sender.send_request(request).await?;
                let status = response.status();
                response.into_body().collect().await?;
                Ok::<_, hyper::Error>(status)
            };
            // The connection is driven by the same future: it ends with its request.
            let (status, _) = tokio::join!(exchange, connection);
            status
        };
        match answer.await {
            Ok(status) if status.is_server_error() => Outcome::AppError,
            Ok(_) => Outcome::Answered,
            Err(_) => Outcome::Unrouted(Unrouted::Reset),
        }
    }

    fn lane(&self, service: &str) -> Option<MutexGuard<'_, Lane>> {
        Some(self.lanes.get(service)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
