//! The text format of Prometheus metrics, read line by line.
//!
//! Our own reader, as the crate prometheus-parse drops samples whose label values hold `}` and splits those that hold a
//! comma or an equals sign: with routes such as `/users/{id}` as labels, an error rate would be counted over the rest.

use std::borrow::Cow;

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) labels: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    pub(super) value: f64,
}

impl Sample<'_> {
    /// The value of a label; empty when it is not there, as in PromQL.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels
            .iter()
            .find_map(|(label, value)| (label == name).then_some(value.as_ref()))
            .unwrap_or("")
    }
}

/// All samples of a page. A line that is no sample makes the page unreadable, as it does for Prometheus: what else is
/// wrong with it cannot be known.
pub(super) fn samples(page: &str) -> impl Iterator<Item = Result<Sample<'_>, String>> {
    page.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let unreadable = || {
            let start: String = line.chars().take(60).collect();
            format!("line {} is not a Prometheus metric: {start:?}", at + 1)
        };
        Some(sample(line).ok_or_else(unreadable))
    })
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
    let (name, mut rest) = line.split_at(name_end?);
    let mut name = Cow::Borrowed(name);
    let mut labels = Vec::new();
    rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') {
            let (label, after) = label(rest)?;
            match label {
                // Prometheus 3 writes a name that is not of the old alphabet first and in quotes.
                (quoted_name, None) if name.is_empty() => name = quoted_name,
                (_, None) => return None,
                (label, Some(value)) => labels.push((label, value)),
            }
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None if rest.starts_with('}') => {}
                None => return None,
            }
        }
        rest = &rest[1..];
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // After the value: a timestamp, and in OpenMetrics an exemplar behind `#`. Neither is needed.
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    let timestamp_fits = match words.next() {
        None | Some("#") => true,
        Some(timestamp) => timestamp.parse::<f64>().is_ok(),
    };
    timestamp_fits.then_some(Sample { name, labels, value })
}

type Label<'t> = (Cow<'t, str>, Option<Cow<'t, str>>);

/// `name="value"` or `"name"`, and what follows.
fn label(text: &str) -> Option<(Label<'_>, &str)> {
    let (name, rest) = if text.starts_with('"') {
        quoted(text)?
    } else {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
        let (name, rest) = text.split_at(end);
        (Cow::Borrowed(name), rest)
    };
    match rest.trim_start().strip_prefix('=') {
        Some(_) if name.is_empty() => None,
        Some(rest) => quoted(rest.trim_start()).map(|(value, rest)| ((name, Some(value)), rest)),
        None => text.starts_with('"').then_some(((name, None), rest)),
    }
}

/// A text in quotes, with `\\`, `\"` and `\n` in it, and what follows.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut unescaped: Option<String> = None;
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let value = unescaped.map_or(Cow::Borrowed(&inside[..at]), Cow::Owned);
                return Some((value, &inside[at + 1..]));
            }
            '\\' => {
                let so_far = unescaped.get_or_insert_with(|| inside[..at].to_owned());
                match chars.next()?.1 {
                    'n' => so_far.push('\n'),
                    escaped @ ('"' | '\\') => so_far.push(escaped),
                    other => so_far.extend(['\\', other]),
                }
            }
            c => {
                if let Some(so_far) = &mut unescaped {
                    so_far.push(c);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(page: &str) -> String {
        let show = |sample: Result<Sample<'_>, String>| match sample {
            Ok(sample) => {
                let labels: Vec<String> = sample.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("{}[{}] {}", sample.name, labels.join("|"), sample.value)
            }
            Err(why) => why,
        };
        samples(page).map(show).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lines() {
        let table = [
            ("", ""),
            ("# HELP a b\n# TYPE a counter\n\n  a 1", "a[] 1"),
            ("a:b_c 1.5e3 1700000000000", "a:b_c[] 1500"),
            ("a{} NaN", "a[] NaN"),
            ("a{x=\"1\",y=\"2\",} +Inf", "a[x=1|y=2] inf"),
            ("a { x = \"1\" , y=\"2\" } -Inf", "a[x=1|y=2] -inf"),
            (
                "a{path=\"/users/{id},x=1\",le=\"0.5\"} 7",
                "a[path=/users/{id},x=1|le=0.5] 7",
            ),
            (r#"a{x="q\"b\\s\nn"} 1"#, "a[x=q\"b\\s\nn] 1"),
            ("{\"a.b\",x=\"1\"} 1", "a.b[x=1] 1"),
            ("a_bucket{le=\"1\"} 3 # {trace=\"t\"} 0.5", "a_bucket[le=1] 3"),
            ("a 1\r\nb 2\r\n", "a[] 1\nb[] 2"),
            ("a", "line 1 is not a Prometheus metric: \"a\""),
            ("a 1\nb one", "a[] 1\nline 2 is not a Prometheus metric: \"b one\""),
            ("a 1 soon", "line 1 is not a Prometheus metric: \"a 1 soon\""),
            ("1a 1", "line 1 is not a Prometheus metric: \"1a 1\""),
            ("a{x=1} 1", "line 1 is not a Prometheus metric: \"a{x=1} 1\""),
            ("a{x=\"1} 1", "line 1 is not a Prometheus metric: \"a{x=\\\"1} 1\""),
            ("a{x=\"1\"", "line 1 is not a Prometheus metric: \"a{x=\\\"1\\\"\""),
            (
                "a{x=\"1\" y=\"2\"} 1",
                "line 1 is not a Prometheus metric: \"a{x=\\\"1\\\" y=\\\"2\\\"} 1\"",
            ),
            ("a{\"b\"} 1", "line 1 is not a Prometheus metric: \"a{\\\"b\\\"} 1\""),
            (
                "<!doctype html>",
                "line 1 is not a Prometheus metric: \"<!doctype html>\"",
            ),
        ];
        for (page, want) in table {
            assert_eq!(shown(page), want, "{page}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(page in "[a{}\"\\\\=,1 \n#é]{0,40}") {
            samples(&page).for_each(drop);
        }

        #[test]
        fn label_values_come_back(value in any::<String>()) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let page = format!("a{{x=\"{escaped}\"}} 1");
            let sample = samples(&page).next().unwrap().unwrap();
            prop_assert_eq!(sample.label("x"), value);
        }
    }
}
