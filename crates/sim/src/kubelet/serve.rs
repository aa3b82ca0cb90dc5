//! Pods as real HTTP servers: each listens on a 127.0.0.1 port of its own from process start to the end of its drain.
//!
//! `/` answers as the pod's behaviour says, `/metrics` in Prometheus text, `/healthz` 200.

mod answer;
mod metrics;

use super::behaviour::Answers;
use super::dial::DialTable;
use super::{Pod, Processes};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::Tally;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The servers of all pods, on a tokio runtime. Dropping it stops them all.
pub struct Servers {
    runtime: Handle,
    table: DialTable,
    running: BTreeMap<String, (Ipv4Addr, oneshot::Sender<()>)>,
}

impl Servers {
    /// Servers on `runtime`, entered in `table` while they run.
    pub fn new(runtime: Handle, table: DialTable) -> Self {
        Servers {
            runtime,
            table,
            running: BTreeMap::new(),
        }
    }
}

impl Processes for Servers {
    fn start(&mut self, pod: &Pod, answers: &Answers) {
        // Bound before this returns, so that nobody is told of a pod that does not listen yet.
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (at, listener) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                tracing::warn!(pod = pod.name, %error, "could not open a loopback port for the pod; it refuses connections");
                return;
            }
        };
        let (stop, stopped) = oneshot::channel();
        let answering = Arc::new(Answering {
            pod: pod.name.clone(),
            answers: answers.clone(),
            tally: Tally::default(),
        });
        self.runtime.spawn(serve(listener, answering, stopped));
        for port in &pod.ports {
            self.table.open(pod.ip, *port, at);
        }
        self.running.insert(pod.uid.clone(), (pod.ip, stop));
    }

    fn stop(&mut self, uid: &str) {
        if let Some((ip, stop)) = self.running.remove(uid) {
            self.table.close(ip);
            // The server may have ended with its runtime already.
            let _ = stop.send(());
        }
    }
}

struct Answering {
    pod: String,
    answers: Answers,
    tally: Tally,
}

async fn serve(listener: TcpListener, answering: Arc<Answering>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let app = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(root)
        .with_state(answering);
    // Graceful: on the signal it stops accepting, answers what is in flight, and closes idle connections. A dropped
    // sender is a signal too.
    let until = async {
        let _ = stopped.await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(until).await {
        tracing::debug!(%error, "a pod's server ended");
    }
}

async fn root(State(answering): State<Arc<Answering>>) -> impl IntoResponse {
    let number = answering.tally.begin();
    let answer = answer::to(number, &answering.answers);
    tokio::time::sleep(answer.takes).await;
    answering.tally.finish(answer, answering.answers.metrics);
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, format!("{} {}\n", answering.pod, answer.status))
}

async fn metrics(State(answering): State<Arc<Answering>>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        answering.tally.text(),
    )
}

#[cfg(test)]
mod tests;
