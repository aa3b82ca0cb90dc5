//! One controller writes at a time: a leader that is cut off has stopped before the next one begins, and nothing it did is
//! done again.

use std::collections::BTreeSet;

use controller::error::Error;
use serde_json::{Value, json};
use sim::{Fault, Rule};

use super::ring::{self, Ring, status};
use super::{canary, election};

/// The leader reaches nothing for half a minute in the middle of a pause. Its requests are lost, or done and unanswered.
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_writes_nothing_after_the_next_one_has_begun() {
    for (seed, fault) in [(60, Fault::Hang), (61, Fault::HangAfter)] {
        let mut ring = Ring::new(seed);
        for (agent, host) in [("first", "a"), ("second", "b")] {
            ring.start(agent, |config| config.election = Some(election(host)));
            ring.pass(3).await;
        }
        ring.create(&canary("web", 4, steps()));
        ring.until_phase("web", "Healthy", 60).await;
        ring.set_image("web", "web:v2");
        ring.until("the pause", 30, |api| pauses(&status(api, "web")) == 1)
            .await;
        let began = ring.now();
        let pause = ring.shared.with(|api| status(api, "web")["pauseConditions"].clone());
        ring.pass(20).await;

        ring.fault(Rule::new(fault).agent("first"));
        ring.pass(30).await;
        ring.shared.with(|api| api.faults.clear());
        assert!(matches!(ring.end().await, Err(Error::LeaseLost { .. })));

        let now = ring.shared.with(|api| status(api, "web")["pauseConditions"].clone());
        assert_eq!(now, pause, "seed {seed}: the clock of the pause goes on");
        ring.until("the end of the pause", 60, |api| pauses(&status(api, "web")) == 0)
            .await;
        let lasted = (ring.now() - began).num_seconds();
        assert!((59..=62).contains(&lasted), "seed {seed}: paused for {lasted} s");
        ring.until_phase("web", "Healthy", 60).await;
        ring.pass(5).await;

        let told = ring.shared.with(|api| ring::events(api, "RolloutStepCompleted"));
        let once: BTreeSet<&String> = told.iter().collect();
        assert_eq!((told.len(), once.len()), (3, 3), "seed {seed}: {told:?}");
        assert_eq!(late(&ring), Vec::<String>::new(), "seed {seed}");
    }
}

/// Everything the first controller wrote, Events and leases too, after the second had written anything but its lease.
fn late(ring: &Ring) -> Vec<String> {
    ring.shared.with(|api| {
        let entries = api.trace.entries().iter();
        let after = entries.skip_while(|entry| entry.agent != "second" || entry.resource.starts_with("leases"));
        after
            .filter(|entry| entry.agent == "first")
            .map(|entry| format!("{entry:?}"))
            .collect()
    })
}

fn steps() -> Value {
    json!([{"setWeight": 25}, {"pause": {"duration": 60}}, {"setWeight": 50}])
}

fn pauses(status: &Value) -> usize {
    status["pauseConditions"].as_array().map_or(0, Vec::len)
}

/// A leader whose renewals are refused gives up in time, and takes part again when it is started anew.
#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_gives_up_within_its_deadline() {
    let mut ring = Ring::new(62);
    ring.start("first", |config| config.election = Some(election("a")));
    ring.pass(5).await;
    let refuse = Rule::new(Fault::ErrorBefore).agent("first");
    ring.fault(refuse.resource("leases.coordination.k8s.io"));
    let cut = ring.now();
    assert!(matches!(ring.end().await, Err(Error::LeaseLost { .. })));
    let lasted = (ring.now() - cut).num_seconds();
    assert!(lasted <= 10, "{lasted} s");
}
