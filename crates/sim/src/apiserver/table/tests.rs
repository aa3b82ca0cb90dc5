//! Rows as `kubectl get` prints them.

use super::super::{Kinds, Scope};
use super::{cells, columns};
use crate::clock::Clock;
use chrono::TimeDelta;
use serde_json::{Value, json};

/// The row of an object that is five minutes old, its cells separated by bars.
fn row(resource: &str, mut object: Value) -> String {
    let kinds = Kinds::built_in();
    let kind = kinds.of_resource(resource).unwrap();
    let now = Clock::new().now() + TimeDelta::minutes(5);
    object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    let cells = cells(kind, &object, now);
    assert_eq!(cells.len(), columns(kind).len());
    cells
        .iter()
        .map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join("|")
}

fn pod(status: Value, deleted: Value) -> Value {
    json!({"metadata": {"name": "p", "deletionTimestamp": deleted}, "status": status,
        "spec": {"nodeName": "n", "containers": [{"name": "a"}, {"name": "b"}]}})
}

#[test]
fn a_pod_says_how_it_is_doing() {
    let running = json!({"ready": true, "state": {"running": {}}});
    let waiting = json!({"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"finishedAt": "2026-01-01T00:04:00Z"}}});
    let done = json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    for (status, deleted, expected) in [
        (
            json!({"phase": "Pending"}),
            Value::Null,
            "p|0/2|Pending|0|5m|<none>|n|<none>|<none>",
        ),
        (
            json!({"phase": "Running", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}], "containerStatuses": [running, running]}),
            Value::Null,
            "p|2/2|Running|0|5m|10.1.0.1|n|<none>|<none>",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [running, waiting]}),
            Value::Null,
            "p|1/2|CrashLoopBackOff|2 (60s ago)|5m|<none>|n|<none>|<none>",
        ),
        (
            json!({"phase": "Succeeded", "containerStatuses": [done, done]}),
            Value::Null,
            "p|0/2|Completed|0|5m|<none>|n|<none>|<none>",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [running, running]}),
            json!("2026-01-01T00:06:00Z"),
            "p|2/2|Terminating|0|5m|<none>|n|<none>|<none>",
        ),
    ] {
        assert_eq!(row("pods", pod(status, deleted)), expected);
    }
}

#[test]
fn other_kinds_have_their_own_columns() {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "web:1"}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    for (resource, object, expected) in [
        (
            "replicasets.apps",
            json!({"metadata": {"name": "r"}, "spec": {"replicas": 3, "template": template, "selector": selector},
                "status": {"replicas": 2, "readyReplicas": 1}}),
            "r|3|2|1|5m|main|web:1|app=web",
        ),
        (
            "deployments.apps",
            json!({"metadata": {"name": "d"}, "spec": {"replicas": 3, "template": template, "selector": selector},
                "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}}),
            "d|1/3|2|1|5m|main|web:1|app=web",
        ),
        (
            "services",
            json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "clusterIPs": ["10.96.0.3"], "selector": {"app": "web"},
                "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "nodePort": 30001, "protocol": "TCP"}]}}),
            "s|ClusterIP|10.96.0.3|<none>|80/TCP,81:30001/TCP|5m|app=web",
        ),
        (
            "jobs.batch",
            json!({"metadata": {"name": "j"}, "spec": {"completions": 1, "template": template, "selector": selector},
                "status": {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:09Z", "succeeded": 1,
                    "conditions": [{"type": "Complete", "status": "True"}]}}),
            "j|Complete|1/1|9s|5m|main|web:1|app=web",
        ),
        (
            "events",
            json!({"metadata": {"name": "e"}, "type": "Normal", "reason": "Scaled", "message": " up ", "count": 2,
                "source": {"component": "c"}, "firstTimestamp": "2026-01-01T00:04:00Z", "lastTimestamp": "2026-01-01T00:04:30Z",
                "involvedObject": {"kind": "Rollout", "name": "web"}}),
            "30s|Normal|Scaled|rollout/web||c|up|60s|2|e",
        ),
        (
            "nodes",
            json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": ""}},
                "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.34.4"}}}),
            "n|Ready|worker|5m|v1.34.4|<none>|<none>|<unknown>|<unknown>|<unknown>",
        ),
        (
            "horizontalpodautoscalers.autoscaling",
            json!({"metadata": {"name": "h"}, "spec": {"scaleTargetRef": {"kind": "Rollout", "name": "web"}, "maxReplicas": 5,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}]}}),
            "h|Rollout/web|cpu: <unknown>/80%|<unset>|5|0|5m",
        ),
        (
            "clusterroles.rbac.authorization.k8s.io",
            json!({"metadata": {"name": "c"}}),
            "c|2026-01-01T00:00:00Z",
        ),
    ] {
        assert_eq!(row(resource, object), expected);
    }
}

#[test]
fn every_built_in_kind_has_as_many_cells_as_columns() {
    for kind in Kinds::built_in().iter() {
        assert!(matches!(kind.scope, Scope::Namespaced | Scope::Cluster));
        row(kind.resource(), json!({"metadata": {"name": "x"}}));
    }
}
