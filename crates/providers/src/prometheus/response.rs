//! What Prometheus' HTTP API answered, as floats or as the error its own client would give.

use api::measured::Measured;
use http::StatusCode;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny};

use super::Success;

/// Reads an answer. Errors read `<type>: <message>`, as Prometheus' Go client writes them.
pub(crate) fn read(status: StatusCode, body: &[u8]) -> Result<Success, String> {
    if !status.is_success() {
        return Err(refusal(status, body));
    }
    let envelope: Envelope<Samples> = serde_json::from_slice(body).map_err(|why| format!("bad_response: {why}"))?;
    if envelope.status == "error" {
        return Err(format!("{}: {}", envelope.error_type, envelope.error));
    }
    let measured = match envelope.data.ok_or("bad_response: the answer holds no data")? {
        Samples::Scalar((_, Sample(value))) => Measured::Number(value),
        Samples::Vector(series) => Measured::Numbers(
            series
                .into_iter()
                .map(|series| series.value.map(|(_, Sample(value))| value))
                .collect::<Option<Vec<f64>>>()
                .ok_or(NOT_FLOATS)?,
        ),
        Samples::Matrix(series) => {
            if series.iter().any(|series| series.histograms.is_some()) {
                return Err(NOT_FLOATS.to_owned());
            }
            let samples = series.into_iter().flat_map(|series| series.values);
            Measured::Numbers(samples.map(|(_, Sample(value))| value).collect())
        }
        Samples::String(_) => return Err(NOT_FLOATS.to_owned()),
    };
    Ok(Success {
        measured,
        warnings: envelope.warnings,
    })
}

/// Strings, and native histograms: those have no value, and one must not be made up.
const NOT_FLOATS: &str = "Prometheus metric type not supported";

/// Only 400 and 422 carry Prometheus' own words; other bodies come from proxies.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let by_status = match status.as_u16() / 100 {
        4 => ("client_error", format!("client error: {}", status.as_u16())),
        5 => ("server_error", format!("server error: {}", status.as_u16())),
        _ => ("bad_response", format!("bad response code {}", status.as_u16())),
    };
    let own_words = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            serde_json::from_slice::<Envelope<IgnoredAny>>(body).ok()
        }
        _ => None,
    };
    let Some(envelope) = own_words else {
        return format!("{}: {}", by_status.0, by_status.1);
    };
    if envelope.status == "success" {
        return "bad_response: inconsistent body for response code".to_owned();
    }
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    let kind = or(envelope.error_type, by_status.0);
    format!("{kind}: {}", or(envelope.error, &by_status.1))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<D> {
    #[serde(default)]
    status: String,
    data: Option<D>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Samples {
    Scalar((f64, Sample)),
    Vector(Vec<VectorSeries>),
    Matrix(Vec<MatrixSeries>),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct VectorSeries {
    /// Absent on a native histogram.
    value: Option<(f64, Sample)>,
}

#[derive(Deserialize)]
struct MatrixSeries {
    #[serde(default)]
    values: Vec<(f64, Sample)>,
    histograms: Option<IgnoredAny>,
}

/// A value, which Prometheus sends as text for the sake of NaN and infinity.
struct Sample(f64);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map(Sample)
            .map_err(|_| D::Error::custom(format!("{text:?} is not a sample value")))
    }
}
