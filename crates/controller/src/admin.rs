//! What is served about the controller itself: whether it lives, whether it is ready, what it counts.
//!
//! Source: wire-contract 8.1 (addresses, bodies) and 8.4 (metrics).

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::edge::Edge;
use crate::error::Error;

/// Whether this controller does what it should: it follows, or it leads and knows everything there is.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on it is so.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `/metrics`.
pub fn metrics(edge: Arc<Edge>) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(page(&edge))))
}

/// `/healthz` and `/readyz`.
pub fn health(readiness: Readiness) -> Router {
    let ready = move || {
        let ready = readiness.0.load(Ordering::Relaxed);
        std::future::ready(if ready {
            (StatusCode::OK, "ok")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not yet")
        })
    };
    Router::new()
        .route("/healthz", get(|| std::future::ready("ok")))
        .route("/readyz", get(ready))
}

/// Opens a listener, so that a taken port is an error at once.
///
/// # Errors
/// The address cannot be listened on.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::warn!(%error, "a listener has ended");
    }
}

fn page(edge: &Edge) -> impl IntoResponse + use<> {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        edge.page(),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn get(router: Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let code = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        (code, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn health_is_life_and_readiness_is_knowing_everything() {
        let readiness = Readiness::default();
        assert_eq!(get(health(readiness.clone()), "/healthz").await, (200, "ok".to_owned()));
        assert_eq!(
            get(health(readiness.clone()), "/readyz").await,
            (503, "not yet".to_owned())
        );
        readiness.set();
        assert_eq!(get(health(readiness), "/readyz").await, (200, "ok".to_owned()));
    }
}
