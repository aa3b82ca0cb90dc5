//! The API server on a loopback port, so that kubectl and any other client can use it.

use crate::service::Service;
use crate::world::Shared;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::Service as _;

/// Serves HTTP/1.1 on `listener` until `stop`. Bind it to a loopback address: there is no authentication.
///
/// A hung request (a fault) holds its connection; all connections are dropped at the end.
pub async fn serve(shared: Shared, listener: TcpListener, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
    let mut stop = std::pin::pin!(stop);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            accepted = listener.accept() => accepted?,
            Some(_) = connections.join_next() => continue,
        };
        stream.set_nodelay(true)?;
        let service = Service::new(shared.clone(), "unknown");
        connections.spawn(async move {
            let answer = service_fn(move |request| service.clone().call(request));
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
            if let Err(error) = served {
                // A client that goes away in the middle of a watch is the usual end of one.
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
}

/// A kubeconfig by which kubectl finds a server at `address`.
pub fn kubeconfig(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: sim\nclusters:\n- name: sim\n  cluster:\n    server: http://{address}\n\
         contexts:\n- name: sim\n  context:\n    cluster: sim\n    user: sim\n    namespace: default\nusers:\n- name: sim\n  user: {{}}\n"
    )
}

#[cfg(test)]
mod tests;
