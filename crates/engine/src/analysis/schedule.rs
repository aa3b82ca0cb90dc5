//! When a metric is measured next.
//!
//! Source: wire-contract 4.3 "Task generation", "Next reconcile". A measurement is due one interval after the last one
//! *finished*, in whole seconds: from start to start that is the interval plus the time the provider took, cut to
//! seconds. Nothing adds up from one measurement to the next.

use api::analysis::{Measurement, Metric, MetricResult};
use api::duration::Time;
use chrono::{DateTime, TimeDelta, Utc};

use super::phase::{Course, Phase};
use super::verdict::is_unfinished;

/// What a metric needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Next<'a> {
    /// Nothing more.
    Nothing,
    /// A new measurement now.
    Start,
    /// The unfinished measurement looked at again now.
    Resume(&'a Measurement),
    /// The unfinished measurement brought to an end now.
    Terminate(&'a Measurement),
    /// Nothing before this instant.
    Wait { until: DateTime<Utc>, why: Wait },
}

/// What a metric waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    InitialDelay,
    Interval,
    /// After an error, or without an interval: ten seconds.
    Retry,
    Resume,
}

/// What a metric needs at `now`. `started`: when the run started, once that is known.
pub fn next<'a>(
    metric: &Metric,
    result: Option<&'a MetricResult>,
    started: Option<Time>,
    course: Course,
    now: DateTime<Utc>,
) -> Next<'a> {
    if result.is_some_and(|result| Phase::of(&result.phase).is_completed()) {
        return Next::Nothing;
    }
    let last = result.and_then(|result| result.measurements.last());
    if let Some(last) = last.filter(|last| is_unfinished(last)) {
        return match (course, last.resume_at) {
            (Course::Terminating, _) => Next::Terminate(last),
            (Course::GoingOn, Some(at)) if at.0 > now => Next::Wait {
                until: at.0,
                why: Wait::Resume,
            },
            (Course::GoingOn, _) => Next::Resume(last),
        };
    }
    if course == Course::Terminating {
        return Next::Nothing;
    }
    let Some(last) = last else {
        let Some(delay) = delay(&metric.initial_delay) else {
            return Next::Start;
        };
        // The delay counts from the start of the run, which this very pass may be the one to write down.
        let until = started.map_or(now, |started| started.0) + delay;
        return if until > now {
            Next::Wait {
                until,
                why: Wait::InitialDelay,
            }
        } else {
            Next::Start
        };
    };
    if metric
        .effective_count()
        .is_some_and(|count| result.is_some_and(|result| result.count >= count))
    {
        return Next::Nothing;
    }
    let (wait, why) = match (Phase::of(&last.phase), delay(&metric.interval)) {
        (Phase::Error, _) | (_, None) => (RETRY, Wait::Retry),
        (_, Some(interval)) => (interval, Wait::Interval),
    };
    let until = last.finished_at.map_or(now, |at| at.0) + wait;
    if until > now {
        Next::Wait { until, why }
    } else {
        Next::Start
    }
}

const RETRY: TimeDelta = TimeDelta::seconds(10);

/// A duration of the spec; `None` where there is none. One that does not parse was refused by [`super::validate`].
fn delay(text: &str) -> Option<TimeDelta> {
    if text.is_empty() {
        None
    } else {
        api::duration::parse_go_duration(text).ok()
    }
}
