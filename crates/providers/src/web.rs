//! An HTTP request whose answer is the value. Source: wire-contract 4.5 (Web).

mod json_path;

use std::time::Duration;

use api::analysis::WebMetric;
use api::measured::Measured;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde_json::Value;
use url::Url;

use crate::authentication::{NO_SIGV4, authorize, wants_sigv4};
use crate::measure::{Answer, Outcome};
use crate::transport::{Call, Route, Transport, headers, request};
use json_path::JsonPath;

/// Sends the request; the first match of the JSONPath in the answer is the value, or the whole body as a string where
/// it is not JSON.
pub(crate) async fn measure(metric: &WebMetric, transport: &Transport) -> Answer {
    match ask(metric, transport).await {
        Ok(Body::Json(value)) => Answer::value(Measured::Json(value)),
        Ok(Body::Text(text)) => Outcome::Value {
            measured: Measured::Json(Value::String(text.clone())),
            text,
            note: String::new(),
        }
        .into(),
        Err(why) => Answer::error(why),
    }
}

/// What is wrong with the metric before anything is sent.
pub(crate) fn check(metric: &WebMetric) -> Result<(), String> {
    prepare(metric).map(|_| ())
}

enum Body {
    Json(Value),
    Text(String),
}

/// A metric whose fields fit together.
struct Prepared {
    method: Method,
    url: Url,
    headers: http::HeaderMap,
    body: Bytes,
    path: JsonPath,
    timeout: Duration,
    route: Route,
}

fn prepare(metric: &WebMetric) -> Result<Prepared, String> {
    let method = match metric.method.as_str() {
        "" | "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        other => return Err(format!("web metric method {other:?} is not one of GET, POST, PUT")),
    };
    let has_body = !metric.body.is_empty() || metric.json_body.is_some();
    if has_body && method == Method::GET {
        return Err("Body/JSONBody can only be used with POST or PUT WebMetric Method types".to_owned());
    }
    let mut headers = headers(&metric.headers)?;
    let body = match (&metric.json_body, metric.body.is_empty()) {
        (Some(_), false) => return Err("Body and JSONBody cannot both be set".to_owned()),
        (None, _) => Bytes::from(metric.body.clone()),
        (Some(json), true) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Bytes::from(json.0.to_string())
        }
    };
    let url = Url::parse(&metric.url).map_err(|why| format!("web metric url {:?}: {why}", metric.url))?;
    if !url.has_host() || !matches!(url.scheme(), "http" | "https") {
        return Err(format!("web metric url {:?}: not an http or https address", metric.url));
    }
    if wants_sigv4(metric.authentication.as_ref()) {
        return Err(NO_SIGV4.to_owned());
    }
    let path = match metric.json_path.as_str() {
        "" => "{$}",
        path => path,
    };
    Ok(Prepared {
        method,
        url,
        headers,
        body,
        path: JsonPath::parse(path).map_err(|why| format!("web metric jsonPath {path:?}: {why}"))?,
        timeout: Duration::from_secs(match u64::try_from(metric.timeout_seconds) {
            Err(_) | Ok(0) => 10,
            Ok(seconds) => seconds,
        }),
        route: if metric.insecure {
            Route::Unverified
        } else {
            Route::Verified
        },
    })
}

async fn ask(metric: &WebMetric, transport: &Transport) -> Result<Body, String> {
    let Prepared {
        method,
        url,
        mut headers,
        body,
        path,
        timeout,
        route,
    } = prepare(metric)?;
    authorize(&mut headers, metric.authentication.as_ref(), transport, timeout, route).await?;
    let call = Call {
        request: request(method, &url, headers, body)?,
        timeout,
        route,
    };
    let reply = transport.call(call).await.map_err(|why| why.to_string())?;
    if !reply.status().is_success() {
        return Err(format!("received non 2xx response code: {}", reply.status().as_u16()));
    }
    let Ok(json) = serde_json::from_slice::<Value>(reply.body()) else {
        return Ok(Body::Text(String::from_utf8_lossy(reply.body()).into_owned()));
    };
    match path.first(&json) {
        Ok(Some(value)) => Ok(Body::Json(value.clone())),
        Ok(None) => Err("result of web metric produced no value".to_owned()),
        Err(why) => Err(format!("Could not find JSONPath in body: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use crate::testing::{Script, at, run};
    use serde_json::json;

    fn outcome(web: Value, script: &Script) -> String {
        let mut whole = json!({"url": "http://web/m?q=1"});
        for (key, value) in web.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let metric = serde_json::from_value(json!({"name": "m", "provider": {"web": whole}})).unwrap();
        run(&metric, &Settings::default(), script, at("2026-03-01T12:00:00Z")).text()
    }

    const GET: &str = "GET http://web/m?q=1";

    #[test]
    fn answers() {
        let body = r#"{"data":{"x":1.0,"list":[{"n":"b","a":2},{"n":"c"}],"none":null}}"#;
        let table = [
            (
                200,
                body,
                "",
                r#"{"data":{"list":[{"a":2,"n":"b"},{"n":"c"}],"none":null,"x":1}}"#,
            ),
            (201, body, "{$.data.x}", "1"),
            (200, body, "{.data.list[*].n}", "\"b\""),
            (200, body, "{$.data.none}", "null"),
            (
                200,
                body,
                "{$.data.y}",
                "error: Could not find JSONPath in body: y is not found",
            ),
            (
                200,
                body,
                "{$.data.list[?(@.n==\"z\")]}",
                "error: result of web metric produced no value",
            ),
            (200, "all is well", "{$.data.y}", "all is well"),
            (200, "", "", ""),
            (200, "true", "", "true"),
            (302, "", "", "error: received non 2xx response code: 302"),
            (500, body, "", "error: received non 2xx response code: 500"),
            (
                200,
                &"y".repeat(11 << 20),
                "",
                "error: could not GET http://web/m: the answer is larger than 10485760 bytes",
            ),
        ];
        for (status, body, path, want) in table {
            let script = Script::new().expect(GET, "").answer(status, body);
            assert_eq!(outcome(json!({"jsonPath": path}), &script), want, "{path}");
        }
    }

    #[test]
    fn long_values_are_cut_for_the_status_only() {
        let body = format!("{:?}", "é".repeat(5000));
        let got = outcome(json!({}), &Script::new().expect(GET, "").answer(200, &body));
        assert_eq!(got.len(), 2047 + "... (10002 bytes)".len());
        assert!(got.ends_with("é... (10002 bytes)"), "{got}");
    }

    #[test]
    fn requests() {
        let post = Script::new().expect("POST http://web/m?q=1", "a=b").answer(200, "1");
        assert_eq!(outcome(json!({"method": "POST", "body": "a=b"}), &post), "1");
        let put = Script::new()
            .expect("PUT http://web/m?q=1", r#"{"a":[1]}"#)
            .with_header("content-type", "application/json")
            .with_header("x-key", "k")
            .answer(200, "1");
        let metric = json!({"method": "PUT", "jsonBody": {"a": [1]}, "headers": [{"key": "X-Key", "value": "k"}]});
        assert_eq!(outcome(metric, &put), "1");
        let silent = Script::new().expect(GET, "").silence();
        assert_eq!(
            outcome(json!({"timeoutSeconds": 4}), &silent),
            "error: could not GET http://web/m: no answer within 4s"
        );
        assert_eq!(
            outcome(json!({}), &silent),
            "error: could not GET http://web/m: no answer within 10s"
        );
    }

    #[test]
    fn refused_before_sending() {
        let table = [
            (
                json!({"body": "x"}),
                "Body/JSONBody can only be used with POST or PUT WebMetric Method types",
            ),
            (
                json!({"method": "POST", "body": "x", "jsonBody": {}}),
                "Body and JSONBody cannot both be set",
            ),
            (
                json!({"method": "HEAD"}),
                "web metric method \"HEAD\" is not one of GET, POST, PUT",
            ),
            (
                json!({"url": "web/m"}),
                "web metric url \"web/m\": relative URL without a base",
            ),
            (
                json!({"url": "file:///etc"}),
                "web metric url \"file:///etc\": not an http or https address",
            ),
            (
                json!({"headers": [{"key": "a b", "value": ""}]}),
                "\"a b\" is not a name of a header",
            ),
            (
                json!({"headers": [{"key": "a", "value": "x\ny"}]}),
                "the value of header a cannot be sent",
            ),
            (
                json!({"jsonPath": "$.a"}),
                "web metric jsonPath \"$.a\": text outside of braces: write {$.a}",
            ),
            (
                json!({"authentication": {"sigv4": {"region": "r"}}}),
                "authentication.sigv4 is not supported by this version of Sluice",
            ),
        ];
        for (web, why) in table {
            assert_eq!(outcome(web, &Script::new()), format!("error: {why}"));
        }
    }
}
