//! The demo's stories on the real control plane, measured by a real Prometheus: the built controller asks it over TLS,
//! with a password or a header.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use controller::config::Config;
use controller::measure::PodIp;
use serde_json::{Value, json};
use sim::Request;
use sluice::demo::narrate::Told;
use sluice::demo::play::{Outcome, Player};
use sluice::demo::scene::Scene;
use sluice::demo::show::Show;
use sluice::demo::stage::{NAMESPACE, Stage};
use sluice::demo::{Afterwards, Analysis, Metrics, Options, Shown, story};
use sluice::render::Paint;

use super::prometheus::{AUTHORIZATION, PASSWORD, Prometheus, USER};
use super::{Cluster, RUNS, call, child};

/// So long after its step begins a measurement is made: discovered, scraped, and a rate over some seconds.
const SETTLED: &str = "8s";

#[test]
#[ignore = "needs a control plane and Prometheus: `just cluster`"]
fn the_stories_end_as_they_should_with_promql() {
    let cluster = Cluster::shared();
    let prometheus = cluster
        .block_on(Prometheus::start(&cluster, NAMESPACE))
        .expect("Prometheus");
    let flags = ["--namespaced", "--namespace", NAMESPACE, "--leader-elect=false"];
    let kubeconfig = cluster.plane.kubeconfig();
    let trusts = [("SSL_CERT_FILE", prometheus.authority.as_os_str())];
    let _controller = child::controller_in(&trusts, &cluster, "stories", &kubeconfig, &flags).expect("a controller");
    let outcomes = cluster
        .block_on(play(&cluster, &prometheus))
        .expect("the stories are played");
    assert_eq!(outcomes.len(), 3);
    let wrong = outcomes
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.heading, one.failure.as_ref()?)));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    let queried = |run: &Value| run["spec"]["metrics"].to_string().contains("histogram_quantile");
    let runs = cluster.history.objects(RUNS, NAMESPACE);
    assert!(
        runs.iter()
            .any(|run| run["status"]["phase"] == "Successful" && queried(run)),
        "{runs:#?}"
    );
}

async fn play(cluster: &Cluster, prometheus: &Prometheus) -> anyhow::Result<Vec<Outcome>> {
    let options = Options {
        story: None,
        image: None,
        analysis: Analysis::Measured,
        metrics: Metrics::Honest,
        shown: Shown::Lines,
        afterwards: Afterwards::End,
        files: Vec::new(),
    };
    let mut stories = story::stories(&options)?;
    for object in stories.iter_mut().flat_map(|story| &mut story.objects) {
        match object["kind"].as_str() {
            Some("AnalysisTemplate") => with_promql(object, prometheus),
            Some("Rollout") => with_arguments(&mut object["spec"]["strategy"]),
            _ => {}
        }
    }
    let stage = Stage::on(cluster.plane.config("stories").await?, cluster.dial.clone());
    let mut show = Show::lines(Box::new(OfTests), Paint::Plain);
    let mut player = Player {
        client: stage.client("kubectl")?,
        scene: Scene::watch(&stage.cluster()?),
        stage,
        told: Told::default(),
        show: &mut show,
        stop: tokio_util::sync::CancellationToken::new(),
        patience: Duration::from_secs(180),
    };
    let mut outcomes = Vec::new();
    for story in &stories {
        outcomes.push(player.play(story).await?);
    }
    Ok(outcomes)
}

/// Where tests print: shown when they fail, or with `--nocapture`.
struct OfTests;

impl Write for OfTests {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        print!("{}", String::from_utf8_lossy(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same questions in PromQL, about the pods of one hash.
fn with_promql(template: &mut Value, prometheus: &Prometheus) {
    template["spec"]["args"] = json!([{"name": "hash"}]);
    for metric in template["spec"]["metrics"].as_array_mut().into_iter().flatten() {
        let scrape = &metric["provider"]["plugin"]["sluice/scrape"];
        let of = r#"hash="{{args.hash}}""#;
        let (query, limit, way) = if scrape["errorRate"].is_object() {
            let all = format!("sum(rate(http_requests_total{{{of}}}[6s]))");
            let errors = format!(r#"sum(rate(http_requests_total{{{of},status=~"5.."}}[6s]))"#);
            let password = json!({"authentication": {"basicAuth": {"username": USER, "password": PASSWORD}}});
            (format!("{errors} / {all}"), 0.05, password)
        } else {
            let buckets = format!("sum by (le) (rate(http_request_duration_seconds_bucket{{{of}}}[6s]))");
            let header = json!({"headers": [{"key": "Authorization", "value": AUTHORIZATION}]});
            (format!("histogram_quantile(0.99, {buckets})"), 0.25, header)
        };
        let mut provider = json!({"address": prometheus.address, "query": query});
        for (field, value) in way.as_object().into_iter().flatten() {
            provider[field] = value.clone();
        }
        metric["provider"] = json!({"prometheus": provider});
        metric["initialDelay"] = json!(SETTLED);
        metric["successCondition"] = json!(format!("len(result) > 0 && result[0] < {limit}"));
        metric["failureCondition"] = json!(format!("len(result) > 0 && result[0] >= {limit}"));
    }
}

fn with_arguments(strategy: &mut Value) {
    let arguments = json!([{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]);
    let steps = strategy.pointer_mut("/canary/steps").and_then(Value::as_array_mut);
    for analysis in steps.into_iter().flatten().filter_map(|step| step.get_mut("analysis")) {
        analysis["args"] = arguments.clone();
    }
    for place in ["/canary/analysis", "/blueGreen/prePromotionAnalysis"] {
        if let Some(analysis) = strategy.pointer_mut(place) {
            analysis["args"] = arguments.clone();
        }
    }
}

/// Prometheus lets in who has the password, and a certificate is believed if somebody trusted has signed it.
#[test]
#[ignore = "needs a control plane and Prometheus: `just cluster`"]
fn prometheus_is_asked_as_a_metric_says() {
    let cluster = Cluster::shared();
    let here = "asks-prometheus";
    cluster.block_on(cluster.namespace(here)).expect("a namespace");
    let prometheus = cluster.block_on(Prometheus::start(&cluster, here)).expect("Prometheus");
    let basic = json!({"authentication": {"basicAuth": {"username": USER, "password": PASSWORD}}});
    let header = json!({"headers": [{"key": "Authorization", "value": AUTHORIZATION}]});
    let wrong = json!({"authentication": {"basicAuth": {"username": USER, "password": "knock"}}});
    let careless = json!({"insecure": true, "authentication": basic["authentication"]});

    let kubeconfig = cluster.plane.kubeconfig();
    let flags = ["--namespaced", "--namespace", here, "--leader-elect=false"];
    let trusts = [("SSL_CERT_FILE", prometheus.authority.as_os_str())];
    let trusting = child::controller_in(&trusts, &cluster, "trusting", &kubeconfig, &flags).expect("a controller");
    let outcome = |name: &str, how: &Value| cluster.block_on(measured(&cluster, here, name, &prometheus.address, how));
    assert_eq!(outcome("basic", &basic), "Successful");
    assert_eq!(outcome("header", &header), "Successful");
    assert!(
        outcome("wrong", &wrong).contains("401"),
        "{}",
        outcome("wrong-again", &wrong)
    );
    drop(trusting);

    let distrusting = Config {
        namespace: here.to_owned(),
        ..Config::default()
    };
    let network = providers::Transport::network().expect("a network");
    let client = cluster.block_on(cluster.plane.client("sluice")).expect("a client");
    let forever = std::future::pending();
    let running = controller::app::run(distrusting, client, network, Arc::new(PodIp), forever);
    let running = cluster.spawn(running);
    let refused = outcome("unknown-authority", &basic);
    assert!(refused.contains("certificate"), "{refused}");
    assert_eq!(outcome("careless", &careless), "Successful");
    running.abort();
}

/// What one measurement of `vector(1)` comes to: its phase, or of an error the message.
async fn measured(cluster: &Cluster, namespace: &str, name: &str, address: &str, how: &Value) -> String {
    let mut provider = json!({"address": address, "query": "vector(1)"});
    for (field, value) in how.as_object().into_iter().flatten() {
        provider[field] = value.clone();
    }
    let metric = json!({
        "name": "one", "successCondition": "result[0] == 1", "consecutiveErrorLimit": 0,
        "provider": {"prometheus": provider},
    });
    let run = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": name},
        "spec": {"metrics": [metric]},
    });
    let path = super::history::of_namespace(RUNS, namespace);
    call(&cluster.client, Request::post(&path, &run)).await.expect("a run");
    let ended = cluster.wait_for(Duration::from_secs(60), |history| {
        let status = history.object(RUNS, namespace, name)?["status"].clone();
        let result = &status["metricResults"][0];
        match status["phase"].as_str()? {
            "Error" => Some(format!(
                "{} {}",
                result["message"], result["measurements"][0]["message"]
            )),
            phase @ ("Successful" | "Failed" | "Inconclusive") => Some(phase.to_owned()),
            _ => None,
        }
    });
    ended.await.unwrap_or_else(|| {
        panic!(
            "{name} does not end: {:?}",
            cluster.history.object(RUNS, namespace, name)
        )
    })
}
