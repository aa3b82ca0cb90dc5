//! What the controller may do: everything it asks for is on the list, everything on the list is asked for.

use std::collections::BTreeSet;

use controller::kind::Kind;
use controller::permissions;
use serde_json::{Value, json};
use sim::{Fault, Request, Rule};

use super::ring::{self, NAMESPACE, Ring, replica_sets, status};
use super::workload::{by_workload, workload};
use super::{canary, election, service, template};

const HASH: &str = api::keys::POD_TEMPLATE_HASH;

/// One of each: services, analyses with a Secret, history limits, a restart, and lost events of every kind.
///
/// In every other test of this ring, too, the controller has only these rights.
#[tokio::test(start_paused = true)]
async fn the_list_of_permissions_is_what_is_asked_for() {
    let mut ring = Ring::new(40);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |config| {
        config.election = Some(election("a"));
        config.rivals = controller::config::Rivals::Refused { beside: Vec::new() };
    });
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
    let mut spare = vec![run("one"), run("two"), template("unused", "true"), everywhere, other];
    for kind in ["Deployment", "PodTemplate"] {
        for number in ["one", "two"] {
            let name = format!("{}-{number}", kind.to_lowercase());
            spare.extend([workload(kind, &name), by_workload(kind, &name)]);
        }
    }
    spare
}

/// What is lost is read again, and so needs `get`: news of the first of each kind is lost, news of the second is heard.
async fn lose_an_event_of_every_kind(ring: &Ring) {
    let mut touched = Vec::new();
    ring.shared.with(|api| {
        let workloads = [Kind::Deployment, Kind::PodTemplate];
        for kind in Kind::WATCHED.into_iter().chain(workloads) {
            let resource = match kind.group() {
                "" => kind.plural().to_owned(),
                group => format!("{}.{group}", kind.plural()),
            };
            let paths: Vec<String> = api
                .store()
                .list(&resource, None)
                // a Deployment's own are not watched
                .filter(|object| kind != Kind::ReplicaSet || object["metadata"]["labels"][HASH].is_string())
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

/// A right that is missing, a rollout that needs it, and what its status then says.
struct Denied {
    verb: &'static str,
    resource: &'static str,
    /// `reason: message` of the condition that says so, or a part of it.
    says: &'static str,
}

const DENIED: [Denied; 9] = [
    Denied {
        verb: "patch",
        resource: "pods",
        says: "cannot patch resource \"pods\"",
    },
    Denied {
        verb: "list",
        resource: "pods",
        says: "Forbidden: pods is forbidden: User \"sluice\" cannot list",
    },
    Denied {
        verb: "list",
        resource: "services",
        says: "Forbidden: services is forbidden: User \"sluice\" cannot list resource \"services\" in API group \"\" at the \
               cluster scope; grant list and watch on services",
    },
    Denied {
        verb: "watch",
        resource: "services",
        says: "Forbidden: services is forbidden: User \"sluice\" cannot watch resource \"services\"",
    },
    Denied {
        verb: "patch",
        resource: "services",
        says: "cannot patch resource \"services\" in API group \"\" in the namespace \"shop\"",
    },
    Denied {
        verb: "list",
        resource: "endpointslices.discovery.k8s.io",
        says: "Forbidden: endpointslices.discovery.k8s.io is forbidden: User \"sluice\" cannot list",
    },
    Denied {
        verb: "list",
        resource: "analysistemplates.argoproj.io",
        says: "grant list and watch on analysistemplates",
    },
    Denied {
        verb: "list",
        resource: "analysisruns.argoproj.io",
        says: "grant list and watch on analysisruns",
    },
    Denied {
        verb: "create",
        resource: "analysisruns.argoproj.io",
        says: "cannot create resource \"analysisruns\"",
    },
];

/// One thing is denied: the controller starts, a rollout that does not need it runs to its end, one that does says what is
/// missing and goes on by itself when it is granted.
#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_stops_what_it_is_for_and_nothing_else() {
    for (seed, denied) in (50..).zip(DENIED) {
        let Denied { verb, resource, says } = denied;
        let case = format!("without {verb} {resource}");
        let mut ring = Ring::new(seed);
        let witness = ring.witness();
        ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
        ring.start("sluice", |_| {});
        ring.shared.with(|api| api.access.revoke("sluice", verb, resource));
        for object in story() {
            ring.create(&object);
        }
        ring.create(&canary("plain", 1, json!([])));
        ring.until_phase("plain", "Healthy", 60).await;
        // A first deployment needs neither analysis nor, without old pods, endpoints.
        ring.pass(60).await;
        ring.set_image("web", "web:v2");
        ring.until(&format!("{case}: the status says {says:?}"), 120, |api| {
            withheld(api, "web").contains(says)
        })
        .await;
        ring.pass(60).await;
        let said = |ring: &Ring| {
            let told = ring.shared.with(|api| ring::events(api, "ReconciliationError"));
            (ring.writes(), told)
        };
        let before = said(&ring);
        assert!(!before.1.is_empty(), "{case}");
        ring.pass(300).await;
        assert_eq!(said(&ring), before, "{case}: it is said once");
        grant_everything(&ring);
        ring.until(&format!("{case}: granted, it goes on"), 900, |api| {
            let status = status(api, "web");
            status["phase"] == "Healthy"
                && status["stableRS"] == status["currentPodHash"]
                && withheld(api, "web").is_empty()
        })
        .await;
        assert_eq!(witness.seen(), Vec::<String>::new(), "{case}");
    }
}

/// Not even Rollouts may be seen, then their status not be written; each is mended without a restart.
#[tokio::test(start_paused = true)]
async fn the_controller_starts_without_any_right_and_goes_on_when_it_has_them() {
    let mut ring = Ring::new(60);
    ring.start("sluice", |_| {});
    ring.shared.with(|api| api.access.bind("sluice", []));
    ring.create(&canary("web", 1, json!([])));
    ring.pass(300).await;
    grant_everything(&ring);
    for (verb, resource) in [("patch", "rollouts.argoproj.io/status"), ("create", "events")] {
        ring.shared.with(|api| api.access.revoke("sluice", verb, resource));
    }
    ring.pass(120).await;
    assert_eq!(ring.shared.with(|api| status(api, "web")), Value::Null);
    let mut rights = crate::rights::grants("", NAMESPACE);
    rights.retain(|grant| grant.resource != "events");
    ring.shared.with(|api| api.access.bind("sluice", rights));
    ring.until_phase("web", "Healthy", 300).await;
    assert!(ring.stop().await.is_ok());
}

/// A Secret that may not be read is the end of the analysis that needs it, in the API server's words.
#[tokio::test(start_paused = true)]
async fn a_secret_that_may_not_be_read_is_an_error_of_its_analysis() {
    let mut ring = Ring::new(61);
    ring.start("sluice", |_| {});
    ring.shared.with(|api| api.access.revoke("sluice", "get", "secrets"));
    for object in story() {
        ring.create(&object);
    }
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until_phase("web", "Degraded", 60).await;
    let message = ring.shared.with(|api| status(api, "web")["message"].to_string());
    assert!(message.contains("cannot get resource"), "{message}");
}

/// A cluster where the CustomResourceDefinition of AnalysisRuns is missing.
#[tokio::test(start_paused = true)]
async fn a_definition_that_is_missing_is_named_and_its_absence_stops_who_needs_it() {
    let mut ring = Ring::without_crd(62, "analysisruns.argoproj.io");
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |_| {});
    for object in story() {
        ring.create(&object);
    }
    ring.create(&canary("plain", 1, json!([])));
    ring.until_phase("plain", "Healthy", 60).await;
    let says = "NotInstalled: the CustomResourceDefinition analysisruns.argoproj.io is not installed: \
                `sluice crds | kubectl apply --server-side -f -` installs it";
    ring.until("the status names it", 120, |api| withheld(api, "web") == says)
        .await;
    for crd in api::crd::all() {
        ring.shared.with(|api| {
            if crd["metadata"]["name"] == "analysisruns.argoproj.io" {
                api.install(&crd).expect("taken");
            }
        });
    }
    ring.until_phase("web", "Healthy", 120).await;
}

/// The condition `Withheld` as `reason: message`; empty without one.
fn withheld(api: &sim::ApiServer, rollout: &str) -> String {
    let status = status(api, rollout);
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let found = conditions
        .filter(|condition| condition["type"] == "Withheld")
        .map(|condition| {
            let text = |key: &str| condition[key].as_str().unwrap_or_default();
            format!("{}: {}", text("reason"), text("message"))
        });
    found.collect()
}

fn grant_everything(ring: &Ring) {
    let rights = crate::rights::grants("", NAMESPACE);
    ring.shared.with(|api| api.access.bind("sluice", rights));
}
