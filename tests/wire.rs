//! The wire ring: the real controller over a real client on the simulated cluster, in paused time.
//!
//! Outcomes are asserted here, not traces: who goes next is not determined over a real client.

mod cache;
mod crash;
mod creation;
mod election;
mod identity;
mod malformed;
mod metrics;
mod people;
mod queue;
mod rights;
mod ring;
mod rivals;
mod tap;
mod verbs;
mod witness;
mod workload;

use serde_json::{Value, json};
use sim::{Fault, Rule};

use ring::{NAMESPACE, Ring, replica_sets, status};

/// A canary of `replicas` pods with these steps.
fn canary(name: &str, replicas: i32, steps: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web:v1"}]},
            },
            "strategy": {"canary": {"steps": steps}},
        },
    })
}

#[tokio::test(start_paused = true)]
async fn a_canary_with_pauses_runs_to_its_end() {
    let mut ring = Ring::running(1);
    let steps = json!([{"setWeight": 20}, {"pause": {"duration": 30}}, {"setWeight": 60}, {"pause": {}}]);
    ring.create(&canary("web", 5, steps));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until("the first pause", 30, |api| status(api, "web")["currentStepIndex"] == 1)
        .await;
    ring.until("the second pause", 60, |api| {
        status(api, "web")["currentStepIndex"] == 3 && status(api, "web")["phase"] == "Paused"
    })
    .await;
    ring.pass(600).await;
    assert_eq!(
        ring.shared.with(|api| status(api, "web")["currentStepIndex"].clone()),
        3,
        "only a person goes on"
    );
    ring.patch("web/status", json!({"status": {"pauseConditions": null}}));
    ring.until_phase("web", "Healthy", 60).await;
    ring.until("the old pods are gone", 60, |api| {
        let sets = replica_sets(api);
        sets.len() == 2 && sets.iter().any(|set| set.ends_with(" 5/5")) && sets.iter().any(|set| set.ends_with(" 0/0"))
    })
    .await;
    assert!(ring.stop().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_conflicts_is_weathered() {
    let ring = Ring::running(2);
    ring.fault(Rule::new(Fault::Conflict).agent("sluice").chance(0.3));
    ring.create(&canary(
        "web",
        4,
        json!([{"setWeight": 25}, {"pause": {"duration": 5}}]),
    ));
    ring.until_phase("web", "Healthy", 120).await;
    ring.set_image("web", "web:v2");
    ring.until("the new image", 10, |api| status(api, "web")["phase"] != "Healthy")
        .await;
    ring.until_phase("web", "Healthy", 240).await;
    let fired = ring.shared.with(|api| api.faults.fired().len());
    assert!(fired > 3, "the storm blew {fired} times");
}

#[tokio::test(start_paused = true)]
async fn a_hung_write_holds_back_nobody_else() {
    let ring = Ring::running(3);
    let hang = Rule::new(Fault::HangAfter)
        .agent("sluice")
        .verb("patch")
        .resource("replicasets.apps");
    ring.fault(hang.namespace(NAMESPACE).times(2));
    ring.create(&canary("slow", 2, json!([])));
    ring.pass(5).await;
    ring.create(&canary("quick", 2, json!([])));
    ring.until_phase("quick", "Healthy", 12).await;
    ring.until_phase("slow", "Healthy", 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_deleted_while_nobody_watched_comes_back() {
    let ring = Ring::running(4);
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    // Whatever happens to ReplicaSets from now on is not heard of, and then the place in the log is lost.
    ring.fault(
        Rule::new(Fault::Cut)
            .agent("sluice")
            .verb("watch")
            .resource("replicasets.apps")
            .once(),
    );
    ring.fault(
        Rule::new(Fault::Expired)
            .agent("sluice")
            .verb("watch")
            .resource("replicasets.apps")
            .once(),
    );
    let gone = ring
        .shared
        .with(|api| replica_sets(api)[0].split(' ').next().unwrap_or_default().to_owned());
    ring.delete(&format!("/apis/apps/v1/namespaces/{NAMESPACE}/replicasets/{gone}"));
    ring.until("a new ReplicaSet with its pods", 60, |api| {
        replica_sets(api).iter().any(|set| set.ends_with(" 2/2"))
    })
    .await;
}

/// R02: nobody hears that a person has promoted.
#[tokio::test(start_paused = true)]
async fn a_lost_event_is_healed_without_a_restart() {
    let ring = Ring::running(5);
    ring.create(&canary("web", 2, json!([{"setWeight": 50}, {"pause": {}}])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until_phase("web", "Paused", 60).await;
    ring.pass(30).await;
    ring.fault(
        Rule::new(Fault::Drop)
            .agent("sluice")
            .verb("watch")
            .resource("rollouts.argoproj.io")
            .once(),
    );
    ring.patch("web/status", json!({"status": {"pauseConditions": null}}));
    ring.until_phase("web", "Healthy", 7 * 60).await;
}

#[tokio::test(start_paused = true)]
async fn one_bad_rollout_stops_nothing() {
    let ring = Ring::running(6);
    let mut bad = canary("bad", 2, json!([]));
    bad["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 10, "pause": {}}]);
    ring.create(&bad);
    ring.create(&canary("good", 2, json!([])));
    ring.until_phase("good", "Healthy", 60).await;
    ring.until_phase("bad", "Degraded", 10).await;
    let conditions = ring.shared.with(|api| status(api, "bad")["conditions"].clone());
    assert_eq!(conditions[0]["type"], "InvalidSpec", "{conditions}");
    let sets = ring.shared.with(|api| replica_sets(api));
    assert!(
        sets.iter().all(|set| set.starts_with("good-")),
        "nothing of the bad one is touched: {sets:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollout_at_rest_causes_no_write() {
    let ring = Ring::running(7);
    ring.create(&canary("web", 3, json!([{"setWeight": 50}])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(30).await;
    let before = ring.writes();
    ring.pass(3600).await;
    assert_eq!(ring.writes(), before);
}

/// The plainest case: no router, and the stable Service moves at the end. It is never without a ready endpoint.
#[tokio::test(start_paused = true)]
async fn a_canary_behind_services_is_never_without_endpoints() {
    let ring = Ring::running(21);
    let witness = ring.witness();
    for name in ["stable", "canary"] {
        ring.create(&service(name));
    }
    let mut rollout = canary(
        "web",
        4,
        json!([{"setWeight": 25}, {"pause": {"duration": 5}}, {"setWeight": 50}]),
    );
    rollout["spec"]["strategy"]["canary"]["stableService"] = json!("stable");
    rollout["spec"]["strategy"]["canary"]["canaryService"] = json!("canary");
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    for image in ["web:v2", "web:v3"] {
        let before = ring.pointed("stable");
        ring.set_image("web", image);
        ring.until("the stable Service moves", 120, |api| {
            ring::pointed(api, "stable") != before
        })
        .await;
        ring.until("the old pods are gone", 60, |api| {
            replica_sets(api).contains(&format!("web-{before} 0/0"))
        })
        .await;
        ring.until_phase("web", "Healthy", 60).await;
    }
    assert_eq!(witness.seen(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_update_switches_the_active_service() {
    let ring = Ring::running(8);
    let witness = ring.witness();
    for name in ["active", "preview"] {
        ring.create(&service(name));
    }
    let mut rollout = canary("web", 3, json!([]));
    rollout["spec"]["strategy"] = json!({"blueGreen": {
        "activeService": "active", "previewService": "preview", "autoPromotionSeconds": 10, "scaleDownDelaySeconds": 20,
    }});
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    let first = ring.pointed("active");
    ring.set_image("web", "web:v2");
    ring.until("the preview is switched at once", 10, |api| {
        ring::pointed(api, "preview") != first
    })
    .await;
    ring.until("the active Service is switched", 60, |api| {
        ring::pointed(api, "active") != first
    })
    .await;
    ring.until("the old pods are gone after the delay", 90, |api| {
        let old = format!("web-{first} 0/0");
        replica_sets(api).contains(&old)
    })
    .await;
    ring.until_phase("web", "Healthy", 30).await;
    assert_eq!(witness.seen(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_service_is_given_back_when_its_rollout_is_gone() {
    let ring = Ring::running(9);
    ring.create(&service("active"));
    let mut rollout = canary("web", 1, json!([]));
    rollout["spec"]["strategy"] = json!({"blueGreen": {"activeService": "active"}});
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    assert!(!ring.pointed("active").is_empty());
    ring.delete(&format!(
        "/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/web"
    ));
    ring.until("the selector is free", 30, |api| {
        ring::pointed(api, "active").is_empty()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_analysis_that_fails_aborts_the_update() {
    let mut ring = Ring::new(10);
    ring.answers(|_| r#"{"rate": 0.5}"#.to_owned());
    ring.start("sluice", |_| {});
    ring.create(&template("good-enough", "result < 0.1"));
    let analysis = json!({"analysis": {"templates": [{"templateName": "good-enough"}]}});
    ring.create(&canary("web", 4, json!([{"setWeight": 25}, analysis])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until_phase("web", "Degraded", 60).await;
    ring.until("all old pods are back", 60, |api| {
        replica_sets(api).iter().any(|set| set.ends_with(" 4/4"))
    })
    .await;
    let aborted = ring.shared.with(|api| status(api, "web")["abort"].clone());
    assert_eq!(aborted, true);
}

#[tokio::test(start_paused = true)]
async fn an_analysis_that_succeeds_lets_the_update_go_on() {
    let mut ring = Ring::new(11);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |_| {});
    ring.create(&template("good-enough", "result < 0.1"));
    let analysis = json!({"analysis": {"templates": [{"templateName": "good-enough"}]}});
    ring.create(&canary("web", 4, json!([{"setWeight": 25}, analysis])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until("the update", 10, |api| status(api, "web")["phase"] != "Healthy")
        .await;
    ring.until_phase("web", "Healthy", 120).await;
    let phases = ring.shared.with(|api| ring::phases(api, "analysisruns.argoproj.io"));
    assert_eq!(phases, ["Successful"]);
}

#[tokio::test(start_paused = true)]
async fn a_controller_killed_in_the_middle_is_followed_by_another() {
    let mut ring = Ring::new(12);
    ring.create(&canary(
        "web",
        5,
        json!([{"setWeight": 20}, {"pause": {"duration": 60}}, {"setWeight": 60}]),
    ));
    ring.start("sluice", |_| {});
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    for life in 0..20_u64 {
        tokio::time::sleep(std::time::Duration::from_millis(150 + 37 * life)).await;
        ring.kill();
        ring.start("sluice", |_| {});
    }
    ring.until("the pause is over at its time", 75, |api| {
        status(api, "web")["currentStepIndex"] == 3
    })
    .await;
    ring.until_phase("web", "Healthy", 60).await;
    let sets = ring.shared.with(|api| replica_sets(api));
    assert_eq!(sets.len(), 2, "{sets:?}");
}

#[tokio::test(start_paused = true)]
async fn of_two_controllers_one_leads_and_the_other_takes_over() {
    let mut ring = Ring::new(13);
    for (agent, host) in [("first", "a"), ("second", "b")] {
        ring.start(agent, |config| config.election = Some(election(host)));
        ring.pass(3).await;
    }
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    assert_eq!(ring.writers(), ["first"]);
    // The first one reaches nothing any more.
    let cut = ring.now();
    ring.fault(Rule::new(Fault::Hang).agent("first"));
    let lost = ring.end().await;
    assert!(
        matches!(lost, Err(controller::error::Error::LeaseLost { .. })),
        "{lost:?}"
    );
    ring.set_image("web", "web:v2");
    ring.until("the second one goes on", 60, |api| replica_sets(api).len() == 2)
        .await;
    assert!(ring.now() - cut < chrono::Duration::seconds(30));
    ring.until_phase("web", "Healthy", 60).await;
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    })
}

fn template(name: &str, success: &str) -> Value {
    let web = json!({"url": "http://metrics.shop/rate", "jsonPath": "{$.rate}"});
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"metrics": [{
            "name": "rate", "interval": "5s", "count": 3, "successCondition": success, "provider": {"web": web},
        }]},
    })
}

fn election(host: &str) -> controller::config::Election {
    controller::config::Election::new(NAMESPACE, "", host)
}

/// A1: events lost, late and twice, conflicts and errors, for as long as it takes.
#[tokio::test(start_paused = true)]
async fn rollouts_get_through_whatever_goes_wrong() {
    for seed in 100..103 {
        let ring = Ring::running(seed);
        let witness = ring.witness();
        let faults = [
            (Fault::Conflict, 0.05),
            (Fault::ErrorBefore, 0.03),
            (Fault::ErrorAfter, 0.03),
            (Fault::Drop, 0.01),
            (Fault::Duplicate, 0.02),
            (Fault::Cut, 0.01),
            (Fault::Expired, 0.005),
            (Fault::Stale(std::time::Duration::from_secs(3)), 0.01),
            (Fault::HangAfter, 0.003),
            (Fault::TooManyRequests { retry_after: 1 }, 0.01),
        ];
        for (fault, chance) in faults {
            ring.fault(Rule::new(fault).agent("sluice").chance(chance));
        }
        let names: Vec<String> = (0..8).map(|number| format!("web{number}")).collect();
        for name in &names {
            ring.create(&canary(
                name,
                3,
                json!([{"setWeight": 34}, {"pause": {"duration": 3}}, {"setWeight": 67}]),
            ));
        }
        for name in &names {
            ring.until_phase(name, "Healthy", 900).await;
            ring.set_image(name, "web:v2");
        }
        for name in &names {
            ring.until(&format!("seed {seed}: {name} at its end"), 1800, |api| {
                let status = status(api, name);
                status["phase"] == "Healthy"
                    && status["stableRS"] == status["currentPodHash"]
                    && ring::rollout(api, name)["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "2"
            })
            .await;
        }
        let sets = ring.shared.with(|api| replica_sets(api));
        assert_eq!(sets.len(), 2 * names.len(), "seed {seed}: {sets:?}");
        assert_eq!(witness.seen(), Vec::<String>::new(), "seed {seed}");
    }
}

/// R16: the event of our own write is late; nothing is done twice meanwhile, and it is not waited for for ever.
#[tokio::test(start_paused = true)]
async fn a_late_echo_of_our_own_write_is_waited_for_and_then_read() {
    let ring = Ring::running(14);
    let late = Fault::Stale(std::time::Duration::from_secs(3600));
    ring.fault(
        Rule::new(late)
            .agent("sluice")
            .verb("watch")
            .resource("replicasets.apps")
            .once(),
    );
    ring.create(&canary("web", 2, json!([])));
    ring.until("two pods", 30, |api| {
        replica_sets(api).iter().any(|set| set.ends_with(" 2/2"))
    })
    .await;
    let written = ring.shared.with(|api| {
        let entries = api.trace.entries().iter();
        entries
            .filter(|entry| entry.agent == "sluice" && entry.resource == "replicasets.apps")
            .count()
    });
    assert_eq!(written, 1, "created once, with its pods");
}

/// R14, R70: everything is refused for a while; the lease is kept.
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_costs_no_lease() {
    let mut ring = Ring::new(15);
    ring.start("first", |config| config.election = Some(election("a")));
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    for resource in [
        "replicasets.apps",
        "rollouts.argoproj.io",
        "rollouts.argoproj.io/status",
    ] {
        let refuse = Rule::new(Fault::TooManyRequests { retry_after: 30 })
            .agent("first")
            .resource(resource);
        ring.fault(refuse);
    }
    ring.set_image("web", "web:v2");
    ring.pass(120).await;
    ring.shared.with(|api| api.faults.clear());
    ring.until("the update", 60, |api| replica_sets(api).len() == 2).await;
    ring.until_phase("web", "Healthy", 60).await;
    assert!(ring.stop().await.is_ok(), "the lease was never lost");
}

/// A graceful stop ends the write that is under way.
#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_is_under_way() {
    let mut ring = Ring::running(16);
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    let stopped = ring.now();
    assert!(ring.stop().await.is_ok());
    assert!(ring.now() - stopped < chrono::Duration::seconds(15));
    let before = ring.writes();
    ring.pass(60).await;
    assert_eq!(ring.writes(), before, "nothing is written after the end");
}

/// Only what is labelled with its id, or not at all, concerns a controller.
#[tokio::test(start_paused = true)]
async fn an_instance_looks_after_its_own() {
    let mut ring = Ring::new(17);
    ring.start("sluice", |config| config.instance_id = "blue".to_owned());
    let mut labelled = canary("ours", 1, json!([]));
    labelled["metadata"]["labels"] = json!({"argo-rollouts.argoproj.io/controller-instance-id": "blue"});
    ring.create(&labelled);
    ring.create(&canary("theirs", 1, json!([])));
    ring.until_phase("ours", "Healthy", 60).await;
    let untouched = ring.shared.with(|api| status(api, "theirs"));
    assert_eq!(untouched, Value::Null);
}

/// Events are published in the contract's order, each once.
#[tokio::test(start_paused = true)]
async fn a_first_deployment_tells_what_happens() {
    let ring = Ring::running(18);
    ring.create(&canary("web", 1, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(5).await;
    let told = ring.shared.with(|api| ring::events(api, ""));
    let reasons: Vec<&str> = told.iter().filter_map(|text| text.split(' ').next()).collect();
    let expected = [
        "RolloutAddedToInformer",
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ];
    assert_eq!(reasons, expected);
}

/// A10: what cannot even be decoded is said to be invalid, and is nobody else's concern.
#[tokio::test(start_paused = true)]
async fn an_undecodable_rollout_stops_nothing() {
    let mut ring = Ring::loose(19);
    ring.start("sluice", |_| {});
    let mut bad = canary("bad", 2, json!([]));
    bad["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": "a lot"}]);
    bad["spec"]["minReadySeconds"] = json!({"no": "number"});
    ring.create(&bad);
    ring.create(&canary("good", 2, json!([])));
    ring.until_phase("good", "Healthy", 60).await;
    ring.until_phase("bad", "Degraded", 10).await;
    let message = ring.shared.with(|api| status(api, "bad")["message"].clone());
    let named = "spec.strategy.canary.steps[0].setWeight: invalid type";
    assert!(message.as_str().is_some_and(|text| text.contains(named)), "{message}");
    ring.patch(
        "bad",
        json!({"spec": {"minReadySeconds": 0, "strategy": {"canary": {"steps": null}}}}),
    );
    ring.until_phase("bad", "Healthy", 60).await;
}

/// A refusal that only a person can mend is in the status and told once, and is mended by the person.
#[tokio::test(start_paused = true)]
async fn a_template_the_server_refuses_is_told_and_tried_again() {
    let mut ring = Ring::loose(20);
    ring.start("sluice", |_| {});
    let mut bad = canary("web", 1, json!([]));
    bad["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!("long");
    ring.create(&bad);
    ring.until("the condition", 30, |api| {
        status(api, "web")["conditions"][0]["reason"] == "ReplicaSetCreateError"
    })
    .await;
    ring.pass(120).await;
    assert_eq!(
        ring.shared.with(|api| ring::events(api, "ReplicaSetCreateError")).len(),
        1
    );
    ring.patch(
        "web",
        json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}}),
    );
    ring.until_phase("web", "Healthy", 60).await;
}
