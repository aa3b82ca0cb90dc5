//! Custom kinds: what their schema does to what is written.

use super::{answer, exchange, send, server, widget};
use crate::apiserver::{Body, Request, Response};
use serde_json::{Value, json};

#[test]
fn a_schema_prunes_fills_in_and_refuses() {
    let mut server = server();
    let steps: &[(&str, Value, &[&str], &str)] = &[
        (
            "POST widgets",
            widget(
                "a",
                json!({"unknown": 1, "parts": [{"name": "x", "extra": 1}], "config": {"any": [1]}}),
            ),
            &["spec"],
            r#"201 {"config":{"any":[1]},"parts":[{"count":7,"name":"x"}],"replicas":1}"#,
        ),
        (
            "POST widgets",
            widget("b", json!({"replicas": "two"})),
            &[],
            "422 Invalid Widget.example.com \"b\" is invalid: [spec.replicas: Invalid value: \"string\": spec.replicas in body must be of \
             type integer: \"string\", .spec.replicas: Invalid value: 0: .spec.replicas accessor error: two is of the type string, \
             expected int64, <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]",
        ),
        (
            "POST widgets",
            widget("b", json!({"replicas": -1})),
            &[],
            "422 Invalid Widget.example.com \"b\" is invalid: [spec.replicas: Invalid value: -1: spec.replicas in body should be greater \
             than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]",
        ),
        (
            "POST widgets",
            widget("B", json!({})),
            &[],
            "422 Invalid Widget.example.com \"B\" is invalid: metadata.name: Invalid value: \"B\": a lowercase RFC 1123 subdomain must \
             consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
        (
            "MERGE widgets/a",
            json!({"spec": {"selector": {"app": "x"}}}),
            &["spec.selector.app"],
            "200 \"x\"",
        ),
        (
            "MERGE widgets/a",
            json!({"spec": {"selector": {"app": "y"}}}),
            &[],
            "422 Invalid Widget.example.com \"a\" is invalid: spec.selector: Invalid value: \"object\": .spec.selector is immutable",
        ),
        (
            "STRATEGIC widgets/a",
            json!({}),
            &[],
            "415 UnsupportedMediaType the body of the request was in an unknown format - accepted \
            media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        ),
        (
            "PUT widgets/a",
            widget("a", json!({})),
            &[],
            "422 Invalid widgets.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update",
        ),
        (
            "POST widgets?fieldValidation=Strict",
            widget("c", json!({"unknown": 1})),
            &[],
            "400 BadRequest Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.unknown\"",
        ),
    ];
    exchange(&mut server, steps);
}

#[test]
fn a_client_that_asks_is_warned_of_unknown_fields() {
    let mut server = server();
    let Response::Answer(created) = send(
        &mut server,
        "POST widgets?fieldValidation=Warn",
        widget("a", json!({"x": 1})),
    ) else {
        panic!("not answered");
    };
    assert_eq!(
        (created.code, created.warnings),
        (201, vec!["unknown field \"spec.x\"".to_owned()])
    );
}

#[test]
fn a_definition_serves_its_kind_as_long_as_it_exists() {
    let mut server = server();
    let name = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
    let condition = "status.conditions.1.type";
    assert_eq!(
        answer(&mut server, &format!("GET {name}"), Value::Null, &[condition]),
        "200 \"Established\""
    );
    send(&mut server, "POST widgets", widget("a", json!({})));
    assert_eq!(server.handle(Request::delete(name)).code(), 200);
    assert_eq!(server.store().list("widgets.example.com", None).count(), 0);
    assert_eq!(
        answer(&mut server, "GET widgets", Value::Null, &[]),
        "404 404 page not found"
    );
}

#[test]
fn a_dry_run_answers_and_stores_nothing() {
    let mut server = server();
    exchange(
        &mut server,
        &[
            (
                "POST widgets?dryRun=All",
                widget("a", json!({})),
                &["spec.replicas"],
                "201 1",
            ),
            (
                "GET widgets/a",
                Value::Null,
                &[],
                "404 NotFound widgets.example.com \"a\" not found",
            ),
        ],
    );
    let request = Request::get("/apis/example.com/v1/widgets");
    let Response::Answer(answer) = server.handle(request) else {
        panic!("not answered")
    };
    let Body::Json(list) = answer.body else {
        panic!("not a list")
    };
    assert_eq!(list["items"], json!([]));
}

#[test]
fn what_was_stored_before_a_rule_may_stay_but_not_be_changed() {
    let mut server = server();
    send(
        &mut server,
        "POST widgets",
        widget("a", json!({"color": "red", "labels": {}})),
    );
    let stricter = json!([
        {"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/color/enum", "value": ["blue"]},
    ]);
    let name = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
    let refused = "422 Invalid Widget.example.com \"a\" is invalid: [spec.color: Unsupported value: \"green\": supported values: \
                   \"blue\", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; \
                   correct the existing errors to complete validation]";
    exchange(
        &mut server,
        &[
            (&format!("JSON {name}"), stricter, &[], "200"),
            (
                "MERGE widgets/a",
                json!({"spec": {"replicas": 2}}),
                &["spec.color", "spec.replicas"],
                "200 \"red\" 2",
            ),
            ("MERGE widgets/a", json!({"spec": {"color": "green"}}), &[], refused),
        ],
    );
}
