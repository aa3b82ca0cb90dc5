//! What is known is behind, or wrong, or somebody else writes at the same moment: nothing is lost, done twice or held up
//! (field-lessons A1 and F, "Cache, conflicts, queue").
//!
//! R02 is `a_lost_event_is_healed_without_a_restart`, R13 `a_replica_set_deleted_while_nobody_watched_comes_back`, R14
//! `a_hung_write_holds_back_nobody_else` and `a_server_that_refuses_everything_costs_no_lease`, R16
//! `a_late_echo_of_our_own_write_is_waited_for_and_then_read`, all in `wire.rs`. R06 is about experiments.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sim::{ApiServer, Fault, Rule};

use super::people::{patch, patch_status};
use super::ring::{self, NAMESPACE, Ring, looks, replica_sets, status};
use super::tap::Asked;
use super::{canary, template};

/// R01: an edit arrives between a look and its status write. The write is refused once, and the next look goes on.
#[tokio::test(start_paused = true)]
async fn an_edit_just_before_our_write_costs_one_refusal() {
    let ring = Ring::running(400);
    ring.create(&canary("web", 3, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(10).await;
    ring.tap.before(
        |asked| asked.is_status_of("web"),
        |api| patch(api, "web", json!({"spec": {"replicas": 5}})),
    );
    ring.set_image("web", "web:v2");
    ring.until("the edit", 10, |api| ring::rollout(api, "web")["spec"]["replicas"] == 5)
        .await;
    let generation = |api: &ApiServer| ring::rollout(api, "web")["metadata"]["generation"].to_string();
    ring.until("the next status", 2, |api| {
        status(api, "web")["observedGeneration"] == generation(api)
    })
    .await;
    ring.until("all five of the new revision", 60, |api| {
        replica_sets(api).iter().any(|set| set.ends_with(" 5/5"))
    })
    .await;
    ring.until_phase("web", "Healthy", 60).await;
    assert_eq!(refusals(&ring), 1);
}

/// R03: a person skips the pause just before we write that it begins.
#[tokio::test(start_paused = true)]
async fn a_pause_that_is_skipped_as_it_begins_is_not_applied_again() {
    let ring = Ring::running(401);
    ring.create(&canary(
        "web",
        4,
        json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]),
    ));
    ring.until_phase("web", "Healthy", 60).await;
    let begins = |asked: &Asked| asked.is_status_of("web") && asked.body["status"]["pauseConditions"].is_array();
    ring.tap.before(begins, |api| {
        patch_status(api, "web", json!({"pauseConditions": null, "currentStepIndex": 2}));
    });
    ring.set_image("web", "web:v2");
    ring.until("the second pause", 60, |api| {
        status(api, "web")["currentStepIndex"] == 3 && status(api, "web")["phase"] == "Paused"
    })
    .await;
    ring.pass(60).await;
    assert_eq!(ring.tap.waiting(), 0);
    let paused = ring.shared.with(|api| ring::events(api, "RolloutPaused"));
    assert_eq!(paused, ["RolloutPaused Rollout is paused (CanaryPauseStep)"]);
}

/// R04: the news that the old pods are gone never comes.
#[tokio::test(start_paused = true)]
async fn a_lost_last_event_of_an_old_replica_set_is_healed() {
    let ring = Ring::running(402);
    ring.create(&canary("web", 3, json!([{"setWeight": 34}])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(10).await;
    let old = ring
        .shared
        .with(|api| replica_sets(api)[0].split(' ').next().unwrap_or_default().to_owned());
    ring.set_image("web", "web:v2");
    let size = |api: &ApiServer| {
        api.store()
            .get("replicasets.apps", NAMESPACE, &old)
            .map(|set| set["spec"]["replicas"].clone())
    };
    ring.until("the old pods are asked to go", 60, |api| size(api) == Some(json!(0)))
        .await;
    ring.fault(
        Rule::new(Fault::Drop)
            .agent("sluice")
            .verb("watch")
            .resource("replicasets.apps"),
    );
    ring.until("the old pods are gone", 60, |api| {
        replica_sets(api).contains(&format!("{old} 0/0")) && replica_sets(api).iter().any(|set| set.ends_with("3/3"))
    })
    .await;
    ring.pass(5).await;
    ring.shared.with(|api| api.faults.clear());
    ring.until_phase("web", "Healthy", 7 * 60).await;
    let seen = ring.shared.with(|api| {
        let entries = api.trace.entries().iter().flat_map(|entry| &entry.difference);
        entries.filter(|line| line.contains("ProgressDeadlineExceeded")).count()
    });
    assert_eq!(seen, 0);
}

/// R05: what we created is not heard of yet, its answer was lost, and everything is looked at again every second.
#[tokio::test(start_paused = true)]
async fn what_was_created_and_is_not_seen_yet_is_not_created_twice() {
    let mut ring = Ring::new(403);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |config| config.resync = Duration::from_secs(1));
    ring.create(&template("good-enough", "result < 0.1"));
    for resource in ["replicasets.apps", "analysisruns.argoproj.io"] {
        let rule = |fault| Rule::new(fault).agent("sluice").resource(resource);
        ring.fault(rule(Fault::ErrorAfter).verb("create").once());
        ring.fault(rule(Fault::Stale(Duration::from_secs(20))).verb("watch").times(2));
    }
    let analysis = json!({"analysis": {"templates": [{"templateName": "good-enough"}]}});
    ring.create(&canary("web", 2, json!([{"setWeight": 50}, analysis])));
    ring.until_phase("web", "Healthy", 120).await;
    ring.set_image("web", "web:v2");
    ring.until("the update", 60, |api| status(api, "web")["phase"] != "Healthy")
        .await;
    ring.until_phase("web", "Healthy", 240).await;
    ring.shared.with(|api| {
        assert_eq!(replica_sets(api).len(), 2);
        assert_eq!(ring::phases(api, "analysisruns.argoproj.io"), ["Successful"]);
        assert_eq!(ring::events(api, "RolloutAborted"), [""; 0]);
    });
}

/// R12: somebody deletes what is ours by hand.
#[tokio::test(start_paused = true)]
async fn what_is_deleted_by_hand_is_noticed_within_a_second() {
    let mut ring = Ring::new(404);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |_| {});
    let mut slow = template("slow", "result < 0.1");
    slow["spec"]["metrics"][0]["count"] = json!(1000);
    ring.create(&slow);
    let analysis = json!({"analysis": {"templates": [{"templateName": "slow"}]}});
    ring.create(&canary("web", 2, json!([{"setWeight": 50}, analysis])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until("the analysis", 60, |api| {
        ring::phases(api, "analysisruns.argoproj.io") == ["Running"]
    })
    .await;
    ring.pass(20).await;
    for (resource, path) in [
        (
            "analysisruns.argoproj.io",
            "/apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns",
        ),
        ("replicasets.apps", "/apis/apps/v1/namespaces/shop/replicasets"),
    ] {
        let before = looks(&ring)["web"];
        let gone = ring.shared.with(|api| {
            let hash = status(api, "web")["currentPodHash"].clone();
            let of_the_canary =
                |object: &&Arc<Value>| object["metadata"]["labels"][api::keys::POD_TEMPLATE_HASH] == hash;
            let gone = api.store().list(resource, Some(NAMESPACE)).find(of_the_canary);
            gone.and_then(|gone| gone["metadata"]["name"].as_str().map(str::to_owned))
        });
        let gone = gone.expect("one of the canary's");
        ring.delete(&format!("{path}/{gone}"));
        ring.pass(1).await;
        assert!(looks(&ring)["web"] > before, "{resource}");
    }
    ring.until("pods of both revisions", 60, |api| {
        replica_sets(api).iter().filter(|set| set.ends_with(" 1/1")).count() == 2
    })
    .await;
}

/// R15: the connection of a watch is dead and nobody says so.
#[tokio::test(start_paused = true)]
async fn a_half_open_watch_is_noticed_within_65_seconds() {
    let ring = Ring::running(405);
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    let silent = Rule::new(Fault::Stale(Duration::from_secs(3600)))
        .agent("sluice")
        .verb("watch");
    ring.fault(silent.resource("rollouts.argoproj.io").once());
    ring.set_image("web", "web:v2");
    ring.until("the update", 65, |api| replica_sets(api).len() == 2).await;
    ring.until_phase("web", "Healthy", 60).await;
}

/// R75: a second writer on our status, a thousand times just before our own write. Neither loses anything.
#[tokio::test(start_paused = true)]
async fn a_second_writer_and_we_lose_nothing_in_a_thousand_races() {
    let mut ring = Ring::loose(406);
    ring.start("sluice", |_| {});
    ring.create(&canary("web", 1, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    for race in 1..=1000 {
        ring.tap.before(
            |asked| asked.is_status_of("web"),
            move |api| patch_status(api, "web", json!({ "second": race })),
        );
        let paused = race % 2 == 1;
        ring.patch("web", json!({"spec": {"paused": paused}}));
        let phase = if paused { "Paused" } else { "Healthy" };
        ring.until(&format!("race {race}"), 10, |api| {
            let rollout = ring::rollout(api, "web");
            let (status, generation) = (&rollout["status"], rollout["metadata"]["generation"].to_string());
            status["second"] == race && status["phase"] == phase && status["observedGeneration"] == generation
        })
        .await;
        assert_eq!(ring.tap.waiting(), 0);
    }
    assert_eq!(refusals(&ring), 1000);
}

/// How many writes of ours were refused because somebody had written before.
fn refusals(ring: &Ring) -> usize {
    ring.tap.answered(409)
}
