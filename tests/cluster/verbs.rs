//! What a person types, on the real API server: kubectl with our manifests, and the verbs of the plugin.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{Cluster, ROLLOUTS, child};

const PATIENCE: Duration = Duration::from_secs(120);

fn repository(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(file)
        .display()
        .to_string()
}

/// The limit of an annotation, in which a client-side apply keeps what it applied, is the server's to judge.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn the_manifests_apply_client_side() {
    let cluster = Cluster::shared();
    for directory in ["crds", "examples"] {
        let files = repository(directory);
        let said = cluster.kubectl(["apply", "--dry-run=server", "--validate=strict", "-f", &files]);
        let said = said.unwrap_or_else(|error| panic!("{error:#}"));
        let files = std::fs::read_dir(&files).expect("the directory").count();
        assert!(said.lines().count() >= files, "{files} files:\n{said}");
    }
    let explained = cluster
        .kubectl(["explain", "rollout.spec.strategy.canary.steps"])
        .expect("explain");
    assert!(explained.contains("setWeight"), "{explained}");
}

/// The session in the head of examples/canary-without-services.yaml.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn the_verbs_lead_a_canary() {
    let cluster = Cluster::shared();
    let here = "verbs";
    cluster.block_on(cluster.namespace(here)).expect("a namespace");
    let flags = ["--namespaced", "--namespace", here, "--leader-elect=false"];
    let kubeconfig = cluster.plane.kubeconfig();
    let _controller = child::controller(&cluster, here, &kubeconfig, &flags).expect("a controller");
    let sluice = child::sluice().expect("sluice");
    let verb = |words: &[&str]| run(&sluice, &kubeconfig, words);
    let until = |what: &str, holds: &dyn Fn(&Value) -> bool| {
        let seen = cluster.block_on(cluster.wait_for(PATIENCE, |history| {
            history.object(ROLLOUTS, here, "hello").filter(|rollout| holds(rollout))
        }));
        let last = || cluster.history.object(ROLLOUTS, here, "hello").unwrap_or_default()["status"].clone();
        seen.unwrap_or_else(|| panic!("not {what}: {}", last()));
    };
    let phase = |wanted: &'static str, generation: &'static str| {
        until(wanted, &|rollout| {
            rollout["status"]["phase"] == wanted && rollout["status"]["observedGeneration"] == generation
        });
    };

    let example = repository("examples/canary-without-services.yaml");
    cluster
        .kubectl(["apply", "-n", here, "-f", &example])
        .expect("the example applies");
    phase("Healthy", "1");
    verb(&["set", "image", "hello", "hello=ghcr.io/stefanprodan/podinfo:6.9.1"]);
    phase("Paused", "2");
    let tree = verb(&["get", "rollout", "hello", "--no-color"]);
    for shown in [
        "Step:          1/4",
        "SetWeight:     25",
        "podinfo:6.9.1 (canary)",
        "# revision:2",
    ] {
        assert!(tree.contains(shown), "{shown} is not in\n{tree}");
    }
    verb(&["promote", "hello"]);
    until("at the second pause", &|rollout| {
        rollout["status"]["currentStepIndex"] == 3 && rollout["status"]["phase"] == "Paused"
    });
    verb(&["abort", "hello"]);
    phase("Degraded", "2");
    verb(&["retry", "rollout", "hello"]);
    phase("Paused", "2");
    verb(&["promote", "hello", "--full"]);
    phase("Healthy", "2");
    assert!(verb(&["status", "hello"]).contains("Healthy"));
    verb(&["undo", "hello"]);
    phase("Paused", "3");
    let listed = verb(&["list", "rollouts"]);
    assert!(listed.contains("hello") && listed.contains("Canary"), "{listed}");
}

fn run(sluice: &PathBuf, kubeconfig: &Path, words: &[&str]) -> String {
    let output = Command::new(sluice)
        .args(words)
        .args(["--namespace", "verbs"])
        .env("KUBECONFIG", kubeconfig)
        .output()
        .expect("sluice runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sluice {}: {said}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
