//! Built-in kinds: what the server adds to them and what it refuses.

use super::{answer, exchange, pod, send, server};
use serde_json::{Value, json};

fn replica_set(name: &str, label: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": label}}, "spec": {"containers": [{"name": "main", "image": "web"}]}},
        },
    })
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

#[test]
fn a_replica_set_selects_its_own_pods_for_ever() {
    let mut server = server();
    exchange(
        &mut server,
        &[
            (
                "POST replicasets",
                replica_set("a", "other"),
                &[],
                "422 Invalid ReplicaSet.apps \"a\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` \
             does not match template `labels`",
            ),
            (
                "POST replicasets",
                replica_set("a", "web"),
                &[
                    "spec.replicas",
                    "status",
                    "spec.template.spec.containers.0.imagePullPolicy",
                    "metadata.generation",
                ],
                "201 1 {\"replicas\":0} \"Always\" 1",
            ),
            (
                "MERGE replicasets/a",
                json!({"spec": {"selector": {"matchLabels": {"app": "web", "x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}}),
                &[],
                "422 Invalid ReplicaSet.apps \"a\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"x\":\"y\"}}: field \
             is immutable",
            ),
            (
                "MERGE replicasets/a/scale",
                json!({"spec": {"replicas": 3}}),
                &["spec.replicas", "status.selector"],
                "200 3 \"app=web\"",
            ),
            (
                "MERGE replicasets/a",
                json!({"spec": {"replicas": -1}}),
                &[],
                "422 Invalid ReplicaSet.apps \"a\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
}

#[test]
fn a_service_gets_an_address_and_keeps_it() {
    let mut server = server();
    let seen: &[&str] = &["spec.clusterIP", "spec.ports.0.targetPort", "spec.type"];
    let twice = "422 Invalid Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.3\"]: failed to allocate IP 10.96.0.3: \
                 provided IP is already allocated";
    let taken = {
        let mut taken = service("b");
        taken["spec"]["clusterIP"] = "10.96.0.3".into();
        taken
    };
    exchange(
        &mut server,
        &[
            (
                "POST services",
                service("a"),
                seen,
                "201 \"10.96.0.3\" 80 \"ClusterIP\"",
            ),
            ("POST services", taken, &[], twice),
            (
                "PUT services/a",
                service("a"),
                seen,
                "200 \"10.96.0.3\" 80 \"ClusterIP\"",
            ),
            (
                "STRATEGIC services/a",
                json!({"spec": {"selector": {"hash": "x"}}}),
                &["spec.selector"],
                r#"200 {"app":"web","hash":"x"}"#,
            ),
            (
                "MERGE services/a",
                json!({"spec": {"clusterIP": "10.96.7.7", "clusterIPs": ["10.96.7.7"]}}),
                &[],
                "422 Invalid Service \"a\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.7.7\"]: may not change once set",
            ),
            (
                "MERGE services/a",
                json!({"spec": {"type": "NodePort"}}),
                &["spec.ports.0.nodePort"],
                "200 30001",
            ),
        ],
    );
}

#[test]
fn a_job_selects_by_its_uid() {
    let mut server = server();
    let job = |policy: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
        "spec": {"template": {"spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i:1"}]}}}})
    };
    let refused = "422 Invalid Job.batch \"j\" is invalid: spec.template.spec.restartPolicy: Required value: valid values: \
                   \"OnFailure\", \"Never\"";
    assert_eq!(answer(&mut server, "POST jobs", job("Always"), &[]), refused);
    let made = send(&mut server, "POST jobs", job("Never")).object().unwrap();
    let selector = &made["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"];
    assert_eq!(*selector, made["metadata"]["uid"]);
    assert_eq!(made["spec"]["template"]["metadata"]["labels"]["job-name"], "j");
    assert_eq!(made["spec"]["backoffLimit"], 6);
}

#[test]
fn a_pod_begins_pending_and_mostly_does_not_change() {
    let mut server = server();
    exchange(
        &mut server,
        &[
            (
                "POST pods",
                pod("a"),
                &["status", "spec.restartPolicy"],
                r#"201 {"phase":"Pending","qosClass":"BestEffort"} "Always""#,
            ),
            (
                "STRATEGIC pods/a",
                json!({"spec": {"containers": [{"name": "main", "image": "web:2"}]}}),
                &["metadata.generation"],
                "200 2",
            ),
            (
                "MERGE pods/a/status",
                json!({"status": {"phase": "Running"}}),
                &["metadata.generation", "status.phase"],
                "200 2 \"Running\"",
            ),
            (
                "MERGE pods/a",
                json!({"spec": {"nodeName": "n2"}}),
                &[],
                "422 Invalid Pod \"a\" is invalid: spec: Forbidden: pod updates may not change fields other than \
             `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
             to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously \
             negative)\nnodeName: \"n1\" -> \"n2\"",
            ),
            (
                "POST pods",
                json!({"metadata": {"name": "b"}}),
                &[],
                "422 Invalid Pod \"b\" is invalid: spec.containers: Required value",
            ),
        ],
    );
}

#[test]
fn an_eviction_spends_the_budget() {
    let mut server = server();
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    send(&mut server, "POST poddisruptionbudgets", budget);
    for name in ["a", "b"] {
        send(&mut server, "POST pods", pod(name));
        send(
            &mut server,
            &format!("MERGE pods/{name}/status"),
            json!({"status": {"phase": "Running"}}),
        );
    }
    let one = json!({"status": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1}});
    send(&mut server, "MERGE poddisruptionbudgets/b/status", one);
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}});
    exchange(
        &mut server,
        &[
            ("POST pods/a/eviction", eviction.clone(), &["status"], "201 \"Success\""),
            (
                "POST pods/b/eviction",
                eviction,
                &[],
                "429 TooManyRequests Cannot evict pod as it would violate the pod's disruption budget.",
            ),
            (
                "GET pods/a",
                Value::Null,
                &["metadata.deletionGracePeriodSeconds"],
                "200 30",
            ),
        ],
    );
}

#[test]
fn a_namespace_goes_when_it_is_finalized() {
    let mut server = server();
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    exchange(
        &mut server,
        &[
            (
                "POST namespaces",
                space.clone(),
                &["status.phase", "spec.finalizers.0"],
                "201 \"Active\" \"kubernetes\"",
            ),
            (
                "DELETE namespaces/n",
                Value::Null,
                &["status.phase"],
                "200 \"Terminating\"",
            ),
            (
                "POST /api/v1/namespaces/n/configmaps",
                json!({"metadata": {"name": "c"}}),
                &[],
                "403 Forbidden configmaps \"c\" is forbidden: unable to create new content in namespace n because it is being terminated",
            ),
            ("PUT namespaces/n/finalize", space, &[], "200"),
            (
                "GET namespaces/n",
                Value::Null,
                &[],
                "404 NotFound namespaces \"n\" not found",
            ),
        ],
    );
}

#[test]
fn fields_of_the_wrong_type_or_unknown_are_refused_as_the_decoder_would() {
    let mut server = server();
    let mut wrong = replica_set("a", "web");
    wrong["spec"]["replicas"] = "two".into();
    let mut unknown = pod("p");
    unknown["spec"]["containers"][0]["imag"] = "x".into();
    let decoder = |kind: &str| format!("400 BadRequest {kind} in version \"v1\" cannot be handled as a {kind}: ");
    let not_a_number = "json: cannot unmarshal string into Go struct field ReplicaSetSpec.spec.replicas of type int32";
    let misspelt = "strict decoding error: unknown field \"spec.containers[0].imag\"";
    exchange(
        &mut server,
        &[
            ("POST replicasets", wrong, &[], &(decoder("ReplicaSet") + not_a_number)),
            (
                "POST pods?fieldValidation=Strict",
                unknown.clone(),
                &[],
                &(decoder("Pod") + misspelt),
            ),
            (
                "POST pods",
                unknown,
                &["spec.containers.0.imag", "spec.containers.0.image"],
                "201 null \"web:1\"",
            ),
        ],
    );
}
