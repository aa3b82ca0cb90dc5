//! Crash anywhere, over a real client: an update dies with each of its writes in turn (field-lessons R71).
//!
//! The write is stored, its answer never arrives, and another controller begins with what a listing tells. `crash.rs` does the
//! same in the model ring to every scenario; here the caches, the queue and the watches are the real ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sim::{ApiServer, Fault, Rule};

use super::ring::{self, Ring, pointed, replica_sets, status};
use super::tap::{Asked, nth};
use super::{canary, service, template};

/// A canary that pauses for half a minute, is analysed, and moves two Services.
fn routed_by_selector(ring: &Ring) -> Value {
    for name in ["stable", "canary"] {
        ring.create(&service(name));
    }
    ring.create(&template("good-enough", "result < 0.1"));
    let steps = json!([
        {"setWeight": 25},
        {"pause": {"duration": 30}},
        {"analysis": {"templates": [{"templateName": "good-enough"}]}},
        {"setWeight": 50},
    ]);
    let mut rollout = canary("web", 4, steps);
    rollout["spec"]["strategy"]["canary"]["stableService"] = json!("stable");
    rollout["spec"]["strategy"]["canary"]["canaryService"] = json!("canary");
    rollout
}

/// A blue/green that is judged before its switch, which comes half a minute after the preview is up.
fn switched(ring: &Ring) -> Value {
    for name in ["active", "preview"] {
        ring.create(&service(name));
    }
    ring.create(&template("good-enough", "result < 0.1"));
    let mut rollout = canary("web", 3, json!([]));
    rollout["spec"]["strategy"] = json!({"blueGreen": {
        "activeService": "active", "previewService": "preview", "autoPromotionSeconds": 30, "scaleDownDelaySeconds": 20,
        "prePromotionAnalysis": {"templates": [{"templateName": "good-enough"}]},
    }});
    rollout
}

#[rstest::rstest]
#[case::canary(300, routed_by_selector)]
#[case::blue_green(301, switched)]
#[tokio::test(start_paused = true)]
async fn any_write_may_be_the_last(#[case] seed: u64, #[case] rollout: fn(&Ring) -> Value) {
    let whole = play(seed, rollout, None).await;
    assert!(whole.writes > 8, "{} writes are no update", whole.writes);
    for write in 0..whole.writes {
        let died = play(seed, rollout, Some(write)).await;
        assert_eq!(died.end, whole.end, "dying with write {write}");
        // Half as long as the pause: one that began again would be seen.
        assert!(
            died.seconds < whole.seconds + 15,
            "dying with write {write}: {} s instead of {} s",
            died.seconds,
            whole.seconds
        );
    }
}

/// How an update went.
struct Played {
    writes: usize,
    /// From the new image to the end of the old pods.
    seconds: i64,
    end: Value,
}

async fn play(seed: u64, rollout: fn(&Ring) -> Value, dies_with: Option<usize>) -> Played {
    let mut ring = Ring::new(seed);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |_| {});
    let witness = ring.witness();
    let rollout = rollout(&ring);
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(30).await;
    let (begun, written) = (ring.now(), ring.writes());
    if let Some(write) = dies_with {
        ring.tap.before(nth(write, Asked::is_write), |api| {
            api.faults.add(Rule::new(Fault::HangAfter).agent("sluice").once())
        });
    }
    ring.set_image("web", "web:v2");
    if dies_with.is_some() {
        ring.until("the last write of its life", 120, |api| !api.faults.fired().is_empty())
            .await;
        ring.kill();
        ring.start("sluice", |_| {});
    }
    ring.until("the end of the old pods", 300, is_over).await;
    let seconds = (ring.now() - begun).num_seconds();
    ring.pass(120).await;
    assert_eq!(witness.seen(), Vec::<String>::new(), "dying with write {dies_with:?}");
    Played {
        writes: ring.writes() - written,
        seconds,
        end: ring.shared.with(|api| end(api)),
    }
}

fn is_over(api: &ApiServer) -> bool {
    let status = status(api, "web");
    let sets = replica_sets(api);
    status["phase"] == "Healthy"
        && status["stableRS"] == status["currentPodHash"]
        && sets.len() == 2
        && sets.iter().any(|set| set.ends_with(" 0/0"))
}

/// What is left, and that no step was done twice.
fn end(api: &ApiServer) -> Value {
    let status = status(api, "web");
    let steps = ring::events(api, "RolloutStepCompleted");
    let different: BTreeSet<&String> = steps.iter().collect();
    let services = ["stable", "canary", "active", "preview"].map(|service| pointed(api, service));
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let conditions: BTreeSet<String> = conditions
        .map(|condition| format!("{} {} {}", condition["type"], condition["status"], condition["reason"]))
        .collect();
    json!({
        "step": status["currentStepIndex"],
        "conditions": conditions,
        "sizes": replica_sets(api),
        "services": services,
        "runs": ring::phases(api, "analysisruns.argoproj.io"),
        "steps done twice": steps.len() - different.len(),
    })
}
