//! Defaults of metrics and their limits.

use crate::amount::IntOrString;
use crate::analysis::{Metric, PrometheusMetric, WebMetric};

impl Metric {
    /// Measurements until the metric is done. `None`: without end. A nil or zero count is 1 without an interval, and
    /// without end with one.
    pub fn effective_count(&self) -> Option<i32> {
        match (limit(&self.count, 0), self.interval.as_str()) {
            (0, "") => Some(1),
            (0, _) => None,
            (count, _) => Some(count),
        }
    }

    /// 0; -1 switches it off.
    pub fn failure_limit(&self) -> i32 {
        limit(&self.failure_limit, 0)
    }

    /// 0.
    pub fn inconclusive_limit(&self) -> i32 {
        limit(&self.inconclusive_limit, 0)
    }

    /// 4.
    pub fn consecutive_error_limit(&self) -> i32 {
        limit(&self.consecutive_error_limit, 4)
    }

    /// 0, which switches it off.
    pub fn consecutive_success_limit(&self) -> i32 {
        limit(&self.consecutive_success_limit, 0)
    }
}

impl PrometheusMetric {
    /// 30 seconds.
    pub fn timeout(&self) -> i64 {
        self.timeout.unwrap_or(30)
    }
}

impl WebMetric {
    /// `GET`.
    pub fn method(&self) -> &str {
        if self.method.is_empty() { "GET" } else { &self.method }
    }

    /// 10 seconds.
    pub fn timeout_seconds(&self) -> i64 {
        if self.timeout_seconds == 0 {
            10
        } else {
            self.timeout_seconds
        }
    }

    /// `{$}`: the whole answer.
    pub fn json_path(&self) -> &str {
        if self.json_path.is_empty() {
            "{$}"
        } else {
            &self.json_path
        }
    }
}

fn limit(given: &Option<IntOrString>, default: i32) -> i32 {
    given.as_ref().map_or(default, IntOrString::as_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_without_an_interval_is_one() {
        let metric = |count: Option<i32>, interval: &str| {
            let count = count.map(IntOrString::Int);
            Metric {
                count,
                interval: interval.to_owned(),
                ..Metric::default()
            }
            .effective_count()
        };
        assert_eq!(metric(None, ""), Some(1));
        assert_eq!(metric(Some(0), "10s"), None);
        assert_eq!(metric(None, "10s"), None);
        assert_eq!(metric(Some(3), "10s"), Some(3));
    }
}
