//! What is served at `/metrics` after an update, to the line, and that it goes with the objects it is about.

use serde_json::json;

use super::ring::{Ring, status};
use super::{canary, template};

/// Families of which the values too are known; of the others only the labels are.
const EXACT: [&str; 8] = [
    "rollout_info",
    "rollout_phase",
    "rollout_events_total",
    "rollout_reconcile_error",
    "analysis_",
    "sluice_known_objects",
    "sluice_leading",
    "sluice_refused_plans_total",
];

#[tokio::test(start_paused = true)]
async fn the_page_of_metrics_is_the_contracts() {
    let mut ring = Ring::new(50);
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
    ring.pass(5).await;
    let got = shape(&ring.page());
    let expected = include_str!("metrics.txt");
    let difference = similar::TextDiff::from_lines(expected, &got).unified_diff().to_string();
    assert!(got == expected, "(- expected, + got):\n{difference}");

    ring.delete("/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web");
    ring.pass(70).await;
    let page = ring.page();
    let left: Vec<&str> = page.lines().filter(|line| line.contains("\"web")).collect();
    assert_eq!(left, Vec::<&str>::new());
}

/// The page without what differs from run to run or machine to machine.
fn shape(page: &str) -> String {
    let lines = page.lines().filter(|line| {
        let bucket = line.contains("_bucket{") && !line.starts_with("rollout_reconcile_bucket");
        !bucket && !line.contains("process_") && !line.starts_with("# HELP") && !line.starts_with("build_info")
    });
    let shaped = lines.map(|line| {
        let exact = line.starts_with('#') || EXACT.iter().any(|family| line.starts_with(family));
        let timed = line.contains("_reconcile_") && !line.contains("_error");
        match line.rsplit_once(' ') {
            Some((series, _)) if !exact || timed => {
                format!("{} _\n", series.replace(env!("CARGO_PKG_VERSION"), "VERSION"))
            }
            Some(_) | None => format!("{line}\n"),
        }
    });
    shaped.collect()
}
