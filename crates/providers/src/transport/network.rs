//! Requests over the network, with one pool of connections per way of connecting.

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Client, ClientBuilder, redirect};

use super::{Broken, LARGEST_ANSWER, Route};

/// The clients. Cheap to clone: each is a handle to its pool.
#[derive(Clone, Debug)]
pub struct Network {
    verified: Client,
    unverified: Client,
    direct: Client,
}

impl Network {
    pub(super) fn new() -> Result<Self, String> {
        // A system without CA certificates (a minimal image) has no verifier; metrics over plain HTTP must work there.
        let verified = match Client::builder().build() {
            Ok(client) => client,
            Err(why) => {
                tracing::warn!(error = %chain(&why), "no CA certificates: https addresses of metrics will be refused");
                trusting_nobody().build().map_err(|why| chain(&why))?
            }
        };
        let unverified = Client::builder().tls_danger_accept_invalid_certs(true).build();
        let direct = trusting_nobody().no_proxy().redirect(redirect::Policy::none()).build();
        Ok(Network {
            verified,
            unverified: unverified.map_err(|why| chain(&why))?,
            direct: direct.map_err(|why| chain(&why))?,
        })
    }

    pub(super) async fn send(&self, request: Request<Bytes>, route: Route) -> Result<Response<Bytes>, Broken> {
        let client = match route {
            Route::Verified => &self.verified,
            Route::Unverified => &self.unverified,
            Route::Direct => &self.direct,
        };
        let failed = |why: reqwest::Error| Broken::Failed(chain(&why.without_url()));
        let request = request.try_into().map_err(failed)?;
        let mut answer = client.execute(request).await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Broken::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut reply = Response::new(body.freeze());
        *reply.status_mut() = answer.status();
        *reply.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(reply)
    }
}

fn trusting_nobody() -> ClientBuilder {
    Client::builder().tls_certs_only([])
}

/// The error and what caused it, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    //! Over real sockets on loopback: what an in-process transport cannot show.

    use std::net::SocketAddr;
    use std::time::Duration;

    use axum::Router;
    use axum::extract::Request as Asked;
    use axum::response::Redirect;
    use axum::routing::{any, get};
    use http::{HeaderMap, HeaderValue, Method};
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::transport::{Call, NoAnswer, Transport, request};

    /// Serves what the tests ask for, until the runtime ends.
    async fn serve() -> SocketAddr {
        async fn echo(asked: Asked) -> String {
            let (head, body) = asked.into_parts();
            let body = axum::body::to_bytes(body, 1000).await.unwrap();
            let key = head.headers.get("x-key").map_or("", |key| key.to_str().unwrap());
            let body = String::from_utf8_lossy(&body);
            format!("{} {} {key} {body}", head.method, head.uri)
        }
        let app = Router::new()
            .route("/echo", any(echo))
            .route("/moved", get(|| async { Redirect::temporary("/echo?moved") }))
            .route("/silent", get(std::future::pending::<()>))
            .route("/huge", get(|| async { vec![b'x'; LARGEST_ANSWER + 1] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    async fn ask(address: SocketAddr, method: Method, path: &str, route: Route) -> Result<String, NoAnswer> {
        let url = Url::parse(&format!("http://{address}{path}")).unwrap();
        let headers = HeaderMap::from_iter([("x-key".parse().unwrap(), HeaderValue::from_static("k"))]);
        let limit = if path == "/silent" { 100 } else { 10_000 };
        let call = Call {
            request: request(method, &url, headers, Bytes::from("b")).unwrap(),
            timeout: Duration::from_millis(limit),
            route,
        };
        let reply = Transport::network().unwrap().call(call).await?;
        Ok(format!(
            "{} {}",
            reply.status().as_u16(),
            String::from_utf8_lossy(reply.body())
        ))
    }

    #[tokio::test]
    async fn over_sockets() {
        let address = serve().await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let table = [
            (
                address,
                Method::POST,
                "/echo?a=1",
                Route::Verified,
                "200 POST /echo?a=1 k b",
            ),
            (address, Method::PUT, "/echo", Route::Unverified, "200 PUT /echo k b"),
            (address, Method::GET, "/echo", Route::Direct, "200 GET /echo k b"),
            (
                address,
                Method::GET,
                "/moved",
                Route::Verified,
                "200 GET /echo?moved k b",
            ),
            (address, Method::GET, "/moved", Route::Direct, "307 "),
            (address, Method::GET, "/silent", Route::Direct, "no answer within 0.1s"),
            (
                address,
                Method::GET,
                "/huge",
                Route::Direct,
                "larger than 10485760 bytes",
            ),
            (nobody, Method::GET, "/echo", Route::Direct, "refused"),
        ];
        for (address, method, path, route, want) in table {
            let got = ask(address, method, path, route).await;
            match got {
                Ok(got) => assert_eq!(got, want, "{path}"),
                Err(why) => assert!(why.to_string().contains(want), "{path}: {why}"),
            }
        }
    }
}
