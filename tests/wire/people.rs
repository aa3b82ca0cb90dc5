//! What people do comes about exactly once, also when it lands between what we read and what we write (issue 3, "People's
//! actions"; field-lessons A1).

use serde_json::{Value, json};
use sim::{ApiServer, Request};

use super::ring::{self, NAMESPACE, Ring, status};
use super::tap::{self, Asked};
use super::{canary, service};

/// What somebody does to a rollout in a situation, and all that comes of it.
struct Action {
    name: &'static str,
    /// What is done before, each followed by a rest.
    before: &'static [fn(&mut ApiServer, &str)],
    act: fn(&mut ApiServer, &str),
    /// Phase and step at the end, then what was told since, steps and pauses and turns, in order.
    outcome: &'static str,
}

const ACTIONS: &[Action] = &[
    Action {
        name: "promote",
        before: &[],
        act: promote,
        outcome: "Paused CanaryPauseStep, step 3, pods 3/3 3/3: Rollout step 2/4 completed (pause), Rollout step 3/4 completed (setWeight: 50), Rollout is paused (CanaryPauseStep)",
    },
    Action {
        name: "promote --full",
        before: &[],
        act: |api, name| patch_status(api, name, json!({"promoteFull": true})),
        outcome: "Healthy, step 4, pods 0/0 5/5: Rollout is resumed, Rollout completed update to revision 2 (NEW): Full promotion requested",
    },
    Action {
        name: "skip the step",
        before: &[],
        act: |api, name| patch_status(api, name, json!({"currentStepIndex": 2})),
        outcome: "Paused CanaryPauseStep, step 3, pods 3/3 3/3: Rollout step 3/4 completed (setWeight: 50), Rollout is resumed, Rollout is paused (CanaryPauseStep)",
    },
    Action {
        name: "skip all steps",
        before: &[],
        act: |api, name| patch_status(api, name, json!({"currentStepIndex": 4})),
        outcome: "Healthy, step 4, pods 0/0 5/5: Rollout completed update to revision 2 (NEW): Completed all 4 canary steps, Rollout is resumed",
    },
    Action {
        name: "abort",
        before: &[],
        act: abort,
        outcome: "Degraded RolloutAborted: Rollout aborted update to revision 2, step 0, pods 0/0 5/5: Rollout aborted update to revision 2",
    },
    Action {
        name: "retry",
        before: &[abort],
        act: |api, name| patch_status(api, name, json!({"abort": false})),
        outcome: "Paused CanaryPauseStep, step 1, pods 1/1 4/4: Rollout step 1/4 completed (setWeight: 25), Rollout is paused (CanaryPauseStep)",
    },
    Action {
        name: "undo",
        before: &[],
        act: |api, name| set_image(api, name, "web:v1"),
        outcome: "Healthy, step 4, pods 0/0 5/5: Rollout updated to revision 3, Rollback to stable ReplicaSets, Rollout is resumed",
    },
    Action {
        name: "undo of what was aborted",
        before: &[abort],
        act: |api, name| set_image(api, name, "web:v1"),
        outcome: "Healthy, step 4, pods 0/0 5/5: Rollout updated to revision 3, Rollback to stable ReplicaSets",
    },
    Action {
        name: "a third version",
        before: &[],
        act: |api, name| set_image(api, name, "web:v3"),
        outcome: "Paused CanaryPauseStep, step 1, pods 0/0 1/1 4/4: Rollout updated to revision 3, Rollout is resumed, Rollout step 1/4 completed (setWeight: 25), Rollout is paused (CanaryPauseStep)",
    },
    Action {
        name: "pause",
        before: &[],
        act: |api, name| patch(api, name, json!({"spec": {"paused": true}})),
        outcome: "Paused manually paused, step 1, pods 1/1 4/4:",
    },
    Action {
        name: "resume",
        before: &[|api, name| patch(api, name, json!({"spec": {"paused": true}}))],
        act: |api, name| patch(api, name, json!({"spec": {"paused": false}})),
        outcome: "Paused CanaryPauseStep, step 1, pods 1/1 4/4:",
    },
    Action {
        name: "promote what is paused twice",
        before: &[|api, name| patch(api, name, json!({"spec": {"paused": true}}))],
        act: promote,
        outcome: "Paused CanaryPauseStep, step 3, pods 3/3 3/3: Rollout step 2/4 completed (pause), Rollout step 3/4 completed (setWeight: 50), Rollout is paused (CanaryPauseStep)",
    },
];

/// What is done to a blue/green rollout that waits for a person before the switch.
const BEFORE_THE_SWITCH: &[Action] = &[
    Action {
        name: "promote",
        before: &[],
        act: promote,
        outcome: "Healthy, step null, pods 0/0 5/5: Switched selector for service 'active-web' from 'OLD' to 'NEW', Rollout completed update to revision 2 (NEW): Completed blue-green update",
    },
    Action {
        name: "promote --full",
        before: &[],
        act: |api, name| patch_status(api, name, json!({"promoteFull": true})),
        outcome: "Healthy, step null, pods 0/0 5/5: Rollout is resumed, Switched selector for service 'active-web' from 'OLD' to 'NEW', Rollout completed update to revision 2 (NEW): Full promotion requested",
    },
    Action {
        name: "abort",
        before: &[],
        act: abort,
        outcome: "Degraded RolloutAborted: Rollout aborted update to revision 2, step null, pods 0/0 5/5: Rollout aborted update to revision 2",
    },
    Action {
        name: "retry",
        before: &[abort],
        act: |api, name| patch_status(api, name, json!({"abort": false})),
        outcome: "Paused BlueGreenPause, step null, pods 5/5 5/5: Rollout is paused (BlueGreenPause)",
    },
    Action {
        name: "undo",
        before: &[],
        act: |api, name| set_image(api, name, "web:v1"),
        outcome: "Healthy, step null, pods 0/0 5/5: Rollout updated to revision 3, Rollout is resumed",
    },
    Action {
        name: "a third version",
        before: &[],
        act: |api, name| set_image(api, name, "web:v3"),
        outcome: "Paused BlueGreenPause, step null, pods 0/0 5/5 5/5: Rollout updated to revision 3, Rollout is resumed, Rollout is paused (BlueGreenPause)",
    },
];

#[tokio::test(start_paused = true)]
async fn what_people_do_to_a_canary_comes_about_exactly_once() {
    let of = |_: &Ring, name: &str| canary(name, 4, steps());
    each_before_each_write(200, ACTIONS, of).await;
}

#[tokio::test(start_paused = true)]
async fn what_people_do_before_a_switch_comes_about_exactly_once() {
    let of = |ring: &Ring, name: &str| {
        let mut active = service(&format!("active-{name}"));
        active["spec"]["selector"]["app"] = json!(name);
        ring.create(&active);
        let mut rollout = canary(name, 4, json!([]));
        rollout["spec"]["strategy"] = json!({"blueGreen": {
            "activeService": format!("active-{name}"), "autoPromotionEnabled": false, "scaleDownDelaySeconds": 20,
        }});
        rollout
    };
    each_before_each_write(240, BEFORE_THE_SWITCH, of).await;
}

/// Each action just before each of the writes that a change of size causes: the first, the second, and so on.
async fn each_before_each_write(seed: u64, actions: &[Action], rollout: impl Fn(&Ring, &str) -> Value) {
    let mut wrong = Vec::new();
    for (seed, action) in (seed..).zip(actions) {
        let ring = Ring::running(seed);
        let names: Vec<String> = (0..WRITES).map(|write| format!("web{write}")).collect();
        for name in &names {
            ring.create(&rollout(&ring, name));
            ring.until_phase(name, "Healthy", 60).await;
            ring.set_image(name, "web:v2");
        }
        ring.until("every pause", 60, |api| names.iter().all(|name| is_paused(api, name)))
            .await;
        ring.pass(10).await;
        for before in action.before {
            ring.shared.with(|api| names.iter().for_each(|name| before(api, name)));
            ring.pass(60).await;
        }
        for (write, name) in names.iter().enumerate() {
            let told = ring.shared.with(|api| story(api, name)).len();
            let (act, of) = (action.act, name.clone());
            ring.tap.before(nth_write_about(name, write), move |api| act(api, &of));
            ring.patch(name, json!({"spec": {"replicas": 5}}));
            ring.pass(60).await;
            assert_eq!(
                ring.tap.waiting(),
                0,
                "{} before write {write}: no such write",
                action.name
            );
            let outcome = ring.shared.with(|api| outcome(api, name, told));
            if outcome != action.outcome {
                wrong.push(format!("{} before write {write}: {outcome}", action.name));
            }
            let before = ring.writes();
            ring.pass(120).await;
            if ring.writes() != before {
                wrong.push(format!("{} before write {write}: no rest", action.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many writes a change of size causes.
const WRITES: usize = 3;

fn steps() -> Value {
    json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}])
}

/// Whether a request is the write with this number about this rollout, counted from now.
fn nth_write_about(name: &str, nth: usize) -> impl Fn(&Asked) -> bool + Send + 'static {
    let (itself, its) = (format!("/rollouts/{name}"), format!("/replicasets/{name}-"));
    tap::nth(nth, move |asked| {
        let about = asked.line.contains(&itself) || asked.line.contains(&its);
        about && asked.is_write()
    })
}

fn is_paused(api: &ApiServer, name: &str) -> bool {
    let status = status(api, name);
    status["phase"] == "Paused" && [&json!(1), &Value::Null].contains(&&status["currentStepIndex"])
}

fn outcome(api: &ApiServer, name: &str, told: usize) -> String {
    let status = status(api, name);
    let mut sizes: Vec<String> = ring::replica_sets(api)
        .into_iter()
        .filter_map(|set| {
            let (set, size) = set.split_once(' ')?;
            set.starts_with(&format!("{name}-")).then(|| size.to_owned())
        })
        .collect();
    sizes.sort();
    let text = |field: &str| status[field].as_str().unwrap_or_default();
    let mut told = story(api, name)[told..]
        .join(", ")
        .replace(text("currentPodHash"), "NEW");
    let own = format!("{name}-");
    for set in ring::replica_sets(api) {
        if let Some((hash, _)) = set.strip_prefix(&own).and_then(|rest| rest.split_once(' ')) {
            told = told.replace(hash, "OLD");
        }
    }
    let told = told.replace(name, "web");
    let (phase, message, step) = (text("phase"), text("message"), &status["currentStepIndex"]);
    let text = format!("{phase} {message}, step {step}, pods {}: {told}", sizes.join(" "));
    text.replace(" ,", ",").trim_end().to_owned()
}

/// What was told about a rollout, sizes apart.
fn story(api: &ApiServer, name: &str) -> Vec<String> {
    let events = api.store().list("events", Some(NAMESPACE));
    let ours = events.filter(|event| {
        event["source"]["component"] == "rollouts-controller"
            && event["involvedObject"]["name"] == name
            && !["ScalingReplicaSet", "NewReplicaSetCreated"].contains(&event["reason"].as_str().unwrap_or_default())
    });
    let mut told: Vec<(String, String)> = ours
        .map(|event| {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            (event["metadata"]["name"].to_string(), text("message"))
        })
        .collect();
    told.sort();
    told.into_iter().map(|(_, text)| text).collect()
}

fn promote(api: &mut ApiServer, name: &str) {
    if ring::rollout(api, name)["spec"]["paused"] == true {
        patch(api, name, json!({"spec": {"paused": false}}));
    }
    patch_status(api, name, json!({"pauseConditions": null}));
}

fn abort(api: &mut ApiServer, name: &str) {
    patch_status(api, name, json!({"abort": true}));
}

fn set_image(api: &mut ApiServer, name: &str, image: &str) {
    let containers = json!([{"name": "web", "image": image}]);
    patch(
        api,
        name,
        json!({"spec": {"template": {"spec": {"containers": containers}}}}),
    );
}

pub(super) fn patch_status(api: &mut ApiServer, name: &str, fields: Value) {
    patch(api, &format!("{name}/status"), json!({ "status": fields }));
}

/// A merge patch as a person sends it.
pub(super) fn patch(api: &mut ApiServer, name: &str, patch: Value) {
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/{name}");
    let sent = api.handle(Request::merge_patch(&path, &patch).agent("user"));
    sent.object().unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
}
