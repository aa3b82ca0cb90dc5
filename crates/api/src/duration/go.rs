//! Go's `time.ParseDuration` and `Duration.String`, which the wire speaks in every duration field.

use chrono::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Why a text is no duration, in Go's words. Messages reach the user (`invalid interval string: …`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    #[error("time: unknown unit {1:?} in duration {0:?}")]
    UnknownUnit(String, String),
}

/// Reads `300ms`, `1.5h`, `2h45m`, `-3s`; a bare number is an error, except `0`. Parts of a nanosecond are cut off.
pub fn parse_go_duration(text: &str) -> Result<Duration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::zero());
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let scale = nanos_per(unit).ok_or_else(|| DurationError::UnknownUnit(text.to_owned(), unit.to_owned()))?;
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| invalid())?
        };
        total = whole
            .checked_mul(scale)
            .and_then(|nanos| nanos.checked_add(fraction_of(fraction, scale)))
            .and_then(|nanos| nanos.checked_add(total))
            .filter(|nanos| *nanos <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = after;
    }
    // the most negative duration has no positive twin
    let nanos = if negative {
        0i64.checked_sub_unsigned(total)
    } else {
        i64::try_from(total).ok()
    };
    nanos.map(Duration::nanoseconds).ok_or_else(invalid)
}

/// Writes `1h30m0s`, `2.5s`, `300ms`, `0s`, as Go does.
pub fn format_go_duration(duration: Duration) -> String {
    let nanos = duration.num_nanoseconds().unwrap_or(if duration < Duration::zero() {
        i64::MIN
    } else {
        i64::MAX
    });
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{nanos}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(nanos, 1_000)),
        1_000_000..NANOS_PER_SECOND => format!("{sign}{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let minutes = nanos / (60 * NANOS_PER_SECOND);
            let seconds = decimal(nanos % (60 * NANOS_PER_SECOND), NANOS_PER_SECOND);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn nanos_per(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // both the micro sign and the Greek letter
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3600 * NANOS_PER_SECOND,
        _ => return None,
    })
}

/// `0.<digits>` of a unit, in whole nanoseconds. Go computes this in floating point; so do we, to agree in the last one.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0u64, 1f64);
    for digit in digits.bytes() {
        let Some(next) = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
        else {
            break;
        };
        if next > 1 << 63 {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn decimal(nanos: u64, unit: u64) -> String {
    let fraction = nanos % unit;
    if fraction == 0 {
        return (nanos / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    format!(
        "{}.{}",
        nanos / unit,
        format!("{fraction:0width$}").trim_end_matches('0')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_written_as_go_does() {
        for (text, written) in [
            ("0", "0s"),
            ("+0", "0s"),
            ("300ms", "300ms"),
            ("1.5h", "1h30m0s"),
            ("2h45m", "2h45m0s"),
            ("-3.5s", "-3.5s"),
            ("90s", "1m30s"),
            (".5m", "30s"),
            ("1.m", "1m0s"),
            ("1500us", "1.5ms"),
            ("7µs", "7µs"),
            ("7μs", "7µs"),
            ("100ns", "100ns"),
            ("1h0.000000001s", "1h0m0.000000001s"),
            ("9223372036854775807ns", "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(
                parse_go_duration(text).map(format_go_duration).as_deref(),
                Ok(written),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_in_gos_words() {
        for (text, why) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("10", "time: missing unit in duration \"10\""),
            ("1h5", "time: missing unit in duration \"1h5\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("1 h", "time: unknown unit \" h\" in duration \"1 h\""),
            (".s", "time: invalid duration \".s\""),
            ("abc", "time: invalid duration \"abc\""),
            (
                "9223372036854775808ns",
                "time: invalid duration \"9223372036854775808ns\"",
            ),
            ("3000000h", "time: invalid duration \"3000000h\""),
        ] {
            assert_eq!(parse_go_duration(text).unwrap_err().to_string(), why);
        }
    }
}
