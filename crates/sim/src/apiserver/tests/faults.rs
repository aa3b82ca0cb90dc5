//! Faults: each one does what it says, as often as it says, to whom it says.

use super::objects::{told, watch};
use super::{answer, config, send, server};
use crate::faults::{Fault, Rule};
use serde_json::{Value, json};
use std::time::Duration;

/// What two attempts to change `configmaps/a` answer under a rule, and what is stored in the end.
fn attempts(rule: Rule) -> [String; 3] {
    let mut server = server();
    send(&mut server, "POST configmaps", config("a", "0"));
    server.faults.add(rule);
    let attempt = |server: &mut super::ApiServer, value: &str| {
        let said = answer(server, "MERGE configmaps/a", json!({"data": {"k": value}}), &["data.k"]);
        if said.starts_with("200") {
            said
        } else {
            said.split(' ').next().unwrap_or_default().to_owned()
        }
    };
    let said = [attempt(&mut server, "1"), attempt(&mut server, "2")];
    let stored = server.store().get("configmaps", "default", "a").unwrap()["data"]["k"].to_string();
    let [first, second] = said;
    [first, second, stored]
}

#[test]
fn writes_fail_before_or_after_they_are_stored() {
    for (rule, expected) in [
        (Rule::new(Fault::Conflict).once(), ["409", "200 \"2\"", "\"2\""]),
        (Rule::new(Fault::ErrorBefore).after(1), ["200 \"1\"", "500", "\"1\""]),
        (Rule::new(Fault::ErrorAfter).after(1), ["200 \"1\"", "500", "\"2\""]),
        (Rule::new(Fault::Hang), ["hung", "hung", "\"0\""]),
        (Rule::new(Fault::HangAfter), ["hung", "hung", "\"2\""]),
        (
            Rule::new(Fault::Conflict).agent("somebody else"),
            ["200 \"1\"", "200 \"2\"", "\"2\""],
        ),
        (
            Rule::new(Fault::Conflict).verb("update"),
            ["200 \"1\"", "200 \"2\"", "\"2\""],
        ),
        (
            Rule::new(Fault::Conflict)
                .verb("patch")
                .resource("configmaps")
                .name("a")
                .once(),
            ["409", "200 \"2\"", "\"2\""],
        ),
        (
            Rule::new(Fault::Conflict).chance(0.0),
            ["200 \"1\"", "200 \"2\"", "\"2\""],
        ),
    ] {
        assert_eq!(attempts(rule.clone()), expected, "{rule:?}");
    }
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let mut server = server();
    server
        .faults
        .add(Rule::new(Fault::TooManyRequests { retry_after: 3 }).once());
    let status = send(&mut server, "GET configmaps", Value::Null).object().unwrap_err();
    assert_eq!(
        (&status["code"], &status["details"]["retryAfterSeconds"]),
        (&json!(429), &json!(3))
    );
    assert_eq!(server.faults.fired().len(), 1);
}

/// What a watch hears of two writes, a second apart, under a rule.
fn heard(rule: Rule) -> Vec<String> {
    let mut server = server();
    let mut cursor = watch(&mut server, "");
    server.faults.add(rule);
    let mut heard = Vec::new();
    for name in ["a", "b"] {
        send(&mut server, "POST configmaps", config(name, "0"));
        heard.push(told(&mut server, &mut cursor));
        server.clock().advance(Duration::from_secs(1));
    }
    heard.push(told(&mut server, &mut cursor));
    if cursor.is_closed() {
        heard.push("closed".into());
    }
    heard
}

#[test]
fn watches_are_late_cut_incomplete_repeated_or_expired() {
    for (rule, expected) in [
        (
            Rule::new(Fault::Stale(Duration::from_secs(2))).once(),
            vec!["", "", "ADDED a, ADDED b"],
        ),
        (Rule::new(Fault::Cut).once(), vec!["", "", "", "closed"]),
        (Rule::new(Fault::Drop).once(), vec!["", "ADDED b", ""]),
        (
            Rule::new(Fault::Duplicate).name("b"),
            vec!["ADDED a", "ADDED b, ADDED b", ""],
        ),
        (
            Rule::new(Fault::Expired).once(),
            vec!["ERROR Expired", "", "", "closed"],
        ),
        (Rule::new(Fault::Drop).resource("pods"), vec!["ADDED a", "ADDED b", ""]),
    ] {
        assert_eq!(heard(rule.clone()), expected, "{rule:?}");
    }
}

#[test]
fn chance_is_the_same_for_the_same_seed() {
    let outcome = || {
        let mut server = server();
        server
            .faults
            .add(Rule::new(Fault::ErrorBefore).verb("create").chance(0.5));
        let codes = (0..16).map(|at| send(&mut server, "POST configmaps", config(&format!("c{at}"), "0")).code());
        codes.map(|code| code.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(outcome(), outcome());
    assert!(outcome().contains("500") && outcome().contains("201"));
}
