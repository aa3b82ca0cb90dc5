//! Gauges about analysis: runs, their metrics, templates. Source: wire-contract 8.4.

use api::analysis::{AnalysisRun, Metric, MetricProvider, phase};

use super::{named, switched};
use crate::cache::Shelves;
use crate::kind::Name;
use crate::metrics::text::Page;

const PHASES: [&str; 6] = [
    phase::PENDING,
    phase::ERROR,
    phase::FAILED,
    phase::SUCCESSFUL,
    phase::RUNNING,
    phase::INCONCLUSIVE,
];

pub(super) fn write(page: &mut Page, shelves: &Shelves) {
    let runs = || shelves.runs.iter().map(|(name, seen)| (name, &*seen.object));
    page.family("analysis_run_info", "gauge", "Information about an AnalysisRun.");
    for (name, run) in runs() {
        page.sample("analysis_run_info", &named(name, &[("phase", phase_of(run))]), 1.0);
    }
    page.family(
        "analysis_run_phase",
        "gauge",
        "Deprecated: analysis_run_info has the phase.",
    );
    for (name, run) in runs() {
        switched(page, "analysis_run_phase", name, &[], &PHASES, shown(phase_of(run)));
    }
    let family = "analysis_run_metric_type";
    page.family(family, "gauge", "How a metric of an AnalysisRun is measured.");
    for (name, run) in runs() {
        for metric in &run.spec.metrics {
            let labels = [("metric", metric.name.as_str()), ("type", provider(metric))];
            page.sample(family, &named(name, &labels), 1.0);
        }
    }
    let family = "analysis_run_metric_phase";
    page.family(family, "gauge", "How a metric of an AnalysisRun stands.");
    for (name, run) in runs() {
        metric_phases(page, family, name, run);
    }
    templates(page, shelves);
}

fn metric_phases(page: &mut Page, family: &str, name: &Name, run: &AnalysisRun) {
    for metric in &run.spec.metrics {
        let results = run.status.iter().flat_map(|status| &status.metric_results);
        let mut of_metric = results.filter(|result| result.name == metric.name);
        let (standing, dry) = of_metric
            .next()
            .map_or(("", false), |result| (result.phase.as_str(), result.dry_run));
        let labels = [
            ("metric", metric.name.as_str()),
            ("type", provider(metric)),
            ("dry_run", if dry { "true" } else { "false" }),
        ];
        switched(page, family, name, &labels, &PHASES, shown(standing));
    }
}

fn templates(page: &mut Page, shelves: &Shelves) {
    let all = || {
        let kinds = [&shelves.templates, &shelves.cluster_templates];
        kinds.into_iter().flat_map(|shelf| shelf.iter())
    };
    let family = "analysis_template_info";
    page.family(
        family,
        "gauge",
        "Information about an AnalysisTemplate or a ClusterAnalysisTemplate.",
    );
    for (name, _) in all() {
        page.sample(family, &named(name, &[]), 1.0);
    }
    let family = "analysis_template_metric_info";
    page.family(family, "gauge", "How a metric of a template is measured.");
    for (name, seen) in all() {
        for metric in &seen.object.metrics {
            let labels = [("type", provider(metric)), ("metric", metric.name.as_str())];
            page.sample(family, &named(name, &labels), 1.0);
        }
    }
}

fn phase_of(run: &AnalysisRun) -> &str {
    run.status.as_ref().map_or("", |status| status.phase.as_str())
}

/// What has no phase yet is pending.
fn shown(phase: &str) -> &str {
    if phase.is_empty() { phase::PENDING } else { phase }
}

/// The provider of a metric, as the original's label has it.
fn provider(metric: &Metric) -> &'static str {
    let MetricProvider {
        prometheus,
        kayenta,
        web,
        datadog,
        wavefront,
        new_relic,
        job,
        cloud_watch,
        graphite,
        influxdb,
        skywalking,
        plugin,
    } = &metric.provider;
    let named = [
        (prometheus.is_some(), "Prometheus"),
        (kayenta.is_some(), "Kayenta"),
        (web.is_some(), "WebMetric"),
        (datadog.is_some(), "Datadog"),
        (wavefront.is_some(), "Wavefront"),
        (new_relic.is_some(), "NewRelic"),
        (job.is_some(), "Job"),
        (cloud_watch.is_some(), "CloudWatch"),
        (graphite.is_some(), "Graphite"),
        (influxdb.is_some(), "Influxdb"),
        (skywalking.is_some(), "SkyWalking"),
        (!plugin.is_empty(), "Plugin"),
    ];
    named
        .into_iter()
        .find(|(set, _)| *set)
        .map_or("Unknown", |(_, name)| name)
}
