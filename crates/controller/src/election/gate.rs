//! The last look at the lease, as a request is handed on to be sent.
//!
//! Between the decision to write and the sending a process may be stopped for a minute (SIGSTOP, a machine that sleeps, a
//! starved CPU). Whatever comes out of that must not be sent any more: another controller may be at work.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request};
use tower::{BoxError, Service};

use super::Fence;
use crate::server::CALL_TIMEOUT;

/// Lets reads past, and writes only while the fence is open.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    fence: Fence,
    inner: S,
}

/// A write was not sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the lease is not ours for long enough")]
pub struct Shut;

impl<S> Gate<S> {
    pub(super) fn new(fence: Fence, inner: S) -> Self {
        Gate { fence, inner }
    }
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads || self.fence.is_open_for(CALL_TIMEOUT) {
            self.inner
                .call(request)
                .map(|answer| answer.map_err(Into::into))
                .boxed()
        } else {
            futures::future::ready(Err(Shut.into())).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};
    use tower::ServiceExt;

    use super::*;

    /// What of a request that lay still for so long between the decision and the sending reaches the server.
    async fn sent(method: Method, stall: Duration) -> Result<(), String> {
        let fence = Fence::closed();
        fence.open_until(Instant::now(), Duration::from_secs(15));
        let server = tower::service_fn(|_: Request<()>| async { Ok::<_, BoxError>(()) });
        let mut gate = fence.gate(server);
        let gate = gate.ready().await.unwrap();
        let request = Request::builder().method(method).body(()).unwrap();
        advance(stall).await;
        gate.call(request).await.map_err(|error| error.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_lay_still_too_long_is_not_sent() {
        let minute = Duration::from_secs(60);
        let shut = Err("the lease is not ours for long enough".to_owned());
        assert_eq!(sent(Method::PATCH, Duration::from_secs(1)).await, Ok(()));
        assert_eq!(sent(Method::PATCH, minute).await, shut);
        assert_eq!(sent(Method::POST, minute).await, shut);
        assert_eq!(sent(Method::GET, minute).await, Ok(()));
    }
}
