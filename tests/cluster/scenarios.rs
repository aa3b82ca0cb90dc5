//! Every scenario file on the real cluster, each a test of its own, several at a time.

use std::path::PathBuf;

use super::Cluster;
use super::stage;
use crate::scenario::Scenario;

/// Scenarios that cannot be played by the wall clock, and why.
const TOO_LONG: [(&str, &str); 1] = [(
    "blue-green-scale-down-limit",
    "old pods go after a scaleDownDelaySeconds of ten minutes",
)];

#[rstest::rstest]
#[ignore = "needs a control plane: `just cluster`"]
fn scenario(#[files("scenarios/*.md")] file: PathBuf) {
    let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
    if let Some((_, why)) = TOO_LONG.iter().find(|(long, _)| *long == name) {
        println!("skipped: {name}: {why}");
        return;
    }
    let cluster = Cluster::shared();
    let scenario = Scenario::read(file).expect("a scenario");
    if let Err(why) = cluster.block_on(stage::play(&cluster, &name, &scenario)) {
        panic!("{name}: {why}");
    }
}
