//! Nothing is looked at too often, too late, or never again; a panic is the trouble of one object (field-lessons A2, A10).

use serde_json::{Value, json};
use sim::ApiServer;

use super::ring::{self, NAMESPACE, Ring, looks, replica_sets};
use super::{canary, service, template};

/// R07: the deadline of an old ReplicaSet passes while a new revision crashes again and again.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_over_is_acted_on_and_not_waited_for() {
    let ring = Ring::running(420);
    ring.create(&service("active"));
    let mut rollout = canary("web", 2, json!([]));
    rollout["spec"]["strategy"] = json!({"blueGreen": {"activeService": "active", "scaleDownDelaySeconds": 30}});
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    let old = ring.pointed("active");
    ring.set_image("web", "web:v2");
    ring.until("the switch", 60, |api| ring::pointed(api, "active") != old)
        .await;
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v3-crash");
    ring.pass(10).await;
    let set = |api: &ApiServer| {
        api.store()
            .get("replicasets.apps", NAMESPACE, &format!("web-{old}"))
            .cloned()
    };
    let deadline = |set: &Value| set["metadata"]["annotations"][api::keys::SCALE_DOWN_DEADLINE].clone();
    ring.shared.with(|api| {
        let set = set(api).expect("the old one");
        assert_eq!(set["spec"]["replicas"], 2, "within its delay");
        assert_ne!(deadline(&set), Value::Null);
    });
    ring.until("the old pods go", 25, |api| {
        set(api).is_some_and(|set| set["spec"]["replicas"] == 0)
    })
    .await;
    let before = looks(&ring)["web"];
    ring.pass(60).await;
    let looked = looks(&ring)["web"] - before;
    assert!(looked <= 60, "{looked} looks in a minute");
    ring.shared.with(|api| {
        let set = set(api).expect("the old one");
        assert_eq!(deadline(&set), Value::Null, "nothing waits for it any more");
        assert!(
            replica_sets(api).iter().any(|set| set.ends_with(" 0/2")),
            "the new one crashes"
        );
    });
}

/// R08: thirty pods and a measurement every ten seconds for an hour: none is late.
#[tokio::test(start_paused = true)]
async fn nothing_is_put_off_by_how_often_it_was_looked_at() {
    let mut ring = Ring::new(421);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |_| {});
    let mut steady = template("steady", "result < 0.1");
    let metric = &mut steady["spec"]["metrics"][0];
    metric["interval"] = json!("10s");
    metric["count"] = json!(360);
    ring.create(&steady);
    let analysis = json!({"analysis": {"templates": [{"templateName": "steady"}]}});
    ring.create(&canary("web", 30, json!([{"setWeight": 50}, analysis])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until("the run", 60, |api| {
        ring::phases(api, "analysisruns.argoproj.io") == ["Running"]
    })
    .await;
    let began = ring.now();
    ring.until("the end of the run", 3700, |api| {
        ring::phases(api, "analysisruns.argoproj.io") == ["Successful"]
    })
    .await;
    let lasted = (ring.now() - began).num_seconds();
    assert!((3580..=3600).contains(&lasted), "360 measurements in {lasted} s");
}

/// R40: a size and a template at once, then twenty more templates within ten seconds: the last one is it, alone.
#[tokio::test(start_paused = true)]
async fn of_twenty_templates_in_ten_seconds_the_last_one_is_the_canary() {
    let ring = Ring::running(422);
    let witness = ring.witness();
    ring.create(&canary(
        "web",
        4,
        json!([{"setWeight": 25}, {"pause": {"duration": 20}}]),
    ));
    ring.until_phase("web", "Healthy", 60).await;
    let mut first = image("web:v2");
    first["spec"]["replicas"] = json!(5);
    ring.patch("web", first);
    for version in 3..23 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        ring.set_image("web", &format!("web:v{version}"));
    }
    ring.until_phase("web", "Paused", 60).await;
    ring.pass(10).await;
    assert_eq!(
        ring.shared.with(sizes),
        [("web:v1".to_owned(), 4), ("web:v22".to_owned(), 1)]
    );
    ring.until_phase("web", "Healthy", 120).await;
    ring.pass(30).await;
    assert_eq!(ring.shared.with(sizes), [("web:v22".to_owned(), 5)]);
    assert_eq!(witness.seen(), Vec::<String>::new());
}

/// A10: what panics is caught, counted and tried again, and holds nobody else up.
#[tokio::test(start_paused = true)]
async fn a_look_that_panics_is_counted_and_tried_again() {
    let ring = Ring::running(423);
    for _ in 0..3 {
        ring.tap.panic_at(|asked| asked.is_status_of("odd"));
    }
    ring.create(&canary("odd", 2, json!([])));
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 10).await;
    ring.until_phase("odd", "Healthy", 60).await;
    assert_eq!(ring.tap.waiting(), 0);
    assert!(ring.page().contains("sluice_panics_total 3\n"));
}

/// A watch that panics begins anew: no kind is ever without one.
#[tokio::test(start_paused = true)]
async fn a_watch_that_panics_begins_anew() {
    let ring = Ring::running(424);
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.tap
        .panic_at(|asked| asked.line == "GET /apis/argoproj.io/v1alpha1/rollouts");
    // The next watch is opened when this one ends, after less than a minute.
    ring.pass(70).await;
    assert_eq!(ring.tap.waiting(), 0);
    ring.set_image("web", "web:v2");
    ring.until("the update", 5, |api| replica_sets(api).len() == 2).await;
    assert!(ring.page().contains("sluice_panics_total 1\n"));
}

/// The images of the ReplicaSets that have pods, and how many, by name.
fn sizes(api: &mut ApiServer) -> Vec<(String, i64)> {
    let sets = api.store().list("replicasets.apps", Some(NAMESPACE));
    let sizes = sets.map(|set| {
        let image = set["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        let pods = set["status"]["replicas"].as_i64().unwrap_or(0);
        (image.unwrap_or_default().to_owned(), pods)
    });
    let mut sizes: Vec<(String, i64)> = sizes.filter(|(_, pods)| *pods > 0).collect();
    sizes.sort();
    sizes
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}
