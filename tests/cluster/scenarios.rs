//! Every scenario file on the real cluster, each a test of its own, several at a time.

use std::path::{Path, PathBuf};

use super::Cluster;
use super::stage;
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

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn what_is_not_played_is_said() {
    let names: Vec<String> = all().iter().map(|file| stem(file)).collect();
    for (name, why) in TOO_LONG {
        assert!(names.iter().any(|there| there == name), "no scenario {name}");
        eprintln!("not played on the real cluster: {name}: {why}");
    }
}

fn stem(file: &Path) -> String {
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}
