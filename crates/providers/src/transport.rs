//! How a request reaches a metrics system: over the network, or into a function of this process (tests, the wire ring).

mod network;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, Uri};

pub use network::Network;

/// The largest answer that is read, in bytes. A page of metrics has rarely a tenth of it.
pub(crate) const LARGEST_ANSWER: usize = 10 * 1024 * 1024;

/// A way to send requests. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Transport {
    Network(Network),
    InProcess(InProcess),
}

/// What came back: a response whose body is all there, or why there is none.
pub type Reply = Result<Response<Bytes>, String>;

/// A function that answers instead of a network. It may be slow or never answer: the time limit is kept outside it.
#[derive(Clone)]
pub struct InProcess(Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Reply> + Send + Sync>);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

/// One request, and how far it may go.
pub(crate) struct Call {
    pub(crate) request: Request<Bytes>,
    /// From the first byte sent to the last byte read.
    pub(crate) timeout: Duration,
    pub(crate) route: Route,
}

/// Which connection a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Go's defaults: proxies from the environment, redirects followed, certificates verified (wire-contract 10.3).
    Verified,
    /// The same without verification of certificates (`insecure: true`).
    Unverified,
    /// Straight to an address of the cluster: no proxy, no redirect, plain HTTP.
    Direct,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("could not {attempt}: no answer within {}s", .after.as_secs_f64())]
    Timeout { attempt: String, after: Duration },
    #[error("could not {attempt}: the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge { attempt: String },
    #[error("could not {attempt}: {why}")]
    Failed { attempt: String, why: String },
}

impl Transport {
    /// Over the network.
    ///
    /// # Errors
    /// The TLS library could not be set up.
    pub fn network() -> Result<Self, String> {
        Network::new().map(Transport::Network)
    }

    /// Into a function of this process.
    pub fn in_process(answer: impl Fn(Request<Bytes>) -> BoxFuture<'static, Reply> + Send + Sync + 'static) -> Self {
        Transport::InProcess(InProcess(Arc::new(answer)))
    }

    /// Sends the request and reads the whole answer, within its time and at most [`LARGEST_ANSWER`] bytes.
    pub(crate) async fn call(&self, call: Call) -> Result<Response<Bytes>, NoAnswer> {
        let Call {
            request,
            timeout,
            route,
        } = call;
        let attempt = attempt(request.method(), request.uri());
        let answer = async {
            match self {
                Transport::Network(network) => network.send(request, route).await,
                Transport::InProcess(InProcess(answer)) => answer(request).await.map_err(Broken::Failed),
            }
        };
        let reply = match tokio::time::timeout(timeout, answer).await {
            Err(_) => {
                return Err(NoAnswer::Timeout {
                    attempt,
                    after: timeout,
                });
            }
            Ok(Err(Broken::TooLarge)) => return Err(NoAnswer::TooLarge { attempt }),
            Ok(Err(Broken::Failed(why))) => return Err(NoAnswer::Failed { attempt, why }),
            Ok(Ok(reply)) => reply,
        };
        if reply.body().len() > LARGEST_ANSWER {
            return Err(NoAnswer::TooLarge { attempt });
        }
        Ok(reply)
    }
}

/// How sending failed, before the attempt is named.
enum Broken {
    TooLarge,
    Failed(String),
}

/// `GET http://host/path`: without user, password and query, which may hold secrets.
fn attempt(method: &Method, uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |whole| {
        let whole = whole.as_str();
        whole.rsplit_once('@').map_or(whole, |(_, host)| host)
    });
    format!(
        "{method} {}://{authority}{}",
        uri.scheme_str().unwrap_or("http"),
        uri.path()
    )
}

/// A request from the text of an address, or a sentence that says what is wrong with it.
pub(crate) fn request(
    method: Method,
    url: &url::Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Bytes>, String> {
    let uri: Uri = url
        .as_str()
        .parse()
        .map_err(|why| format!("the address cannot be requested: {why}"))?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The headers of a metric, as the user wrote them.
pub(crate) fn headers(written: &[api::analysis::WebMetricHeader]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for header in written {
        let name: http::HeaderName = header
            .key
            .parse()
            .map_err(|_| format!("{:?} is not a name of a header", header.key))?;
        // The value may be a secret: it is not repeated.
        let value = header
            .value
            .parse()
            .map_err(|_| format!("the value of header {} cannot be sent", header.key))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
