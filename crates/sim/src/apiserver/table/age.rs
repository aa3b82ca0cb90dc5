//! How long ago, in a person's words (`k8s.io/apimachinery/pkg/util/duration`).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// `5m3s`; `<unknown>` if there is no time.
pub(super) fn since(timestamp: &Value, now: DateTime<Utc>) -> String {
    let parsed = timestamp.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    parsed.map_or_else(|| "<unknown>".into(), |then| human(now - then))
}

/// A cell of type `date` of a custom kind.
pub(super) fn date(text: &str, now: DateTime<Utc>) -> String {
    text.parse::<DateTime<Utc>>()
        .map_or_else(|_| "<invalid>".into(), |then| human(now - then))
}

/// The two biggest units that matter.
pub(super) fn human(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{small_unit}"),
    };
    match seconds {
        ..-1 => "<invalid>".into(),
        -1 => "0s".into(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(days, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{days}d"),
        _ if hours < 24 * 365 * 8 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::human;
    use chrono::TimeDelta;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        for (seconds, expected) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (123, "2m3s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (9 * 3600, "9h"),
            (49 * 3600, "2d1h"),
            (400 * 86_400, "400d"),
            (800 * 86_400, "2y70d"),
        ] {
            assert_eq!(human(TimeDelta::seconds(seconds)), expected);
        }
    }
}
