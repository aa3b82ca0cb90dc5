//! Small clusters as text: one line per change of what matters, `seconds what`.

use super::World;
use crate::apiserver::Request;
use crate::kubelet::Pace;
use serde_json::{Value, json};
use std::time::Duration;

const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

fn world() -> World {
    World::new(1, Pace::default())
}

fn replica_set(name: &str, replicas: u32, image: &str) -> Value {
    let labels = json!({"app": "web", "set": name});
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}],
                }]},
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "labels": {"team": "shop"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

impl World {
    fn apply(&mut self, path: &str, object: &Value) -> Value {
        self.call(Request::post(path, object)).object().expect("created")
    }

    /// `replicas/ready/available` of each ReplicaSet, and `ready+serving+terminating` of each Service's endpoints.
    fn shown(&self) -> String {
        let mut parts = Vec::new();
        for set in self.api.store().list("replicasets.apps", Some("default")) {
            let count = |field: &str| set["status"][field].as_u64().unwrap_or(0);
            let counts = [count("replicas"), count("readyReplicas"), count("availableReplicas")];
            parts.push(format!(
                "{} {}/{}/{}",
                text(&set["metadata"]["name"]),
                counts[0],
                counts[1],
                counts[2]
            ));
        }
        for slice in self
            .api
            .store()
            .list("endpointslices.discovery.k8s.io", Some("default"))
        {
            let count = |condition: &str| {
                let endpoints = slice["endpoints"].as_array().into_iter().flatten();
                endpoints
                    .filter(|endpoint| endpoint["conditions"][condition] == true)
                    .count()
            };
            let service = text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]);
            parts.push(format!(
                "{service} {}+{}+{}",
                count("ready"),
                count("serving"),
                count("terminating")
            ));
        }
        parts.join(", ")
    }

    /// What is shown, at each time it changes, until nothing is due or `seconds` have passed.
    fn watched(&mut self, seconds: i64) -> String {
        let start = self.now();
        let mut lines = vec![format!("0 {}", self.shown())];
        while self.next_due().is_some_and(|due| (due - start).num_seconds() < seconds) {
            self.step_to_next_event();
            let shown = self.shown();
            if lines
                .last()
                .is_none_or(|last| last.split_once(' ').is_none_or(|(_, before)| before != shown))
            {
                lines.push(format!("{} {shown}", (self.now() - start).as_seconds_f64()));
            }
        }
        lines.join("\n") + "\n"
    }

    fn pods(&self) -> Vec<String> {
        self.api
            .store()
            .list("pods", Some("default"))
            .map(|pod| text(&pod["metadata"]["name"]).to_owned())
            .collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn scale(world: &mut World, name: &str, replicas: u32) {
    let patch = json!({"spec": {"replicas": replicas}});
    world
        .call(Request::merge_patch(&format!("{SETS}/{name}"), &patch))
        .object()
        .expect("scaled");
}

#[test]
fn endpoints_follow_pods_as_they_become_ready_and_before_they_go() {
    let mut world = world();
    world.apply("/api/v1/namespaces/default/services", &service());
    let mut set = replica_set("web-a", 3, "web:v1");
    set["spec"]["minReadySeconds"] = json!(5);
    world.apply(SETS, &set);
    assert_eq!(
        world.watched(60),
        "0 web-a 3/0/0, web 0+0+0\n\
         1.5 web-a 3/3/0, web 3+3+0\n\
         6 web-a 3/3/3, web 3+3+0\n"
    );
    scale(&mut world, "web-a", 1);
    assert_eq!(
        world.watched(60),
        "0 web-a 1/1/1, web 1+3+2\n\
         2 web-a 1/1/1, web 1+1+0\n"
    );
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let slices = world.call(Request::get(slices)).object().unwrap();
    let slice = &slices["items"][0];
    assert_eq!(
        slice["ports"],
        json!([{"name": "http", "port": 8080, "protocol": "TCP"}])
    );
    assert_eq!(
        slice["metadata"]["labels"],
        json!({
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": "web", "team": "shop",
        })
    );
    let pod = world.api.store().list("pods", None).next().unwrap();
    assert_eq!(slice["endpoints"][0]["addresses"], json!([pod["status"]["podIP"]]));
    assert_eq!(slice["endpoints"][0]["targetRef"]["uid"], pod["metadata"]["uid"]);
    world
        .call(Request::delete("/api/v1/namespaces/default/services/web"))
        .object()
        .unwrap();
    assert_eq!(world.shown(), "web-a 1/1/1", "slices go with their Service");
}

#[test]
fn a_set_scales_down_what_is_least_useful_and_replaces_what_is_deleted() {
    let mut world = world();
    world.apply(SETS, &replica_set("web-a", 2, "web:v1"));
    world.advance(Duration::from_secs(5));
    let old = world.pods();
    scale(&mut world, "web-a", 4);
    assert_eq!(world.pods().len(), 4);
    scale(&mut world, "web-a", 2);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.pods(), old, "the two that were not ready have gone");
    world
        .call(Request::delete(&format!("/api/v1/namespaces/default/pods/{}", old[0])))
        .object()
        .unwrap();
    world.advance(Duration::from_secs(5));
    assert_eq!(world.pods().len(), 2);
    assert!(!world.pods().contains(&old[0]));
}

#[test]
fn a_deleted_set_takes_its_pods_along_and_an_orphaned_one_leaves_them_to_the_next() {
    let mut world = world();
    world.apply(SETS, &replica_set("web-a", 2, "web:v1"));
    world.advance(Duration::from_secs(5));
    let pods = world.pods();
    let delete = |policy: &str| {
        Request::delete(&format!("{SETS}/web-a")).json("application/json", &json!({"propagationPolicy": policy}))
    };
    world.call(delete("Orphan")).object().unwrap();
    world.advance(Duration::from_secs(5));
    assert_eq!((world.pods(), world.shown().as_str()), (pods.clone(), ""));

    world.apply(SETS, &replica_set("web-a", 2, "web:v1"));
    world.advance(Duration::from_secs(5));
    assert_eq!((world.pods(), world.shown().as_str()), (pods, "web-a 2/2/2"));

    world.call(delete("Foreground")).object().unwrap();
    world.advance(Duration::from_secs(1));
    assert_eq!(world.shown(), "web-a 0/0/0", "it waits for its pods, which drain");
    world.advance(Duration::from_secs(2));
    assert_eq!((world.pods().len(), world.shown().as_str()), (0, ""));

    world.apply(SETS, &replica_set("web-a", 2, "web:v1"));
    world.advance(Duration::from_secs(5));
    world.call(delete("Background")).object().unwrap();
    assert_eq!((world.pods().len(), world.shown().as_str()), (2, ""));
    world.advance(Duration::from_secs(2));
    assert_eq!(world.pods().len(), 0);
}

#[test]
fn a_job_succeeds_or_gives_up() {
    let outcome = |line: &str, limit: u32| {
        let mut world = world();
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "check"},
            "spec": {"backoffLimit": limit, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "check", "image": "busybox", "command": ["sh", "-c", line]}],
            }}},
        });
        world.apply("/apis/batch/v1/namespaces/default/jobs", &job);
        world.advance(Duration::from_secs(120));
        let job = world.api.store().get("jobs.batch", "default", "check").unwrap();
        let last = &job["status"]["conditions"][1];
        format!(
            "{} {} {}",
            text(&last["type"]),
            text(&last["reason"]),
            text(&last["lastTransitionTime"])
        )
    };
    assert_eq!(
        outcome("sleep 2", 0),
        "Complete CompletionsReached 2026-01-01T00:00:02Z"
    );
    assert_eq!(outcome("exit 1", 0), "Failed BackoffLimitExceeded 2026-01-01T00:00:00Z");
    assert_eq!(outcome("exit 1", 1), "Failed BackoffLimitExceeded 2026-01-01T00:00:10Z");
}

#[test]
fn a_deployment_keeps_one_set_per_template() {
    let mut world = world();
    let set = replica_set("web", 2, "web:v1");
    let mut deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": set["spec"]});
    let path = "/apis/apps/v1/namespaces/default/deployments";
    deployment["spec"]["replicas"] = json!(2);
    world.apply(path, &deployment);
    world.advance(Duration::from_secs(5));
    let patch = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": "web:v2", "ports": [{"name": "http", "containerPort": 8080}]},
    ]}}}});
    world
        .call(Request::merge_patch(&format!("{path}/web"), &patch))
        .object()
        .unwrap();
    world.advance(Duration::from_secs(5));
    let ready = world
        .api
        .store()
        .list("pods", None)
        .filter(|pod| pod["spec"]["containers"][0]["image"] == "web:v2");
    assert_eq!((ready.count(), world.pods().len()), (2, 2));
    let status = &world.api.store().get("deployments.apps", "default", "web").unwrap()["status"];
    assert_eq!(
        (&status["availableReplicas"], &status["updatedReplicas"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn the_same_seed_gives_the_same_history_to_the_byte() {
    let history = |seed: u64| {
        let mut world = World::new(seed, Pace::default());
        world.apply("/api/v1/namespaces/default/services", &service());
        for image in ["web:v1", "web:flapping", "web:crash", "web:no-pull"] {
            world.apply(SETS, &replica_set(&image.replace(':', "-"), 3, image));
        }
        world.advance(Duration::from_secs(30));
        scale(&mut world, "web-v1", 1);
        world.advance(Duration::from_secs(30));
        let objects = ["pods", "replicasets.apps", "endpointslices.discovery.k8s.io"];
        let all = objects
            .iter()
            .flat_map(|resource| world.api.store().list(resource, None));
        all.map(|object| object.to_string()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8), "names and uids come from the seed");
}
