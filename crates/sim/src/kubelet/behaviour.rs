//! How the containers of a pod behave: decided by the image's tag, then by the command, then by environment variables.
//!
//! | tag contains  | behaviour                                                                       |
//! |---------------|---------------------------------------------------------------------------------|
//! | `never-ready` | runs, never becomes ready                                                       |
//! | `flapping`    | ready for 3 s, not ready for 3 s, and so on                                     |
//! | `no-pull`     | ErrImagePull, then ImagePullBackOff                                             |
//! | `crash`       | exits with 1 a second after each start: CrashLoopBackOff                        |
//! | `slow-start`  | takes 10 s to become ready                                                      |
//! | `bad`         | one request in ten answers 500; one in twenty-five takes 420 to 620 ms          |
//! | `slow`        | one request in twenty-five takes 420 to 620 ms                                  |
//! | anything else | good: 5 to 20 ms, no errors                                                     |
//!
//! Environment variables of the first container win: `ERROR_RATE` (0.0 to 1.0), `LATENCY_MS`, `SLOW_RATE`, `SLOW_MS`,
//! `START_MS` (process start to ready), `DRAIN_MS`, `CRASH_AFTER_MS`, and `LYING_METRICS=true` (metrics that claim
//! every request succeeded quickly).

use super::{Commands, Pace};
use serde_json::Value;
use std::time::Duration;

/// Everything about a pod that its spec decides and its status does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    pub pace: Pace,
    pub course: Course,
    pub answers: Answers,
}

/// What becomes of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    Serves,
    NoImage,
    NeverReady,
    Crashes {
        after: Duration,
    },
    Flaps {
        ready_for: Duration,
        unready_for: Duration,
    },
    /// Its command is really run, and nobody knows yet how it ends.
    Runs,
    Completes {
        after: Duration,
        exit_code: i32,
    },
}

impl Course {
    /// The course of a pod whose commands are treated like this.
    pub(super) fn with(self, commands: Commands, command: &[String]) -> Self {
        match (commands, &self) {
            (Commands::Run, Course::Completes { .. }) if !command.is_empty() => Course::Runs,
            (
                Commands::Run | Commands::Imagined,
                Course::Serves
                | Course::NoImage
                | Course::NeverReady
                | Course::Crashes { .. }
                | Course::Flaps { .. }
                | Course::Runs
                | Course::Completes { .. },
            ) => self,
        }
    }
}

/// How the process answers requests. Deterministic: the pattern depends on the number of the request only.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The share of requests answered 500.
    pub error_rate: f64,
    /// Ordinary requests take between half and twice this.
    pub latency: Duration,
    /// The share of requests that are slow.
    pub slow_rate: f64,
    /// Slow requests take at least this, and up to 200 ms more.
    pub slow: Duration,
    pub metrics: Metrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    Honest,
    /// They claim that every request succeeded, and quickly.
    Lying,
}

impl Behaviour {
    /// The behaviour of `pod` on a node with the given pace.
    pub fn of(pod: &Value, pace: &Pace) -> Self {
        let container = &pod["spec"]["containers"][0];
        let mut pace = pace.clone();
        let mut answers = Answers::default();
        let mut course = Course::Serves;
        let tag = tag(container["image"].as_str().unwrap_or_default());
        match word(tag) {
            Some(Word::NeverReady) => course = Course::NeverReady,
            Some(Word::Flapping) => {
                let three = Duration::from_secs(3);
                course = Course::Flaps {
                    ready_for: three,
                    unready_for: three,
                };
            }
            Some(Word::NoPull) => course = Course::NoImage,
            Some(Word::Crash) => {
                course = Course::Crashes {
                    after: Duration::from_secs(1),
                }
            }
            Some(Word::SlowStart) => pace.start = Duration::from_secs(10),
            Some(Word::Bad) => {
                answers.error_rate = 0.1;
                answers.slow_rate = 0.04;
            }
            Some(Word::Slow) => answers.slow_rate = 0.04,
            None => {}
        }
        if pod["spec"]["restartPolicy"]
            .as_str()
            .is_some_and(|policy| policy != "Always")
            && course == Course::Serves
        {
            let (after, exit_code) = command(container);
            course = Course::Completes { after, exit_code };
        }
        let env = |name: &str| env(container, name);
        let number = |name: &str| {
            env(name)
                .and_then(|text| text.parse::<f64>().ok())
                .filter(|number| *number >= 0.0)
        };
        let millis = |name: &str| number(name).map(|ms| Duration::from_micros((ms * 1000.0) as u64));
        answers.error_rate = number("ERROR_RATE").unwrap_or(answers.error_rate).min(1.0);
        answers.slow_rate = number("SLOW_RATE").unwrap_or(answers.slow_rate).min(1.0);
        answers.latency = millis("LATENCY_MS").unwrap_or(answers.latency);
        answers.slow = millis("SLOW_MS").unwrap_or(answers.slow);
        if env("LYING_METRICS") == Some("true") {
            answers.metrics = Metrics::Lying;
        }
        pace.start = millis("START_MS").unwrap_or(pace.start) + before_ready(pod);
        pace.drain = millis("DRAIN_MS").unwrap_or(pace.drain);
        if let Some(after) = millis("CRASH_AFTER_MS") {
            course = Course::Crashes { after };
        }
        Behaviour { pace, course, answers }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Answers {
            error_rate: 0.0,
            latency: Duration::from_millis(10),
            slow_rate: 0.0,
            slow: Duration::from_millis(420),
            metrics: Metrics::Honest,
        }
    }
}

#[derive(Clone, Copy)]
enum Word {
    NeverReady,
    Flapping,
    NoPull,
    Crash,
    SlowStart,
    Bad,
    Slow,
}

/// The first row of the table above whose word the tag contains.
fn word(tag: &str) -> Option<Word> {
    const WORDS: [(&str, Word); 7] = [
        ("never-ready", Word::NeverReady),
        ("flapping", Word::Flapping),
        ("no-pull", Word::NoPull),
        ("crash", Word::Crash),
        ("slow-start", Word::SlowStart),
        ("bad", Word::Bad),
        ("slow", Word::Slow),
    ];
    WORDS.iter().find(|(text, _)| tag.contains(text)).map(|(_, word)| *word)
}

/// What follows the last colon, unless that colon belongs to a registry's port.
fn tag(image: &str) -> &str {
    image
        .rsplit_once(':')
        .map_or("", |(_, tag)| if tag.contains('/') { "" } else { tag })
}

fn env<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    container["env"]
        .as_array()?
        .iter()
        .find(|entry| entry["name"] == name)?["value"]
        .as_str()
}

/// What the spec adds to the start: the longest sleep of a postStart hook, then the longest initialDelaySeconds of a
/// readiness probe. Other hooks and probes take no time.
fn before_ready(pod: &Value) -> Duration {
    let longest = |of: fn(&Value) -> Duration| {
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        containers.map(of).max().unwrap_or_default()
    };
    let hook = |container: &Value| {
        let hook = &container["lifecycle"]["postStart"];
        match hook["sleep"]["seconds"].as_u64() {
            Some(seconds) => Duration::from_secs(seconds),
            None => command(&hook["exec"]).0,
        }
    };
    let probe = |container: &Value| {
        let seconds = container["readinessProbe"]["initialDelaySeconds"].as_u64();
        Duration::from_secs(seconds.unwrap_or(0))
    };
    longest(hook) + longest(probe)
}

/// How long a command runs and how it ends: `sleep N`, `exit N`, `true`, `false`, in a shell line or as plain words.
/// Anything else ends well at once.
fn command(container: &Value) -> (Duration, i32) {
    let words = |field: &str| {
        container[field]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let line = format!("{} {}", words("command"), words("args"));
    let mut after = Duration::ZERO;
    let mut tokens = line
        .split([' ', ';', '&', '\n'])
        .filter(|token| !token.is_empty())
        .peekable();
    while let Some(token) = tokens.next() {
        let argument = tokens
            .peek()
            .and_then(|next| next.parse::<f64>().ok())
            .filter(|number| *number >= 0.0);
        match (token, argument) {
            ("sleep", Some(seconds)) => after += Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 2),
            ("exit", Some(code)) => return (after, code as i32),
            ("false", _) => return (after, 1),
            _ => {}
        }
    }
    (after, 0)
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Course};
    use crate::kubelet::Pace;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn of(container: Value) -> Behaviour {
        Behaviour::of(&json!({"spec": {"containers": [container]}}), &Pace::default())
    }

    #[test]
    fn the_tag_decides_and_the_environment_overrides() {
        assert_eq!(of(json!({"image": "localhost:5000/web"})).course, Course::Serves);
        assert_eq!(of(json!({"image": "web:v2"})).answers.error_rate, 0.0);
        assert_eq!(of(json!({"image": "web:v2-bad"})).answers.error_rate, 0.1);
        assert_eq!(
            of(json!({"image": "web:slow-start"})).pace.start,
            Duration::from_secs(10)
        );
        assert_eq!(of(json!({"image": "web:slow-start"})).answers.slow_rate, 0.0);
        let tuned = of(
            json!({"image": "web:bad", "env": [{"name": "ERROR_RATE", "value": "0.5"}, {"name": "DRAIN_MS", "value": "7"}]}),
        );
        assert_eq!(
            (tuned.answers.error_rate, tuned.pace.drain),
            (0.5, Duration::from_millis(7))
        );
    }

    #[test]
    fn hooks_and_probes_take_their_time_before_a_pod_is_ready() {
        let hook = json!({"exec": {"command": ["sh", "-c", "sleep 3"]}});
        let slow = json!({"lifecycle": {"postStart": hook}, "readinessProbe": {"initialDelaySeconds": 4}});
        assert_eq!(of(slow).pace.start, Pace::default().start + Duration::from_secs(7));
        let sleeps = json!({"lifecycle": {"postStart": {"sleep": {"seconds": 2}}}});
        assert_eq!(of(sleeps).pace.start, Pace::default().start + Duration::from_secs(2));
    }

    #[test]
    fn the_command_of_a_job_decides_how_it_ends() {
        let ends = |command: Value| {
            let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"image": "sh", "command": command}]}});
            match Behaviour::of(&pod, &Pace::default()).course {
                Course::Completes { after, exit_code } => (after.as_millis(), exit_code),
                other => panic!("a job's pod ends, but this one {other:?}"),
            }
        };
        assert_eq!(ends(json!(["sh", "-c", "sleep 1.5 && exit 3"])), (1500, 3));
        assert_eq!(ends(json!(["false"])), (0, 1));
        assert_eq!(ends(json!(["sleep", "2"])), (2000, 0));
        assert_eq!(ends(json!(["echo", "hello"])), (0, 0));
    }
}
