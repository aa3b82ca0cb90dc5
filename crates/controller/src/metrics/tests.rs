use serde_json::json;

use super::*;

fn rollout(name: &str, reason: &str) -> serde_json::Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"namespace": "shop", "name": name, "uid": "u", "resourceVersion": "1"},
        "spec": {"replicas": 4, "strategy": {"canary": {}}},
        "status": {"replicas": 4, "availableReplicas": 3, "updatedReplicas": 1,
                   "conditions": [{"type": "Progressing", "status": "True", "reason": reason}]},
    })
}

fn lines(text: &str, name: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn gauges_are_what_is_known_now() {
    let mut shelves = Shelves::default();
    shelves.put(Kind::Rollout, rollout("web", "RolloutPaused"));
    let page = Metrics::default().page(&shelves, &[("Rollouts", 2)]);
    let expected = [
        r#"rollout_info{namespace="shop",name="web",strategy="canary",traffic_router="",phase="Paused"} 1"#,
        r#"rollout_info_replicas_available{namespace="shop",name="web"} 3"#,
        r#"rollout_info_replicas_unavailable{namespace="shop",name="web"} 1"#,
        r#"rollout_info_replicas_desired{namespace="shop",name="web"} 4"#,
        r#"rollout_info_replicas_updated{namespace="shop",name="web"} 1"#,
    ];
    assert_eq!(lines(&page, "rollout_info"), expected);
    assert_eq!(
        lines(&page, "workqueue_depth"),
        [r#"workqueue_depth{name="Rollouts"} 2"#]
    );
}

#[test]
fn series_go_with_their_object() {
    let (metrics, mut shelves, name) = (Metrics::default(), Shelves::default(), Name::new("shop", "web"));
    shelves.put(Kind::Rollout, rollout("web", ""));
    metrics.looked(Kind::Rollout, &name, Duration::from_millis(200));
    metrics.failed(Kind::Rollout, &name);
    metrics.noticed(&name, &Notice::normal("RolloutPaused", "Rollout is paused"));
    let page = metrics.page(&shelves, &[]);
    let expected = [
        r#"rollout_reconcile_bucket{namespace="shop",name="web",le="0.01"} 0"#,
        r#"rollout_reconcile_bucket{namespace="shop",name="web",le="0.15"} 0"#,
        r#"rollout_reconcile_bucket{namespace="shop",name="web",le="0.25"} 1"#,
        r#"rollout_reconcile_bucket{namespace="shop",name="web",le="0.5"} 1"#,
        r#"rollout_reconcile_bucket{namespace="shop",name="web",le="1"} 1"#,
        r#"rollout_reconcile_bucket{namespace="shop",name="web",le="+Inf"} 1"#,
        r#"rollout_reconcile_sum{namespace="shop",name="web"} 0.2"#,
        r#"rollout_reconcile_count{namespace="shop",name="web"} 1"#,
        r#"rollout_reconcile_error{namespace="shop",name="web"} 1"#,
    ];
    assert_eq!(lines(&page, "rollout_reconcile"), expected);
    let event = r#"rollout_events_total{namespace="shop",name="web",type="Normal",reason="RolloutPaused"} 1"#;
    assert_eq!(lines(&page, "rollout_events_total"), [event]);
    shelves.remove(Kind::Rollout, &rollout("web", ""));
    let page = metrics.page(&shelves, &[]);
    assert!(!page.contains("name=\"web\""), "{page}");
}
