//! One funnel: a metric, what each request must look like and gets back, and the outcome.

use api::analysis::Metric;
use serde_json::{Value, json};

use crate::testing::{Script, at, run};
use crate::{Outcome, Settings};

const NOW: &str = "2026-03-01T12:00:00.5Z";

fn metric(prometheus: Value) -> Metric {
    let mut whole = json!({"address": "http://prom:9090", "query": "up == 1"});
    for (key, value) in prometheus.as_object().unwrap() {
        whole[key] = value.clone();
    }
    serde_json::from_value(json!({"name": "m", "provider": {"prometheus": whole}})).unwrap()
}

/// The text of the value, or `error: ...`.
fn outcome(prometheus: Value, script: &Script) -> String {
    run(&metric(prometheus), &Settings::default(), script, at(NOW)).text()
}

const POST: &str = "POST http://prom:9090/api/v1/query";
const FORM: &str = "query=up+%3D%3D+1&time=1772366400.5";

fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

#[test]
fn answers() {
    let table: [(u16, &str, &str); 22] = [
        (200, r#"{"resultType":"scalar","result":[1772366400,"0.25"]}"#, "0.25"),
        (200, r#"{"resultType":"scalar","result":[1772366400.1,"NaN"]}"#, "NaN"),
        (200, r#"{"resultType":"scalar","result":[1,"+Inf"]}"#, "+Inf"),
        (200, r#"{"resultType":"scalar","result":[1,"1e+06"]}"#, "1000000"),
        (200, r#"{"resultType":"vector","result":[]}"#, "[]"),
        (
            200,
            r#"{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"0.1"]},{"metric":{},"value":[1,"-Inf"]}]}"#,
            "[0.1,-Inf]",
        ),
        (
            200,
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"2"]]},{"metric":{},"values":[[1,"3"]]}]}"#,
            "[1,2,3]",
        ),
        (200, r#"{"resultType":"matrix","result":[]}"#, "[]"),
        (
            200,
            r#"{"resultType":"string","result":[1,"x"]}"#,
            "error: Prometheus metric type not supported",
        ),
        (
            200,
            r#"{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"5"}]}]}"#,
            "error: Prometheus metric type not supported",
        ),
        (
            200,
            r#"{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{}]]}]}"#,
            "error: Prometheus metric type not supported",
        ),
        (
            200,
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"lots"]}]}"#,
            "error: bad_response: ",
        ),
        (
            200,
            r#"{"resultType":"stream","result":[]}"#,
            "error: bad_response: unknown variant `stream`",
        ),
        (200, "raw:", "error: bad_response: EOF while parsing"),
        (200, "raw:<html>login</html>", "error: bad_response: expected value"),
        (
            200,
            r#"raw:{"status":"success"}"#,
            "error: bad_response: the answer holds no data",
        ),
        (
            200,
            r#"raw:{"status":"error","errorType":"timeout","error":"too slow"}"#,
            "error: timeout: too slow",
        ),
        (
            400,
            r#"raw:{"status":"error","errorType":"bad_data","error":"parse error: no expression found in input"}"#,
            "error: bad_data: parse error: no expression found in input",
        ),
        (
            422,
            r#"raw:{"status":"error"}"#,
            "error: client_error: client error: 422",
        ),
        (400, "raw:nonsense", "error: client_error: client error: 400"),
        (503, "raw:busy", "error: server_error: server error: 503"),
        (
            400,
            r#"raw:{"status":"success"}"#,
            "error: bad_response: inconsistent body for response code",
        ),
    ];
    for (status, body, want) in table {
        let body = body.strip_prefix("raw:").map_or_else(|| success(body), str::to_owned);
        let script = Script::new().expect(POST, FORM).answer(status, &body);
        let got = outcome(json!({}), &script);
        let fits = if want.starts_with("error") {
            got.starts_with(want)
        } else {
            got == want
        };
        assert!(fits, "{status} {body}\n got {got}\nwant {want}");
    }
}

#[test]
fn metadata_holds_warnings_and_the_query() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["slow","a \"b\""]}"#;
    let script = Script::new().expect(POST, FORM).answer(200, body);
    let got = run(&metric(json!({})), &Settings::default(), &script, at(NOW)).0;
    assert_eq!(got.metadata["warnings"], r#""slow", "a \"b\"""#);
    assert_eq!(got.result_metadata["ResolvedPrometheusQuery"], "up == 1");
    let Outcome::Value { note, .. } = got.outcome else {
        panic!("{got:?}")
    };
    assert_eq!(note, "the Prometheus query returned no series");
}

#[test]
fn post_refused_is_asked_again_by_get() {
    for status in [403, 405, 501] {
        let script = Script::new()
            .expect(POST, FORM)
            .answer(status, "no")
            .expect(&format!("GET http://prom:9090/api/v1/query?{FORM}"), "")
            .answer(200, &success(r#"{"resultType":"scalar","result":[1,"7"]}"#));
        assert_eq!(outcome(json!({}), &script), "7");
    }
}

#[test]
fn addresses() {
    let scalar = success(r#"{"resultType":"scalar","result":[1,"7"]}"#);
    let table = [
        ("", "http://env:1", "POST http://env:1/api/v1/query", "7"),
        (
            "http://own/prom/",
            "http://env:1",
            "POST http://own/prom/api/v1/query",
            "7",
        ),
        ("", "", "", "error: prometheus address is not configured"),
        ("prom:9090", "", "", "error: prometheus address is not is url format"),
        (
            "not an address",
            "",
            "",
            "error: prometheus address is not is url format",
        ),
    ];
    for (own, from_settings, request, want) in table {
        let script = match request {
            "" => Script::new(),
            request => Script::new().expect(request, FORM).answer(200, &scalar),
        };
        let settings = Settings {
            prometheus_address: from_settings.to_owned(),
        };
        let got = run(&metric(json!({"address": own})), &settings, &script, at(NOW)).text();
        assert_eq!(got, want, "{own:?}");
    }
}

#[test]
fn a_range() {
    let script = Script::new()
        .expect(
            "POST http://prom:9090/api/v1/query_range",
            "end=1772366400.5&query=up+%3D%3D+1&start=1772366100.5&step=30",
        )
        .answer(
            200,
            &success(r#"{"resultType":"matrix","result":[{"values":[[1,"NaN"],[2,"2"]]}]}"#),
        );
    let range = |step| json!({"rangeQuery": {"start": "now() - duration('5m')", "end": "now()", "step": step}});
    assert_eq!(outcome(range("30s"), &script), "[NaN,2]");
    assert_eq!(
        outcome(range("30"), &Script::new()),
        r#"error: rangeQuery.step: time: missing unit in duration "30""#
    );
    assert_eq!(
        outcome(range("0"), &Script::new()),
        r#"error: rangeQuery.step: "0" is not more than zero"#
    );
}

#[test]
fn slow_and_silent() {
    let late = outcome(json!({"timeout": 3}), &Script::new().expect(POST, FORM).silence());
    assert_eq!(
        late,
        "error: could not POST http://prom:9090/api/v1/query: no answer within 3s"
    );
    let late = outcome(json!({}), &Script::new().expect(POST, FORM).silence());
    assert_eq!(
        late,
        "error: could not POST http://prom:9090/api/v1/query: no answer within 30s"
    );
    let negative = outcome(json!({"timeout": -1}), &Script::new());
    assert_eq!(negative, "error: prometheus timeout should not be negative");
    let refused = outcome(
        json!({}),
        &Script::new().expect(POST, FORM).failure("connection refused"),
    );
    assert_eq!(
        refused,
        "error: could not POST http://prom:9090/api/v1/query: connection refused"
    );
    let huge = outcome(
        json!({}),
        &Script::new()
            .expect(POST, FORM)
            .answer(200, &"x".repeat(10 * 1024 * 1024 + 1)),
    );
    assert_eq!(
        huge,
        "error: could not POST http://prom:9090/api/v1/query: the answer is larger than 10485760 bytes"
    );
}

#[test]
fn headers_and_credentials() {
    let scalar = success(r#"{"resultType":"scalar","result":[1,"7"]}"#);
    let script = Script::new()
        .expect(POST, FORM)
        .with_header("x-scope-orgid", "tenant")
        .with_header("authorization", "Basic YWRhOmx2bGM=")
        .answer(200, &scalar);
    let basic = json!({
        "headers": [{"key": "X-Scope-OrgID", "value": "tenant"}],
        "authentication": {"basicAuth": {"username": "ada", "password": "lvlc"}, "sigv4": {}, "oauth2": {}},
    });
    assert_eq!(outcome(basic, &script), "7");

    let script = Script::new()
        .expect(POST, FORM)
        .without_header("authorization")
        .answer(200, &scalar);
    assert_eq!(
        outcome(json!({"authentication": {"basicAuth": {"username": "ada"}}}), &script),
        "7"
    );

    let oauth2 = |secret| {
        json!({"authentication": {"oauth2": {
            "tokenUrl": "http://id/token", "clientId": "a b", "clientSecret": secret, "scopes": ["r", "w"]}}})
    };
    let form = "grant_type=client_credentials&scope=r+w";
    let script = Script::new()
        .expect("POST http://id/token", form)
        .with_header("authorization", "Basic YStiOnM=")
        .answer(401, "in the form, please")
        .expect("POST http://id/token", &format!("{form}&client_id=a+b&client_secret=s"))
        .answer(200, r#"{"access_token":"t0","token_type":"bearer"}"#)
        .expect(POST, FORM)
        .with_header("authorization", "Bearer t0")
        .answer(200, &scalar);
    assert_eq!(outcome(oauth2("s"), &script), "7");
    assert_eq!(
        outcome(oauth2(""), &Script::new()),
        "error: missing mandatory parameter in metric for OAuth2 setup"
    );
    let script = Script::new()
        .expect("POST http://id/token", form)
        .answer(500, "")
        .expect("POST http://id/token", &format!("{form}&client_id=a+b&client_secret=s"))
        .answer(500, "");
    assert_eq!(
        outcome(oauth2("s"), &script),
        "error: no OAuth2 token: the token server answered 500 Internal Server Error"
    );

    let sigv4 = json!({"region": "eu-west-1"});
    let amazon =
        json!({"address": "https://aps-workspaces.eu-west-1.amazonaws.com/x", "authentication": {"sigv4": sigv4}});
    assert_eq!(
        outcome(amazon, &Script::new()),
        "error: authentication.sigv4 is not supported by this version of Sluice"
    );
    let script = Script::new().expect(POST, FORM).answer(200, &scalar);
    assert_eq!(outcome(json!({"authentication": {"sigv4": sigv4}}), &script), "7");
}
