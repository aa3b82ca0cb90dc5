//! One funnel: pods, what they say at the first and at the second scrape, and the outcome.

use api::analysis::{Measurement, Metric};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{NAME, ScrapeTarget};
use crate::testing::{Got, Script, at, run_task};
use crate::{Outcome, Settings, Task};

const FIRST: &str = "2026-03-01T12:00:00.3Z";
const SECOND: &str = "2026-03-01T12:00:11Z";

/// A pod: its number, and its page at each of the two scrapes (`-`: not there, `!`: does not answer).
type Pod<'p> = (u8, &'p str, &'p str);

fn metric(question: Value) -> Metric {
    let mut config = json!({"target": "canary", "port": 8080});
    for (key, value) in question.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(json!({"name": "m", "provider": {"plugin": {NAME: config}}})).unwrap()
}

fn target(number: u8, created: Option<DateTime<Utc>>) -> ScrapeTarget {
    ScrapeTarget {
        pod: format!("web-{number}"),
        uid: format!("uid-{number:03}"),
        address: format!("10.0.0.{number}:8080").parse().unwrap(),
        created,
    }
}

/// One scrape of those that are there; `resumed` makes it the second.
fn scrape(question: &Value, pods: &[(u8, &str)], resumed: Option<Measurement>) -> Got {
    let mut script = Script::new();
    let mut targets = Vec::new();
    for &(number, page) in pods.iter().filter(|(_, page)| *page != "-") {
        // Pods from 100 on are created within the window.
        targets.push(target(number, (number >= 100).then(|| at("2026-03-01T12:00:05Z"))));
        script = script
            .expect(&format!("GET http://10.0.0.{number}:8080/metrics"), "")
            .with_header("accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1");
        script = match page {
            "!" => script.failure("connection refused"),
            page => script.answer(200, page),
        };
    }
    let now = at(if resumed.is_some() { SECOND } else { FIRST });
    let task = Task {
        metric: metric(question.clone()),
        resumed,
        targets,
    };
    run_task(&task, &Settings::default(), &script, now)
}

/// Both scrapes: the text of the value with its note, and the metadata.
fn window(question: Value, pods: &[Pod<'_>]) -> (String, String) {
    let first: Vec<(u8, &str)> = pods.iter().map(|&(number, page, _)| (number, page)).collect();
    let second: Vec<(u8, &str)> = pods.iter().map(|&(number, _, page)| (number, page)).collect();
    let opened = scrape(&question, &first, None);
    let Outcome::NotYet { resume_at } = opened.0.outcome else {
        return (said(&opened), format!("{:?}", opened.0.metadata));
    };
    assert_eq!(resume_at, at(SECOND), "rounded up to a second");
    let measurement = Measurement {
        metadata: opened.0.metadata,
        ..Measurement::default()
    };
    let closed = scrape(&question, &second, Some(measurement));
    let facts: Vec<String> = closed
        .0
        .metadata
        .iter()
        .map(|(name, fact)| format!("{name}={fact}"))
        .collect();
    (said(&closed), facts.join(" "))
}

fn said(got: &Got) -> String {
    match &got.0.outcome {
        Outcome::Value { note, .. } if !note.is_empty() => format!("{} ({note})", got.text()),
        _ => got.text(),
    }
}

fn errors() -> Value {
    json!({"errorRate": {"counter": "r", "errors": {"status": "5.."}}})
}

fn p99() -> Value {
    json!({"quantile": {"histogram": "h", "q": "0.5"}})
}

#[test]
fn error_rates() {
    let quiet = "r{status=\"200\"} 10\nr{status=\"500\"} 2";
    let table: [(&[Pod<'_>], &str, &str); 12] = [
        (
            &[
                (1, quiet, "r{status=\"200\"} 19\nr{status=\"500\"} 3"),
                (2, quiet, "r{status=\"200\"} 20\nr{status=\"500\"} 2"),
            ],
            "0.05",
            "pods=2 requests=20 window=10.7s",
        ),
        (
            &[(1, quiet, "r{status=\"200\"} 20\nr{status=\"500\"} 2")],
            "0",
            "pods=1 requests=10 window=10.7s",
        ),
        // The first error is a series that was not there.
        (
            &[(1, "r{status=\"200\"} 10", "r{status=\"200\"} 13\nr{status=\"503\"} 1")],
            "0.25",
            "pods=1 requests=4 window=10.7s",
        ),
        (
            &[(1, "", "r{status=\"200\"} 3\nr{status=\"503\"} 1")],
            "0.25",
            "pods=1 requests=4 window=10.7s",
        ),
        (
            &[(1, quiet, quiet)],
            "null (no data: 0 requests in 10.7s, fewer than 1)",
            "pods=1 requests=0 window=10.7s",
        ),
        (
            &[(1, "up 1", "up 1")],
            "null (no data: no pod of the canary has a matching series r)",
            "pods=1 requests=0 window=10.7s",
        ),
        // Restarted in between: all it has is of this window.
        (
            &[(1, quiet, "r{status=\"200\"} 3\nr{status=\"500\"} 1")],
            "0.25",
            "pods=1 requests=4 window=10.7s",
        ),
        (
            &[(1, quiet, "-"), (2, quiet, "r{status=\"200\"} 14\nr{status=\"500\"} 2")],
            "0",
            "pods=1 podsGone=1 requests=4 window=10.7s",
        ),
        (
            &[(1, quiet, "-")],
            "null (no data: no pod of the canary was there at both ends of the window)",
            "pods=0 podsGone=1 requests=0 window=10.7s",
        ),
        // Pod 3 was there, but not in the baseline; pod 100 was created since.
        (
            &[
                (1, quiet, "r{status=\"200\"} 13\nr{status=\"500\"} 2"),
                (3, "-", quiet),
                (100, "-", "r{status=\"500\"} 1"),
            ],
            "0.25",
            "firstLeftOut=web-3: not in the baseline pods=2 podsLeftOut=1 requests=4 window=10.7s",
        ),
        (
            &[(1, quiet, "!"), (2, quiet, "r{status=\"200\"} 14\nr{status=\"500\"} 2")],
            "0",
            "firstLeftOut=web-1: could not GET http://10.0.0.1:8080/metrics: connection refused pods=1 podsLeftOut=1 requests=4 window=10.7s",
        ),
        (
            &[(1, quiet, "!")],
            "error: could not scrape any of 1 pods; web-1: could not GET http://10.0.0.1:8080/metrics: connection refused",
            "",
        ),
    ];
    for (pods, want, facts) in table {
        let got = window(errors(), pods);
        assert_eq!((got.0.as_str(), got.1.as_str()), (want, facts), "{pods:?}");
    }
}

#[test]
fn quantiles() {
    let before = "h_bucket{le=\"1\"} 5\nh_bucket{le=\"2\"} 6\nh_bucket{le=\"+Inf\"} 6\nh_count 6\nh_sum 3";
    let after = "h_bucket{le=\"1.0\"} 15\nh_bucket{le=\"2\"} 36\nh_bucket{le=\"+Inf\"} 36";
    assert_eq!(window(p99(), &[(1, before, after)]).0, "1.25");
    let none = window(p99(), &[(1, before, before)]).0;
    assert_eq!(none, "null (no data: 0 requests in 10.7s, fewer than 1)");
    let no_bound = window(p99(), &[(1, "h_bucket{le=\"+Inf\"} 1", "h_bucket{le=\"+Inf\"} 2")]).0;
    assert_eq!(
        no_bound,
        "null (no data: h_bucket has no finite bucket, or the window no length)"
    );
    let open = window(p99(), &[(1, "h_bucket{le=\"1\"} 1", "")]).0;
    assert!(open.ends_with("h_bucket has no bucket with le=\"+Inf\""), "{open}");
    let summary = window(p99(), &[(1, "h_bucket{le=\"x\"} 1", "")]).0;
    assert!(summary.ends_with("h_bucket has a bucket with le=\"x\""), "{summary}");
}

#[test]
fn rates_and_selectors() {
    let rate = |only: Value| json!({"requestRate": {"counter": "r", "where": only}});
    let pods: [Pod<'_>; 2] = [
        (
            1,
            "r{path=\"/a\"} 0\nr{path=\"/b\"} 7",
            "r{path=\"/a\"} 107\nr{path=\"/b\"} 7",
        ),
        (
            2,
            "r{path=\"/a\"} 5\nr{path=\"/b\"} 0",
            "r{path=\"/a\"} 5\nr{path=\"/b\"} 0",
        ),
    ];
    assert_eq!(window(rate(json!({})), &pods).0, "5");
    assert_eq!(window(rate(json!({"path": "/a|/c"})), &pods).0, "5");
    assert_eq!(window(rate(json!({"path": "/b"})), &pods).0, "0");
    let nothing = window(rate(json!({"path": "/"})), &pods).0;
    assert_eq!(nothing, "null (no data: no pod of the canary has a matching series r)");
}

#[test]
fn the_least_number_of_requests() {
    let pods: [Pod<'_>; 1] = [(1, "r 0", "r 19")];
    let mut question = errors();
    question["minRequests"] = json!(20);
    assert_eq!(
        window(question.clone(), &pods).0,
        "null (no data: 19 requests in 10.7s, fewer than 20)"
    );
    question["minRequests"] = json!("19");
    assert_eq!(window(question, &pods).0, "0");
}

#[test]
fn a_first_scrape_that_cannot_be_a_baseline() {
    assert_eq!(
        window(errors(), &[]).0,
        "null (no data: there is no pod of the canary to scrape)"
    );
    let html = "error: could not scrape any of 1 pods; web-1: http://10.0.0.1:8080/metrics: \
        line 1 is not a Prometheus metric: \"<html>\"";
    assert_eq!(window(errors(), &[(1, "<html>", "")]).0, html);
    let gauge = window(errors(), &[(1, "r -1", "")]).0;
    assert!(gauge.ends_with("r is -1, which no counter can be"), "{gauge}");
    // One of two is enough.
    assert_eq!(window(errors(), &[(1, "r 0", "r 4"), (2, "!", "!")]).0, "0");
}

#[test]
fn pods_that_never_answer() {
    let task = Task {
        metric: metric(errors()),
        targets: vec![target(1, None)],
        ..Task::default()
    };
    let get = "GET http://10.0.0.1:8080/metrics";
    let silent = run_task(
        &task,
        &Settings::default(),
        &Script::new().expect(get, "").silence(),
        at(FIRST),
    )
    .text();
    let want =
        "error: could not scrape any of 1 pods; web-1: could not GET http://10.0.0.1:8080/metrics: no answer within 5s";
    assert_eq!(silent, want);
    let script = Script::new().expect(get, "").answer(503, "");
    let busy = run_task(&task, &Settings::default(), &script, at(FIRST)).text();
    assert!(
        busy.ends_with("http://10.0.0.1:8080/metrics answered 503 Service Unavailable"),
        "{busy}"
    );
}

#[test]
fn a_lost_baseline_is_an_error() {
    for metadata in [json!({}), json!({"baseline": "x"})] {
        let measurement: Measurement =
            serde_json::from_value(json!({"phase": "Running", "metadata": metadata})).unwrap();
        let got = scrape(&errors(), &[], Some(measurement));
        assert_eq!(
            got.text(),
            "error: the baseline of this measurement is missing or cannot be read"
        );
    }
}

#[test]
fn many_pods_are_sampled_and_bounded() {
    let page: String = (0..60)
        .map(|le| format!("h_bucket{{le=\"{le}\"}} 123456789\n"))
        .collect();
    let page = format!("{page}h_bucket{{le=\"+Inf\"}} 123456789");
    let mut script = Script::new();
    let mut targets = Vec::new();
    for number in 0..200 {
        targets.push(target(number, None));
        if number < 100 {
            script = script
                .expect(&format!("GET http://10.0.0.{number}:8080/metrics"), "")
                .answer(200, &page);
        }
    }
    let task = Task {
        metric: metric(p99()),
        targets,
        ..Task::default()
    };
    let got = run_task(&task, &Settings::default(), &script, at(FIRST)).0;
    assert!(matches!(got.outcome, Outcome::NotYet { .. }));
    assert!(got.metadata["baseline"].len() <= 16 * 1024);
}
