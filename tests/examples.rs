//! Every manifest under `examples/`: says what it shows, and is one that nobody could object to.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde_json::{Value, json};
use sim::Request;
use sluice::lint::{Source, lint};

use crate::model::Model;
use crate::scenarios;

fn examples() -> Vec<(PathBuf, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|e| panic!("could not read {}: {e}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        (path, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn the_examples_are_these() {
    let names: Vec<String> = examples()
        .iter()
        .map(|(path, _)| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "blue-green-with-analysis",
            "blue-green",
            "canary-with-analysis",
            "canary-without-services",
            "canary",
            "from-a-deployment",
        ]
    );
}

#[test]
fn each_says_what_it_shows_and_how_to_try_it() {
    for (path, text) in examples() {
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let comment = comment.join("\n");
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(comment.contains("What it shows"), "{file}");
        assert!(comment.contains(&format!("kubectl apply -f {file}")), "{file}");
    }
}

#[test]
fn each_is_linted_clean_with_all_it_names() {
    for (path, text) in examples() {
        let name = path.display().to_string();
        let report = lint(&[Source { name, text }]);
        assert_eq!(report.to_text(), "", "{}", report.summary());
        assert!(
            report.objects.iter().any(|object| object["kind"] == "Rollout"),
            "{}",
            path.display()
        );
    }
}

/// An update that the metrics praise, resumed whenever it waits for a person.
#[test]
fn each_goes_through_an_update_in_the_model_ring() {
    for (path, text) in examples() {
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let report = lint(&[Source {
            name: file.clone(),
            text,
        }]);
        let mut model = Model::new(1);
        for (metric, value) in good() {
            model.metrics.set(metric, vec![value]);
        }
        for object in &report.objects {
            model.user(Request::post(&scenarios::collection(object, "default"), object));
        }
        let rollout = report
            .objects
            .iter()
            .find(|object| object["kind"] == "Rollout")
            .expect("a Rollout");
        let name = rollout["metadata"]["name"].as_str().expect("a name").to_owned();
        until_healthy(&mut model, &name);
        let holder = match rollout["spec"]["workloadRef"]["kind"].as_str() {
            None => rollout,
            Some(kind) => {
                let mut objects = report.objects.iter();
                objects.find(|object| object["kind"] == kind).expect("the workload")
            }
        };
        let kind = holder["kind"].as_str().expect("a kind").to_lowercase();
        let path = scenarios::path_of(&kind, "default", holder["metadata"]["name"].as_str().expect("a name"));
        let patch = scenarios::with_image(holder, "registry.example/app:next");
        model.user(Request::merge_patch(&path, &patch));
        until_healthy(&mut model, &name);
        assert!(model.checks.broken.is_empty(), "{file}: {:?}", model.checks.broken);
        let status = model
            .object("rollouts.argoproj.io", "default", &name)
            .expect("the rollout")["status"]
            .clone();
        assert_eq!(status["stableRS"], status["currentPodHash"], "{file}");
        let old = model.world.api.store().list("pods", Some("default"));
        let old = old.filter(|pod| pod["spec"]["containers"][0]["image"] != "registry.example/app:next");
        assert_eq!(old.count(), 0, "{file}: old pods are left\n{}", model.tail());
    }
}

/// What the examples' metrics give when all is well.
fn good() -> [(&'static str, Value); 4] {
    [
        ("answers", json!({ "status": "OK" })),
        ("error-rate", json!([0.0])),
        ("success-rate", json!([1.0])),
        ("p99", json!([0.02])),
    ]
}

fn until_healthy(model: &mut Model, name: &str) {
    let until = model.now() + TimeDelta::hours(6);
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/{name}");
    while model.step(until) {
        let rollout = model
            .object("rollouts.argoproj.io", "default", name)
            .cloned()
            .unwrap_or_default();
        let generation = rollout["metadata"]["generation"].as_i64().unwrap_or(0).to_string();
        let status = &rollout["status"];
        let seen = status["observedGeneration"] == generation.as_str();
        let pods = model.world.api.store().list("pods", Some("default")).count() as i64;
        if seen && status["phase"] == "Healthy" && Some(pods) == rollout["spec"]["replicas"].as_i64() {
            return;
        }
        if seen && status["phase"] == "Paused" {
            let resume = json!({ "status": { "pauseConditions": null } });
            model.user(Request::merge_patch(&format!("{path}/status"), &resume));
        }
    }
    panic!("{name} is not healthy within six hours\n{}", model.tail());
}
