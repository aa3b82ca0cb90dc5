//! Malformed objects of the other kinds: analysis templates, runs, and ReplicaSets with what nobody would write into them.

use serde_json::{Value, json};

use super::super::ring::{NAMESPACE, Ring, replica_sets, status};
use super::super::{canary, template};
use super::corpus::{Type, spoilt};

/// The fields that both a template and a run have.
const ANALYSIS: &[(&str, Type)] = &[
    ("/spec/metrics", Type::List),
    ("/spec/metrics/0/name", Type::Text),
    ("/spec/metrics/0/interval", Type::Text),
    ("/spec/metrics/0/initialDelay", Type::Text),
    ("/spec/metrics/0/count", Type::Amount),
    ("/spec/metrics/0/failureLimit", Type::Amount),
    ("/spec/metrics/0/successCondition", Type::Text),
    ("/spec/metrics/0/provider", Type::Object),
    ("/spec/metrics/0/provider/web", Type::Object),
    ("/spec/metrics/0/provider/web/url", Type::Text),
    ("/spec/args", Type::List),
    ("/spec/dryRun", Type::List),
    ("/spec/measurementRetention", Type::List),
];

/// Whoever names such a template is invalid until it is mended; whoever names a sound one updates as ever.
#[tokio::test(start_paused = true)]
async fn a_malformed_template_concerns_those_who_name_it() {
    let mut ring = Ring::loose(310);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    let templates = spoilt(&template("bad", "result < 0.1"), ANALYSIS);
    let names: Vec<String> = (0..templates.len()).map(|number| format!("user-{number}")).collect();
    for (name, template) in names.iter().zip(&templates) {
        ring.plant(&named(template, name));
        ring.create(&with_analysis(name));
    }
    ring.create(&template("web", "result < 0.1"));
    ring.create(&with_analysis("web"));
    ring.start("sluice", |_| {});
    ring.until_phase("web", "Healthy", 30).await;
    ring.set_image("web", "web:v2");
    ring.until("the update", 60, |api| {
        let status = status(api, "web");
        status["phase"] == "Healthy" && replica_sets(api).iter().filter(|set| set.starts_with("web-")).count() == 2
    })
    .await;
    ring.pass(20).await;
    let wrong: Vec<String> = ring.shared.with(|api| {
        let invalid = |name: &&String| {
            let status = status(api, name);
            let message = status["message"].as_str().unwrap_or_default().to_owned();
            !(status["phase"] == "Degraded" && message.contains("analysis.templates"))
        };
        names.iter().filter(invalid).cloned().collect()
    });
    assert_eq!(wrong, Vec::<String>::new());
    for name in &names {
        ring.plant(&named(&template(name, "result < 0.1"), name));
    }
    for name in &names {
        ring.until_phase(name, "Healthy", 30).await;
    }
    assert!(ring.page().contains("sluice_panics_total 0\n"));
    assert!(ring.stop().await.is_ok());
}

/// Half a run must not end well: it ends in an error, and others beside it as ever.
#[tokio::test(start_paused = true)]
async fn a_malformed_run_ends_in_an_error() {
    let mut ring = Ring::loose(311);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    let mut sound = template("run", "result < 0.1");
    sound["kind"] = json!("AnalysisRun");
    let runs = spoilt(&sound, ANALYSIS);
    for (number, run) in runs.iter().enumerate() {
        ring.plant(&named(run, &format!("bad-{number}")));
    }
    for (number, status) in [
        json!("x"),
        json!([]),
        json!({"metricResults": 7}),
        json!({"phase": 7}),
        json!({"metricResults": [null, {"name": 7}]}),
        json!({"startedAt": "soon", "completedAt": 9}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut odd = named(&sound, &format!("odd-{number}"));
        odd["status"] = status;
        ring.plant(&odd);
    }
    ring.start("sluice", |_| {});
    ring.plant(&named(&sound, "sound"));
    ring.pass(60).await;
    let wrong: Vec<String> = ring.shared.with(|api| {
        let runs = api.store().list("analysisruns.argoproj.io", Some(NAMESPACE));
        runs.filter_map(|run| {
            let name = run["metadata"]["name"].as_str().unwrap_or_default();
            let phase = run["status"]["phase"].as_str().unwrap_or_default();
            let right = match name.split('-').next() {
                Some("bad") => phase == "Error",
                Some("sound") => phase == "Successful",
                // What is lost of a status is measured again.
                Some(_) | None => !phase.is_empty(),
            };
            (!right).then(|| format!("{name}: {phase}: {}", run["spec"]))
        })
        .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let writes = ring.writes();
    ring.pass(60).await;
    assert_eq!(ring.writes(), writes, "at rest");
    assert!(ring.page().contains("sluice_panics_total 0\n"));
}

/// What people and tools write into the annotations of a ReplicaSet holds no update up.
#[tokio::test(start_paused = true)]
async fn annotations_of_a_replica_set_that_say_nonsense_hold_nothing_up() {
    let mut ring = Ring::loose(312);
    ring.start("sluice", |_| {});
    let nonsense = [
        (api::keys::REVISION, "the first"),
        (api::keys::REVISION, "9223372036854775807"),
        (api::keys::REVISION, "-5"),
        (api::keys::REVISION, "99999999999999999999"),
        (api::keys::REVISION_HISTORY, ",,-,x"),
        (api::keys::DESIRED_REPLICAS, "x"),
        (api::keys::DESIRED_REPLICAS, "-1"),
        (api::keys::DESIRED_REPLICAS, "99999999999"),
        (api::keys::SCALE_DOWN_DEADLINE, "soon"),
        (api::keys::SCALE_DOWN_DEADLINE, "9999-12-31T23:59:59Z"),
        (api::keys::EPHEMERAL_METADATA, "{"),
        (api::keys::EPHEMERAL_METADATA, "{\"labels\": 7}"),
    ];
    let names: Vec<String> = (0..nonsense.len()).map(|number| format!("web{number}")).collect();
    for name in &names {
        ring.create(&canary(name, 2, json!([{"setWeight": 50}, {"pause": {"duration": 2}}])));
    }
    for (number, wrong) in [json!("many"), json!({"a": 1}), json!(1e30)].into_iter().enumerate() {
        let name = format!("nobody-{number}");
        let labels = json!({"app": "web0", api::keys::POD_TEMPLATE_HASH: "x"});
        ring.plant(&json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "spec": {"replicas": wrong, "template": 7},
        }));
    }
    for name in &names {
        ring.until_phase(name, "Healthy", 60).await;
    }
    for (name, (key, value)) in names.iter().zip(nonsense) {
        let hash = ring.shared.with(|api| status(api, name)["stableRS"].clone());
        let path = format!(
            "/apis/apps/v1/namespaces/{NAMESPACE}/replicasets/{name}-{}",
            hash.as_str().unwrap_or_default()
        );
        let patch = json!({"metadata": {"annotations": {key: value}}});
        let sent = ring
            .shared
            .with(|api| api.handle(sim::Request::merge_patch(&path, &patch).agent("user")));
        sent.object().expect("an annotation");
    }
    ring.pass(5).await;
    for name in &names {
        ring.set_image(name, "web:v2");
    }
    for name in &names {
        ring.until(&format!("the update of {name}"), 60, |api| {
            let of_it = |set: &&String| set.starts_with(&format!("{name}-"));
            let sets = replica_sets(api);
            let mut sizes: Vec<&str> = sets
                .iter()
                .filter(of_it)
                .filter_map(|set| set.split(' ').nth(1))
                .collect();
            sizes.sort_unstable();
            sizes == ["0/0", "2/2"] && status(api, name)["phase"] == "Healthy"
        })
        .await;
    }
    ring.pass(60).await;
    let writes = ring.writes();
    ring.pass(60).await;
    assert_eq!(ring.writes(), writes, "at rest");
    assert!(ring.page().contains("sluice_panics_total 0\n"));
}

/// A canary that is analysed by the template of its own name.
fn with_analysis(name: &str) -> Value {
    let analysis = json!({"analysis": {"templates": [{"templateName": name}]}});
    canary(name, 1, json!([{"setWeight": 50}, analysis]))
}

fn named(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["name"] = json!(name);
    object
}
