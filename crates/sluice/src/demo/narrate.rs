//! What has happened, in a line each, with its reason: the cluster's Events, where rollouts stand, and what was measured.

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::{AnalysisRun, Measurement, MetricResult};
use api::rollout::{CanaryStep, Rollout};
use k8s_openapi::api::core::v1::Event;

use super::scene::Scene;
use crate::render::Colour;
use crate::standing;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// To whom: an object, or a part of the demo.
    pub who: String,
    pub what: String,
    pub colour: Colour,
}

/// What was told already.
#[derive(Debug, Default)]
pub struct Told {
    events: BTreeSet<String>,
    standings: BTreeMap<String, String>,
    measurements: BTreeSet<(String, String, String)>,
    phases: BTreeMap<String, String>,
}

impl Line {
    pub fn new(who: impl Into<String>, what: impl Into<String>, colour: Colour) -> Self {
        Line {
            who: who.into(),
            what: what.into(),
            colour,
        }
    }
}

impl Told {
    /// What is to be told now: all that has happened and was not told.
    pub fn news(&mut self, scene: &Scene) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut events: Vec<&Event> = scene.events().filter(|event| self.is_news(event)).collect();
        events.sort_by_key(|event| event.metadata.name.clone());
        for event in events {
            self.events.insert(event.metadata.uid.clone().unwrap_or_default());
            lines.push(of_event(event));
        }
        for run in scene.all_runs() {
            lines.extend(self.of_run(run));
        }
        for rollout in scene.rollouts() {
            lines.extend(self.of_rollout(rollout));
        }
        lines
    }

    fn is_news(&self, event: &Event) -> bool {
        let about = event.involved_object.kind.as_deref();
        let uid = event.metadata.uid.as_deref().unwrap_or_default();
        matches!(about, Some("Rollout" | "AnalysisRun")) && !self.events.contains(uid)
    }

    fn of_rollout(&mut self, rollout: &Rollout) -> Option<Line> {
        let name = rollout.metadata.name.clone().unwrap_or_default();
        let now = standing::standing(rollout);
        let mut text = now.line();
        if let (Some(step), Some((_, doing))) = (standing::step(rollout), standing::current_step(rollout)) {
            text = format!("{text} (step {step}: {})", doing_what(doing));
        }
        let colour = match now.phase.as_str() {
            "Healthy" => Colour::Green,
            "Degraded" => Colour::Red,
            "Paused" => Colour::Yellow,
            _ => Colour::Plain,
        };
        let before = self.standings.insert(name.clone(), text.clone());
        (before.as_ref() != Some(&text)).then(|| Line::new(name, text, colour))
    }

    fn of_run(&mut self, run: &AnalysisRun) -> Vec<Line> {
        let name = run.metadata.name.clone().unwrap_or_default();
        let status = run.status.clone().unwrap_or_default();
        let mut lines = Vec::new();
        for result in &status.metric_results {
            for measurement in &result.measurements {
                let Some(finished) = &measurement.finished_at else {
                    continue;
                };
                let id = (name.clone(), result.name.clone(), format!("{finished:?}"));
                if self.measurements.insert(id) {
                    lines.push(Line::new(
                        name.clone(),
                        measured(result, measurement),
                        tone(&measurement.phase),
                    ));
                }
            }
        }
        if !status.phase.is_empty() && self.phases.get(&name) != Some(&status.phase) {
            let why = match status.message.as_str() {
                "" => String::new(),
                message => format!(": {message}"),
            };
            lines.push(Line::new(
                name.clone(),
                format!("analysis is {}{why}", status.phase),
                tone(&status.phase),
            ));
            self.phases.insert(name, status.phase);
        }
        lines
    }
}

/// `measured error-rate = 0.0882: Failed (from 68 requests to 1 pod in 4.9 s)`
fn measured(result: &MetricResult, measurement: &Measurement) -> String {
    let fact = |name: &str| measurement.metadata.get(name).map(String::as_str);
    let basis = match (fact("requests"), fact("pods"), fact("window").and_then(seconds)) {
        (Some(requests), Some("1"), Some(window)) => format!(" (from {requests} requests to 1 pod in {window})"),
        (Some(requests), Some(pods), Some(window)) => format!(" (from {requests} requests to {pods} pods in {window})"),
        _ => String::new(),
    };
    let why = match measurement.message.as_str() {
        "" => String::new(),
        message => format!(": {message}"),
    };
    let value = match measurement.value.as_str() {
        "" => String::new(),
        value => format!(" = {}", rounded(value)),
    };
    format!("measured {}{value}: {}{basis}{why}", result.name, measurement.phase)
}

/// `4.9 s` of `4.954910472s`.
fn seconds(window: &str) -> Option<String> {
    let seconds: f64 = window.strip_suffix('s')?.parse().ok()?;
    Some(format!("{seconds:.1} s"))
}

/// Four digits after the point are enough for a person.
fn rounded(value: &str) -> String {
    match value.parse::<f64>() {
        Ok(number) if value.len() > 6 => format!("{number:.4}"),
        Ok(_) | Err(_) => value.to_owned(),
    }
}

fn of_event(event: &Event) -> Line {
    let who = event.involved_object.name.clone().unwrap_or_default();
    let reason = event.reason.as_deref().unwrap_or_default();
    let message = event.message.as_deref().unwrap_or_default();
    let colour = if event.type_.as_deref() == Some("Warning") {
        Colour::Red
    } else {
        Colour::Plain
    };
    Line::new(who, format!("{reason}: {message}"), colour)
}

fn tone(phase: &str) -> Colour {
    match phase {
        "Successful" => Colour::Green,
        "Failed" | "Error" => Colour::Red,
        "Inconclusive" => Colour::Yellow,
        _ => Colour::Plain,
    }
}

/// What a step does, in a few words.
fn doing_what(step: &CanaryStep) -> String {
    if let Some(weight) = step.set_weight {
        return format!("weight {weight} %");
    }
    if let Some(pause) = &step.pause {
        return match &pause.duration {
            Some(duration) => format!(
                "pause {}",
                serde_json::to_string(duration).unwrap_or_default().trim_matches('"')
            ),
            None => "pause until promoted".to_owned(),
        };
    }
    match (&step.analysis, &step.set_canary_scale) {
        (Some(_), _) => "analysis".to_owned(),
        (None, Some(_)) => "scale".to_owned(),
        (None, None) => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use api::analysis::{Measurement, MetricResult};
    use api::rollout::CanaryStep;
    use serde_json::{Value, json};

    use super::{doing_what, measured};

    #[test]
    fn a_measurement_is_told_with_what_it_rests_on() {
        let table = [
            (
                json!({"phase": "Failed", "value": "0.08823529411",
                       "metadata": {"requests": "68", "pods": "1", "window": "4.954910472s"}}),
                "measured rate = 0.0882: Failed (from 68 requests to 1 pod in 5.0 s)",
            ),
            (
                json!({"phase": "Successful", "message": "Metric Terminated"}),
                "measured rate: Successful: Metric Terminated",
            ),
            (
                json!({"phase": "Inconclusive", "value": "null"}),
                "measured rate = null: Inconclusive",
            ),
        ];
        for (measurement, want) in table {
            let measurement: Measurement = serde_json::from_value(measurement).expect("a measurement");
            let result = MetricResult {
                name: "rate".to_owned(),
                ..MetricResult::default()
            };
            assert_eq!(measured(&result, &measurement), want);
        }
    }

    #[test]
    fn a_step_is_told_in_a_few_words() {
        let told = |step: Value| doing_what(&serde_json::from_value::<CanaryStep>(step).expect("a step"));
        assert_eq!(told(json!({"setWeight": 10})), "weight 10 %");
        assert_eq!(told(json!({"pause": {"duration": "2s"}})), "pause 2s");
        assert_eq!(told(json!({"pause": {"duration": 30}})), "pause 30");
        assert_eq!(told(json!({"pause": {}})), "pause until promoted");
        assert_eq!(told(json!({"analysis": {}})), "analysis");
    }
}
