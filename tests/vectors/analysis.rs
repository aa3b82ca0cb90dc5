//! Conditions and metric verdicts.

use api::analysis::{Measurement, Metric, MetricResult};
use api::duration::Time;
use api::measured::Measured;
use chrono::DateTime;
use engine::analysis::condition::holds;
use engine::analysis::{Course, Phase, verdict};
use serde_json::{Value, json};

/// `want` "true" and "false" exactly; where it is "error", anything but true. Source: wire-contract 4.4.
pub(super) fn condition(line: &Value) -> Result<(), String> {
    let condition = line["condition"].as_str().ok_or("no condition")?;
    // The day of the recordings: what `now()` says.
    let recorded = DateTime::from_timestamp(1_786_924_800, 0).ok_or("no instant")?;
    let got = holds(condition, &Measured::Json(line["result"].clone()), recorded);
    match (line["want"].as_str(), &got) {
        (Some("true"), Ok(true)) | (Some("false"), Ok(false)) | (Some("error"), Ok(false) | Err(_)) => Ok(()),
        (want, got) => Err(format!("{condition} of {}: want {want:?}, got {got:?}", line["result"])),
    }
}

/// The phase of a metric after each measurement, and the same had the run been terminated then. Source: 4.3.
pub(super) fn metric_verdict(line: &Value) -> Result<(), String> {
    let metric: Metric = serde_json::from_value(line["metric"].clone()).map_err(|e| e.to_string())?;
    let phases: Vec<String> = serde_json::from_value(line["measurements"].clone()).map_err(|e| e.to_string())?;
    let mut result = MetricResult {
        name: metric.name.clone(),
        ..MetricResult::default()
    };
    let (mut after_each, mut if_terminated) = (Vec::new(), Vec::new());
    for phase in phases {
        verdict::count(&mut result, Phase::of(&phase));
        let finished_at = Some(Time::new(DateTime::UNIX_EPOCH));
        result.measurements.push(Measurement {
            phase,
            finished_at,
            ..Measurement::default()
        });
        if_terminated.push(verdict::assess_metric(&metric, &result, Course::Terminating).as_str());
        result.phase = verdict::assess_metric(&metric, &result, Course::GoingOn)
            .as_str()
            .to_owned();
        after_each.push(result.phase.clone());
    }
    agree("wantPhaseAfterEach", &line["wantPhaseAfterEach"], &json!(after_each))?;
    agree(
        "wantPhaseIfTerminatedThen",
        &line["wantPhaseIfTerminatedThen"],
        &json!(if_terminated),
    )
}

fn agree(what: &str, want: &Value, got: &Value) -> Result<(), String> {
    if want == got {
        Ok(())
    } else {
        Err(format!("{what}: want {want}, got {got}"))
    }
}
