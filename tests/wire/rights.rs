//! What the controller may do: everything it asks for is on the list, everything on the list is asked for.

use std::collections::BTreeSet;

use controller::permissions;
use serde_json::{Value, json};
use sim::{Fault, Request, Rule};

use super::ring::{self, NAMESPACE, Ring, replica_sets, status};
use super::{canary, election, service, template};

/// One of each: services, analyses with a Secret, history limits, a restart, and lost events of every kind.
///
/// In every other test of this ring, too, the controller has only these rights.
#[tokio::test(start_paused = true)]
async fn the_list_of_permissions_is_what_is_asked_for() {
    let mut ring = Ring::new(40);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |config| config.election = Some(election("a")));
    for object in story() {
        ring.create(&object);
    }
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until("the old revision is deleted", 240, |api| replica_sets(api).len() == 1)
        .await;
    ring.until("the run is deleted", 240, |api| {
        ring::phases(api, "analysisruns.argoproj.io").is_empty()
    })
    .await;
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(5).await;
    let restart = ring.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    ring.patch("web", json!({"spec": {"restartAt": restart}}));
    ring.until("the restart", 120, |api| {
        status(api, "web")["restartedAt"] == json!(restart)
    })
    .await;
    for object in spare() {
        ring.create(&object);
    }
    ring.pass(30).await;
    lose_an_event_of_every_kind(&ring).await;
    let asked = ring.shared.with(|api| api.access.asked("sluice"));
    let listed = permissions::ALL.iter().flat_map(|line| {
        let resource = line.full_resource();
        line.verbs.iter().map(move |verb| (verb.to_string(), resource.clone()))
    });
    let listed: BTreeSet<(String, String)> = listed.collect();
    let beyond: Vec<_> = asked.difference(&listed).collect();
    assert!(
        beyond.is_empty(),
        "used and not in controller::permissions::ALL: {beyond:?}"
    );
    let idle: Vec<_> = listed.difference(&asked).collect();
    assert!(
        idle.is_empty(),
        "in controller::permissions::ALL and not used in this story: {idle:?}"
    );
}

/// The objects of a rollout that uses all there is.
fn story() -> Vec<Value> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": NAMESPACE},
                        "stringData": {"key": "s3cr3t"}});
    let mut named = template("good-enough", "result < 0.1");
    named["spec"]["args"] = json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}}]);
    named["spec"]["metrics"][0]["provider"]["web"]["headers"] = json!([{"key": "Token", "value": "{{args.token}}"}]);
    let mut everywhere = template("everywhere", "result < 0.1");
    everywhere["kind"] = json!("ClusterAnalysisTemplate");
    everywhere["metadata"] = json!({"name": "everywhere"});
    everywhere["spec"]["metrics"][0]["name"] = json!("everywhere");
    let templates = json!([{"templateName": "good-enough"}, {"templateName": "everywhere", "clusterScope": true}]);
    let mut web = canary(
        "web",
        2,
        json!([{"setWeight": 50}, {"analysis": {"templates": templates}}]),
    );
    web["spec"]["strategy"]["canary"]["stableService"] = json!("stable");
    web["spec"]["strategy"]["canary"]["canaryService"] = json!("canary");
    web["spec"]["strategy"]["canary"]["canaryMetadata"] = json!({"labels": {"role": "canary"}});
    web["spec"]["revisionHistoryLimit"] = json!(0);
    web["spec"]["analysis"] = json!({"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 0});
    vec![secret, named, everywhere, service("stable"), service("canary"), web]
}

/// One more of each kind, so that news of one can tell that news of the other was lost.
fn spare() -> Vec<Value> {
    let metrics = template("any", "true")["spec"]["metrics"].clone();
    let run = |name: &str| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
               "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"metrics": metrics}})
    };
    let mut everywhere = template("nowhere", "true");
    everywhere["kind"] = json!("ClusterAnalysisTemplate");
    everywhere["metadata"] = json!({"name": "nowhere"});
    let other = canary("other", 1, json!([]));
    vec![run("one"), run("two"), template("unused", "true"), everywhere, other]
}

/// What is lost is read again, and so needs `get`: news of the first of each kind is lost, news of the second is heard.
async fn lose_an_event_of_every_kind(ring: &Ring) {
    let mut touched = Vec::new();
    ring.shared.with(|api| {
        for kind in controller::kind::Kind::WATCHED {
            let resource = match kind.group() {
                "" => kind.plural().to_owned(),
                group => format!("{}.{group}", kind.plural()),
            };
            let paths: Vec<String> = api
                .store()
                .list(&resource, None)
                .map(|object| {
                    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
                    format!("{}/{}", kind.path(text("namespace")), text("name"))
                })
                .collect();
            assert!(paths.len() > 1, "two of each: {resource} {paths:?}");
            touched.push((resource, paths));
        }
    });
    for (resource, paths) in touched {
        let lost = Rule::new(Fault::Drop).agent("sluice").verb("watch");
        ring.fault(lost.resource(&resource).once());
        for path in &paths[..2] {
            let touch = Request::merge_patch(path, &json!({"metadata": {"labels": {"touched": "yes"}}}));
            ring.shared
                .with(|api| api.handle(touch.agent("user")))
                .object()
                .expect("touched");
        }
    }
    ring.pass(10 * 60).await;
}
