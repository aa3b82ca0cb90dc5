//! The `Authorization` header a metric asks for. Source: wire-contract 1.8 and 4.5.

use std::time::Duration;

use api::analysis::{Authentication, OAuth2Config, Sigv4Config};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::transport::{Call, Route, Transport, request};

/// Adds the header, after asking for an OAuth2 token if the metric says so.
///
/// Basic authentication needs both its parts and is not used otherwise, as in the contract.
pub(crate) async fn authorize(
    headers: &mut HeaderMap,
    wanted: Option<&Authentication>,
    transport: &Transport,
    timeout: Duration,
    route: Route,
) -> Result<(), String> {
    let Some(wanted) = wanted else { return Ok(()) };
    if let Some(oauth2) = wanted.oauth2.as_ref().filter(|oauth2| !oauth2.token_url.is_empty()) {
        let token = token(oauth2, transport, timeout, route).await?;
        headers.insert(AUTHORIZATION, secret(&token)?);
    }
    if let Some(basic) = &wanted.basic_auth
        && !basic.username.is_empty()
        && !basic.password.is_empty()
    {
        headers.insert(AUTHORIZATION, secret(&basic_text(&basic.username, &basic.password))?);
    }
    Ok(())
}

/// Whether the metric asks for AWS signatures; an empty object, which Argo Rollouts' own manifests carry, does not.
pub(crate) fn wants_sigv4(wanted: Option<&Authentication>) -> bool {
    wanted
        .and_then(|wanted| wanted.sigv4.as_ref())
        .is_some_and(|sigv4| *sigv4 != Sigv4Config::default())
}

/// Said where signing would be needed.
pub(crate) const NO_SIGV4: &str = "authentication.sigv4 is not supported by this version of Sluice";

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    token_type: String,
}

/// Client credentials: id and secret in the `Authorization` header (RFC 6749 2.3.1), and where a server refuses that, in
/// the form. Returns `<type> <token>`.
async fn token(
    oauth2: &OAuth2Config,
    transport: &Transport,
    timeout: Duration,
    route: Route,
) -> Result<String, String> {
    if oauth2.client_id.is_empty() || oauth2.client_secret.is_empty() {
        return Err("missing mandatory parameter in metric for OAuth2 setup".to_owned());
    }
    let url = Url::parse(&oauth2.token_url).map_err(|why| format!("oauth2.tokenUrl is not an address: {why}"))?;
    let mut refusal = String::new();
    for credentials in [Credentials::InHeader, Credentials::InForm] {
        let call = Call {
            request: token_request(oauth2, &url, credentials)?,
            timeout,
            route,
        };
        let reply = transport
            .call(call)
            .await
            .map_err(|why| format!("no OAuth2 token: {why}"))?;
        if !reply.status().is_success() {
            refusal = format!("no OAuth2 token: the token server answered {}", reply.status());
            continue;
        }
        return match serde_json::from_slice::<Token>(reply.body()) {
            Ok(token) if token.access_token.is_empty() => Err("no OAuth2 token: the answer holds none".to_owned()),
            Ok(token) => {
                let kind = match token.token_type.to_ascii_lowercase().as_str() {
                    "" | "bearer" => "Bearer".to_owned(),
                    _ => token.token_type,
                };
                Ok(format!("{kind} {}", token.access_token))
            }
            Err(why) => Err(format!("no OAuth2 token: the answer cannot be read: {why}")),
        };
    }
    Err(refusal)
}

enum Credentials {
    InHeader,
    InForm,
}

/// Not part of [`token`], because a form that is being written must not be held over an await: it is not `Sync`.
fn token_request(oauth2: &OAuth2Config, url: &Url, credentials: Credentials) -> Result<Request<Bytes>, String> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !oauth2.scopes.is_empty() {
        form.append_pair("scope", &oauth2.scopes.join(" "));
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    match credentials {
        Credentials::InHeader => {
            let [id, secret_part] = [&oauth2.client_id, &oauth2.client_secret]
                .map(|part| byte_serialize(part.as_bytes()).collect::<String>());
            headers.insert(AUTHORIZATION, secret(&basic_text(&id, &secret_part))?);
        }
        Credentials::InForm => {
            form.append_pair("client_id", &oauth2.client_id);
            form.append_pair("client_secret", &oauth2.client_secret);
        }
    }
    request(Method::POST, url, headers, Bytes::from(form.finish()))
}

fn basic_text(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "the credentials cannot be sent in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
