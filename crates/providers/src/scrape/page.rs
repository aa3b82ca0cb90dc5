//! Which counters of a page of metrics a question needs.

use super::config::Question;
use super::exposition::samples;
use super::window::{Counters, Reading};
use api::measured::Float;

pub(super) const REQUESTS: &str = "requests";
pub(super) const ERRORS: &str = "errors";

/// No histogram that a person wrote has more; the baseline could not hold it.
const MOST_BUCKETS: usize = 200;

impl Question {
    /// The series it is about, by name.
    pub(super) fn series(&self) -> String {
        match self {
            Question::ErrorRate { counter, .. } | Question::RequestRate { counter, .. } => counter.clone(),
            Question::Quantile { histogram, .. } => format!("{histogram}_bucket"),
        }
    }
}

/// Reads one page: all series of the pod summed up. No matching series, no counters.
///
/// # Errors
/// The page is not in Prometheus' text format, or what is asked for is no counter or histogram.
pub(super) fn read(question: &Question, page: &str) -> Result<Reading, String> {
    let series = question.series();
    let mut started = None;
    let mut counters = Counters::new();
    for sample in samples(page) {
        let sample = sample?;
        if sample.name == "process_start_time_seconds" && sample.labels.is_empty() {
            started = Some(sample.value).filter(|value| value.is_finite());
        }
        if sample.name != series {
            continue;
        }
        let mut add = |name: String, value: f64| *counters.entry(name).or_insert(0.0) += value;
        if !(0.0..f64::INFINITY).contains(&sample.value) {
            return Err(format!("{series} is {}, which no counter can be", Float(sample.value)));
        }
        match question {
            Question::ErrorRate { errors, only, .. } if only.matches(&sample) => {
                add(REQUESTS.to_owned(), sample.value);
                add(
                    ERRORS.to_owned(),
                    if errors.matches(&sample) { sample.value } else { 0.0 },
                );
            }
            Question::RequestRate { only, .. } if only.matches(&sample) => add(REQUESTS.to_owned(), sample.value),
            Question::Quantile { only, .. } if only.matches(&sample) => {
                let upper: Option<f64> = sample.label("le").parse().ok();
                let upper = upper.filter(|upper| !upper.is_nan()).ok_or_else(|| {
                    let le = sample.label("le");
                    format!("{series} has a bucket with le={le:?}")
                })?;
                add(Float(upper).to_string(), sample.value);
            }
            Question::ErrorRate { .. } | Question::RequestRate { .. } | Question::Quantile { .. } => {}
        }
    }
    if let Question::Quantile { .. } = question {
        if !counters.is_empty() && !counters.contains_key("+Inf") {
            return Err(format!("{series} has no bucket with le=\"+Inf\""));
        }
        if counters.len() > MOST_BUCKETS {
            return Err(format!("{series} has more than {MOST_BUCKETS} buckets"));
        }
    }
    Ok(Reading { started, counters })
}
