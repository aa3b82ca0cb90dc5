//! Crash anywhere, on the real cluster: three scenarios are played once for each of their writes, and die with that write.

use std::path::Path;

use super::stage;
use super::{Cluster, scenarios};
use crate::scenario::{Scenario, Step, all};

/// A canary, a blue/green, and a canary that is aborted and tried again.
const PLAYED: [&str; 3] = [
    "writes-of-an-update",
    "blue-green-waits-for-a-person",
    "abort-while-paused",
];

/// No scenario that is played here writes more often.
const MOST: u64 = 60;
/// How many deaths are played side by side.
const AT_ONCE: u64 = 8;

#[rstest::rstest]
#[ignore = "needs a control plane: `just cluster`"]
fn any_write_may_be_the_last(#[values(0, 1, 2)] which: usize) {
    let name = PLAYED[which];
    let file = all().into_iter().find(|file| scenarios::stem(Path::new(file)) == name);
    let mut scenario = Scenario::read(file.expect("the scenario is there")).expect("a scenario");
    // an event that was not told before the end is told by nobody
    scenario.steps.retain(|(_, step)| !matches!(step, Step::Event(..)));
    // what matters is where it ends, not for how long it rests there
    scenario.steps.retain(|(_, step)| !matches!(step, Step::Quiet(_)));
    let cluster = Cluster::shared();
    let mut writes = MOST;
    let mut write = 0;
    while write < writes {
        let beside = (write..writes.min(write + AT_ONCE)).map(|write| {
            let (cluster, scenario) = (&cluster, &scenario);
            async move {
                let namespace = format!("crash-{which}-{write}");
                let played = stage::play_dying(cluster, &namespace, scenario, write).await;
                played.unwrap_or_else(|why| panic!("{name}, dying with write {write}: {why}"))
            }
        });
        let counts = cluster.block_on(futures::future::join_all(beside));
        writes = counts.into_iter().fold(writes, u64::min);
        write += AT_ONCE;
    }
    assert!(writes < MOST, "{name} writes {writes} times");
    eprintln!("{name}: died with each of {writes} writes");
}
