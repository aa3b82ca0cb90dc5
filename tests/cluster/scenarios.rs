//! Every scenario file on the real cluster, each a test of its own, several at a time.

use std::path::{Path, PathBuf};

use sim::Request;

use super::stage;
use super::{Cluster, Settings, call};
use crate::scenario::{Scenario, all};

/// Scenarios that cannot be played by the wall clock, and why. They are excluded below, too.
const TOO_LONG: [(&str, &str); 1] = [(
    "blue-green-scale-down-limit",
    "old pods go after a scaleDownDelaySeconds of ten minutes",
)];

#[rstest::rstest]
#[ignore = "needs a control plane: `just cluster`"]
fn scenario(
    #[files("scenarios/*.md")]
    #[exclude("blue-green-scale-down-limit")]
    file: PathBuf,
) {
    let name = stem(&file);
    let cluster = Cluster::shared();
    let scenario = Scenario::read(file).expect("a scenario");
    if let Err(why) = cluster.block_on(stage::play(&cluster, &name, &scenario)) {
        panic!("{name}: {why}");
    }
}

/// One of each kind; `SLUICE_EMULATED=1.33 just cluster` plays all of them.
const AS_OLDEST: [&str; 8] = [
    "background-analysis-starts-late",
    "blue-green-takes-over-a-service",
    "blue-green-with-analysis",
    "canary-services-switch-before-the-last-pod-goes",
    "canary-steps",
    "invalid-specs-touch-nothing",
    "pods-die-during-a-canary",
    "restart-within-the-budget",
];

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn the_oldest_kubernetes_that_we_claim_does_as_well() {
    let oldest = Settings {
        emulated: Some("1.33".to_owned()),
        ..Settings::default()
    };
    let cluster = Cluster::start(&oldest).expect("a cluster");
    let version = cluster
        .block_on(call(&cluster.client, Request::get("/version")))
        .expect("the version");
    assert_eq!(version["emulationMinor"], "33", "{version}");
    let files = all()
        .into_iter()
        .filter(|file| AS_OLDEST.contains(&stem(file).as_str()));
    let files: Vec<PathBuf> = files.collect();
    assert_eq!(files.len(), AS_OLDEST.len(), "each is there");
    let playing = files.into_iter().map(|file| {
        let cluster = &cluster;
        async move {
            let name = stem(&file);
            let scenario = Scenario::read(file).expect("a scenario");
            let outcome = stage::play(cluster, &name, &scenario).await;
            outcome.err().map(|why| format!("{name}: {why}"))
        }
    });
    let wrong = cluster.block_on(futures::future::join_all(playing));
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn what_is_not_played_is_said() {
    let names: Vec<String> = all().iter().map(|file| stem(file)).collect();
    for (name, why) in TOO_LONG {
        assert!(names.iter().any(|there| there == name), "no scenario {name}");
        eprintln!("not played on the real cluster: {name}: {why}");
    }
}

pub(super) fn stem(file: &Path) -> String {
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}
