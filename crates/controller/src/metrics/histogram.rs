//! Observations by size.

use super::text::Page;

/// How many observations were no larger than each bound, how many there were, and their sum.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    bounds: &'static [f64],
    within: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    /// An empty one with these upper bounds, ascending.
    pub fn new(bounds: &'static [f64]) -> Self {
        Histogram {
            bounds,
            within: vec![0; bounds.len()],
            count: 0,
            sum: 0.0,
        }
    }

    /// Takes in one observation.
    pub fn observe(&mut self, value: f64) {
        for (within, bound) in self.within.iter_mut().zip(self.bounds) {
            *within += u64::from(value <= *bound);
        }
        self.count += 1;
        self.sum += value;
    }

    /// Its samples, in the family `name`.
    pub(super) fn write(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        let bucket = format!("{name}_bucket");
        let within = self.within.iter().copied().chain([self.count]);
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, within) in bounds.zip(within) {
            let bound = shown(bound);
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            page.sample(&bucket, &labels, within as f64);
        }
        page.sample(&format!("{name}_sum"), labels, self.sum);
        page.sample(&format!("{name}_count"), labels, self.count as f64);
    }
}

/// A bound as the original's library writes it, because dashboards select by it.
fn shown(bound: f64) -> String {
    if bound.is_infinite() {
        return "+Inf".to_owned();
    }
    if bound >= 0.0001 {
        return bound.to_string();
    }
    let text = format!("{bound:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_named_as_the_original_names_them() {
        let mut histogram = Histogram::new(&[1e-8, 0.01, 2.5, 30.0]);
        for value in [0.0, 0.005, 2.5, 99.0] {
            histogram.observe(value);
        }
        let mut page = Page::default();
        histogram.write(&mut page, "h", &[("a", "b")]);
        let expected = r#"h_bucket{a="b",le="1e-08"} 1
h_bucket{a="b",le="0.01"} 2
h_bucket{a="b",le="2.5"} 3
h_bucket{a="b",le="30"} 3
h_bucket{a="b",le="+Inf"} 4
h_sum{a="b"} 101.505
h_count{a="b"} 4
"#;
        assert_eq!(page.into_text(), expected);
    }
}
