//! What the metrics of a story are: scripted answers, by metric name.

use std::collections::BTreeMap;

use api::measured::Measured;
use engine::analysis::Outcome;
use serde_json::Value;

/// Answers by metric: one after the other, the last one for ever. A metric without a script answers 1.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, Vec<Value>>);

impl Metrics {
    /// From now on the metric gives these values; a string that begins with `error:` is a provider error.
    pub fn set(&mut self, metric: &str, values: Vec<Value>) {
        self.0.insert(metric.to_owned(), values);
    }

    /// The next value of the metric.
    pub fn value(&mut self, metric: &str) -> Value {
        match self.0.get_mut(metric) {
            Some(values) if values.len() > 1 => values.remove(0),
            Some(values) => values.first().cloned().unwrap_or(Value::Null),
            None => Value::from(1),
        }
    }

    pub(super) fn answer(&mut self, metric: &str) -> Outcome {
        let value = self.value(metric);
        if let Some(why) = value.as_str().and_then(|text| text.strip_prefix("error:")) {
            return Outcome::Error(why.trim().to_owned());
        }
        let measured = value.as_f64().map_or(Measured::Json(value.clone()), Measured::Number);
        Outcome::Measured {
            text: measured.to_string(),
            value: measured,
            note: String::new(),
        }
    }
}
