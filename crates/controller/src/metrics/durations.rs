//! How long updates took, and how long people made them wait.
//!
//! Source: wire-contract 8.4 and 3.20.

use std::collections::BTreeMap;

use api::rollout::{DurationStatus, RolloutStatus};
use serde_json::Value;

use super::histogram::Histogram;
use super::text::Page;

const WHOLE: &[f64] = &[
    30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0,
];
const WORKING: &[f64] = &[30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
const WAITING: &[f64] = &[0.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0];

/// One of the three.
type Part = fn(&Took) -> &Histogram;

/// Finished updates by how they ended.
#[derive(Debug, Default)]
pub(super) struct Durations(BTreeMap<String, Took>);

#[derive(Debug)]
struct Took {
    whole: Histogram,
    working: Histogram,
    waiting: Histogram,
}

impl Default for Took {
    fn default() -> Self {
        Took {
            whole: Histogram::new(WHOLE),
            working: Histogram::new(WORKING),
            waiting: Histogram::new(WAITING),
        }
    }
}

impl Durations {
    /// A status was written over the one that is recorded; if an update ended by it, that is counted.
    pub(super) fn recorded(&mut self, before: Option<&RolloutStatus>, difference: &Value) {
        let Some(ended) = ended(before, difference) else { return };
        let (Some(start), Some(end)) = (ended.rollout_started_at, ended.finished_at) else {
            return;
        };
        let whole = (end.0 - start.0).num_seconds() as f64;
        let waiting = ended.total_manual_pause_duration_seconds.unwrap_or(0) as f64;
        let took = self.0.entry(ended.completion_status).or_default();
        took.whole.observe(whole);
        took.waiting.observe(waiting);
        took.working.observe((whole - waiting).max(0.0));
    }

    pub(super) fn write(&self, page: &mut Page) {
        let families: [(&str, &str, Part); 3] = [
            ("rollout_duration_seconds", "Seconds that updates took.", |took| {
                &took.whole
            }),
            (
                "rollout_progression_duration_seconds",
                "Seconds that updates took, without waiting for people.",
                |took| &took.working,
            ),
            (
                "rollout_manual_pause_duration_seconds",
                "Seconds that updates waited for people.",
                |took| &took.waiting,
            ),
        ];
        for (family, help, of) in families {
            page.family(family, "histogram", help);
            for (status, took) in &self.0 {
                of(took).write(page, family, &[("status", status)]);
            }
        }
    }
}

/// The clock of an update that this difference stops.
fn ended(before: Option<&RolloutStatus>, difference: &Value) -> Option<DurationStatus> {
    let change = difference.get("duration")?;
    change.get("finishedAt")?.as_str()?;
    let recorded = before.and_then(|status| status.duration.clone()).unwrap_or_default();
    let mut whole = serde_json::to_value(recorded).ok()?;
    json_patch::merge(&mut whole, change);
    let ended: DurationStatus = serde_json::from_value(whole).ok()?;
    (!ended.completion_status.is_empty()).then_some(ended)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_is_counted_by_the_write_that_ends_it() {
        let before = json!({"duration": {"rolloutStartedAt": "2026-01-01T00:00:00Z",
                                         "totalManualPauseDurationSeconds": 50}});
        let before: RolloutStatus = serde_json::from_value(before).unwrap();
        let mut durations = Durations::default();
        let end = json!({"finishedAt": "2026-01-01T00:01:30Z", "completionStatus": "Promoted"});
        let writes = [
            json!({"readyReplicas": 1}),
            json!({"duration": {"manualPauseStartedAt": "2026-01-01T00:00:10Z"}}),
            json!({"duration": {"finishedAt": null}}),
            json!({ "duration": end }),
        ];
        for difference in &writes {
            durations.recorded(Some(&before), difference);
        }
        let mut page = Page::default();
        durations.write(&mut page);
        let text = page.into_text();
        let sums: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("_sum") || line.contains("_count"))
            .collect();
        let expected = [
            r#"rollout_duration_seconds_sum{status="Promoted"} 90"#,
            r#"rollout_duration_seconds_count{status="Promoted"} 1"#,
            r#"rollout_progression_duration_seconds_sum{status="Promoted"} 40"#,
            r#"rollout_progression_duration_seconds_count{status="Promoted"} 1"#,
            r#"rollout_manual_pause_duration_seconds_sum{status="Promoted"} 50"#,
            r#"rollout_manual_pause_duration_seconds_count{status="Promoted"} 1"#,
        ];
        assert_eq!(sums, expected);
    }
}
