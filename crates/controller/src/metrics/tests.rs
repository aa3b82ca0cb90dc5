use serde_json::json;

use super::*;
use crate::queue::Tally;

fn rollout(name: &str, reason: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"namespace": "shop", "name": name, "uid": "u", "resourceVersion": "1"},
        "spec": {"replicas": 4, "strategy": {"canary": {}}},
        "status": {"replicas": 4, "availableReplicas": 3, "updatedReplicas": 1,
                   "conditions": [{"type": "Progressing", "status": "True", "reason": reason}]},
    })
}

fn page(metrics: &Metrics, shelves: &Shelves) -> String {
    let depth = Tally {
        depth: 2,
        ..Tally::default()
    };
    let beside = Beside {
        queues: Tallies::from([("Rollouts", depth)]),
        ..Beside::default()
    };
    metrics.page(shelves, &beside)
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
    let page = page(&Metrics::default(), &shelves);
    let expected = [
        r#"rollout_info{namespace="shop",name="web",strategy="canary",traffic_router="",phase="Paused"} 1"#,
        r#"rollout_info_replicas_available{namespace="shop",name="web"} 3"#,
        r#"rollout_info_replicas_unavailable{namespace="shop",name="web"} 1"#,
        r#"rollout_info_replicas_desired{namespace="shop",name="web"} 4"#,
        r#"rollout_info_replicas_updated{namespace="shop",name="web"} 1"#,
    ];
    assert_eq!(lines(&page, "rollout_info"), expected);
    let phases = lines(&page, "rollout_phase");
    assert_eq!(phases.len(), 6);
    assert_eq!(
        phases[2],
        r#"rollout_phase{namespace="shop",name="web",strategy="canary",phase="Paused"} 1"#
    );
    assert_eq!(
        lines(&page, "workqueue_depth"),
        [r#"workqueue_depth{name="Rollouts"} 2"#]
    );
}

#[test]
fn runs_and_templates_are_told_metric_by_metric() {
    let mut shelves = Shelves::default();
    let metrics = json!([
        {"name": "rate", "provider": {"prometheus": {"address": "a", "query": "q"}}},
        {"name": "own", "provider": {"plugin": {"sluice/scrape": {}}}},
    ]);
    shelves.put(
        Kind::AnalysisRun,
        json!({"metadata": {"namespace": "shop", "name": "web-1", "resourceVersion": "1"}, "spec": {"metrics": metrics},
               "status": {"phase": "Running", "metricResults": [{"name": "rate", "phase": "Failed", "dryRun": true}]}}),
    );
    shelves.put(
        Kind::ClusterAnalysisTemplate,
        json!({"metadata": {"name": "all", "resourceVersion": "2"}, "spec": {"metrics": metrics}}),
    );
    let page = page(&Metrics::default(), &shelves);
    let on = |family: &str| {
        let mut on = lines(&page, family);
        on.retain(|line| line.ends_with(" 1"));
        on
    };
    let expected = [
        r#"analysis_run_info{namespace="shop",name="web-1",phase="Running"} 1"#,
        r#"analysis_run_phase{namespace="shop",name="web-1",phase="Running"} 1"#,
        r#"analysis_run_metric_type{namespace="shop",name="web-1",metric="rate",type="Prometheus"} 1"#,
        r#"analysis_run_metric_type{namespace="shop",name="web-1",metric="own",type="Plugin"} 1"#,
        r#"analysis_run_metric_phase{namespace="shop",name="web-1",metric="rate",type="Prometheus",dry_run="true",phase="Failed"} 1"#,
        r#"analysis_run_metric_phase{namespace="shop",name="web-1",metric="own",type="Plugin",dry_run="false",phase="Pending"} 1"#,
    ];
    assert_eq!(on("analysis_run_"), expected);
    let expected = [
        r#"analysis_template_info{namespace="",name="all"} 1"#,
        r#"analysis_template_metric_info{namespace="",name="all",type="Prometheus",metric="rate"} 1"#,
        r#"analysis_template_metric_info{namespace="",name="all",type="Plugin",metric="own"} 1"#,
    ];
    assert_eq!(on("analysis_template_"), expected);
}

#[tokio::test(start_paused = true)]
async fn series_outlive_their_object_by_a_minute() {
    let (metrics, mut shelves, name) = (Metrics::default(), Shelves::default(), Name::new("shop", "web"));
    shelves.put(Kind::Rollout, rollout("web", ""));
    metrics.looked(Kind::Rollout, &name, Duration::from_millis(200));
    metrics.failed(Kind::Rollout, &name);
    metrics.noticed(&name, &Notice::normal("RolloutPaused", "Rollout is paused"));
    let uri = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"
        .parse()
        .unwrap();
    metrics.asked(Asked::of(&http::Method::PATCH, &uri), 200);
    let first = page(&metrics, &shelves);
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
    assert_eq!(lines(&first, "rollout_reconcile"), expected);
    let event = r#"rollout_events_total{namespace="shop",name="web",type="Normal",reason="RolloutPaused"} 1"#;
    assert_eq!(lines(&first, "rollout_events_total"), [event]);
    let asked = r#"controller_clientset_k8s_request_total{kind="rollouts",namespace="shop",name="web",verb="Patch",status_code="200"} 1"#;
    assert_eq!(lines(&first, "controller_clientset"), [asked]);

    shelves.remove(Kind::Rollout, &rollout("web", ""));
    metrics.noticed(&name, &Notice::normal("RolloutDeleted", "gone"));
    metrics.ended(Kind::Rollout, &name);
    tokio::time::advance(Duration::from_secs(64)).await;
    assert_eq!(lines(&page(&metrics, &shelves), "rollout_events_total").len(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    let last = page(&metrics, &shelves);
    assert!(!last.contains("name=\"web\""), "{last}");
}
