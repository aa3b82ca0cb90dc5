use super::*;
use serde_json::{Value, json};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).expect("an instant")
}

fn seconds(at: DateTime<Utc>) -> i64 {
    at.timestamp() - 1_700_000_000
}

/// A run that is played hop by hop, as the edge would: the status of each plan is seen in the next hop, tasks are in
/// flight until their answer comes.
struct Play {
    seen: RunSnapshot,
    given: BTreeMap<String, Task>,
}

impl Play {
    fn of(spec: Value) -> Play {
        let run = serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "r"}, "spec": spec
        }));
        let seen = RunSnapshot {
            now: at(0),
            run: run.expect("a run"),
            answers: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            secrets: Secrets::new(),
        };
        Play {
            seen,
            given: BTreeMap::new(),
        }
    }

    /// One hop at this second, with these answers to the tasks given out before.
    fn hop(&mut self, second: i64, answers: &[(&str, Outcome)]) -> String {
        self.seen.now = at(second);
        self.seen.answers.clear();
        for (name, outcome) in answers {
            let task = self
                .given
                .remove(*name)
                .unwrap_or_else(|| panic!("{name} was not asked for"));
            let answer = Answer {
                task,
                started: at(second),
                finished: at(second),
                outcome: outcome.clone(),
                metadata: BTreeMap::new(),
                result_metadata: BTreeMap::new(),
            };
            self.seen.answers.insert((*name).to_owned(), answer);
        }
        self.seen.in_flight = self.given.keys().cloned().collect();
        let plan = decide_run(&self.seen);
        self.given
            .extend(plan.tasks.iter().map(|task| (task.name.clone(), task.clone())));
        self.seen.run.status = Some(plan.status.clone());
        show(&plan)
    }
}

/// A plan in one line.
fn show(plan: &RunPlan) -> String {
    let mut parts = vec![plan.status.phase.clone()];
    if !plan.status.message.is_empty() {
        parts.push(format!("({})", plan.status.message));
    }
    for result in &plan.status.metric_results {
        parts.push(format!(
            "{}={}/{}",
            result.name,
            result.phase,
            result.measurements.len()
        ));
    }
    for task in &plan.tasks {
        let action = match &task.action {
            Action::Start => "start",
            Action::Resume(_) => "resume",
            Action::Terminate(_) => "terminate",
        };
        parts.push(format!("{action} {}#{}", task.name, task.attempt));
    }
    parts.extend(plan.secrets.iter().map(|name| format!("read {name}")));
    parts.extend(plan.notices.iter().map(|notice| format!("!{}", notice.reason)));
    parts.extend(plan.forgotten.iter().map(|gone| format!("-{}", gone.metric)));
    parts.extend(plan.wake.map(|at| format!("@{}", seconds(at))));
    if plan.delete {
        parts.push("delete".to_owned());
    }
    parts.join(" ")
}

fn value(value: Value) -> Outcome {
    Outcome::Measured {
        text: value.to_string(),
        value: Measured::Json(value),
        note: String::new(),
    }
}

fn decided(phase: Phase, resume_at: Option<i64>) -> Outcome {
    Outcome::Decided {
        phase,
        message: String::new(),
        text: String::new(),
        resume_at: resume_at.map(at),
    }
}

fn web(name: &str, more: Value) -> Value {
    let mut metric = json!({"name": name, "provider": {"web": {"url": "http://x"}}});
    for (key, value) in more.as_object().expect("fields") {
        metric[key] = value.clone();
    }
    metric
}

fn job(name: &str) -> Value {
    json!({"name": name, "provider": {"job": {"spec": {}}}})
}

#[test]
fn one_measurement_is_enough_without_an_interval() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"successCondition": "result > 0.9"}))]}));
    assert_eq!(play.hop(0, &[]), "Running start m#1");
    assert_eq!(play.hop(1, &[]), "Running");
    assert_eq!(
        play.hop(2, &[("m", value(json!(0.95)))]),
        "Successful m=Successful/1 !MetricSuccessful !AnalysisRunSuccessful"
    );
    assert_eq!(play.hop(3, &[]), "Successful m=Successful/1");
}

#[test]
fn a_count_is_measured_every_interval() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"interval": "1m", "count": 2}))]}));
    assert_eq!(play.hop(0, &[]), "Running start m#1");
    assert_eq!(play.hop(2, &[("m", value(json!(1)))]), "Running m=Running/1 @62");
    assert_eq!(play.hop(61, &[]), "Running m=Running/1 @62");
    assert_eq!(play.hop(62, &[]), "Running m=Running/1 start m#2");
    assert_eq!(
        play.hop(63, &[("m", value(json!(1)))]),
        "Successful m=Successful/2 !MetricSuccessful !AnalysisRunSuccessful"
    );
}

#[test]
fn an_error_is_tried_again_after_ten_seconds_and_is_not_counted() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"consecutiveErrorLimit": 1}))]}));
    assert_eq!(play.hop(0, &[]), "Running start m#1");
    assert_eq!(
        play.hop(0, &[("m", Outcome::Error("no".into()))]),
        "Running m=Running/1 @10"
    );
    assert_eq!(play.hop(10, &[]), "Running m=Running/1 start m#2");
    assert_eq!(
        play.hop(11, &[("m", Outcome::Error("no".into()))]),
        concat!(
            "Error (Metric \"m\" assessed Error due to consecutiveErrors (2) > consecutiveErrorLimit (1): \"Error Message: no\")",
            " m=Error/2 !MetricError !AnalysisRunError"
        )
    );
}

#[test]
fn the_first_metric_waits_for_its_delay() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"initialDelay": "30s"}))]}));
    assert_eq!(play.hop(0, &[]), "Running @30");
    assert_eq!(play.hop(30, &[]), "Running start m#1");
}

#[test]
fn a_failed_metric_ends_the_run_without_waiting_for_a_slow_query() {
    let mut play =
        Play::of(json!({"metrics": [web("bad", json!({"failureCondition": "true"})), web("slow", json!({}))]}));
    assert_eq!(play.hop(0, &[]), "Running start bad#1 start slow#1");
    assert_eq!(
        play.hop(1, &[("bad", value(json!(1)))]),
        "Running bad=Failed/1 !MetricFailed"
    );
    assert_eq!(
        play.hop(2, &[]),
        "Failed (Metric \"bad\" assessed Failed due to failed (1) > failureLimit (0)) bad=Failed/1 !AnalysisRunFailed"
    );
}

#[test]
fn a_job_is_terminated_before_the_run_is_over() {
    let mut play = Play::of(json!({"metrics": [web("bad", json!({"failureCondition": "true"})), job("j")]}));
    assert_eq!(play.hop(0, &[]), "Running start bad#1 start j#1");
    assert_eq!(
        play.hop(1, &[("bad", value(json!(1)))]),
        "Running bad=Failed/1 !MetricFailed"
    );
    assert_eq!(
        play.hop(2, &[]),
        "Running bad=Failed/1",
        "the job that is being started is awaited"
    );
    assert_eq!(
        play.hop(3, &[("j", decided(Phase::Running, Some(5)))]),
        "Running bad=Failed/1 j=Running/1 terminate j#1"
    );
    assert_eq!(
        play.hop(4, &[("j", decided(Phase::Inconclusive, None))]),
        concat!(
            "Failed (Metric \"bad\" assessed Failed due to failed (1) > failureLimit (0))",
            " bad=Failed/1 j=Inconclusive/1 !MetricInconclusive !AnalysisRunFailed"
        )
    );
    let results = &play.seen.run.status.as_ref().expect("a status").metric_results;
    assert_eq!(results[1].message, "Metric Terminated");
}

#[test]
fn a_job_is_looked_at_again_when_it_says() {
    let mut play = Play::of(json!({"metrics": [job("j")]}));
    assert_eq!(play.hop(0, &[]), "Running start j#1");
    assert_eq!(
        play.hop(1, &[("j", decided(Phase::Running, Some(4)))]),
        "Running j=Running/1 @4"
    );
    assert_eq!(play.hop(4, &[]), "Running j=Running/1 resume j#1");
    assert_eq!(
        play.hop(5, &[("j", decided(Phase::Inconclusive, None))]),
        concat!(
            "Inconclusive (Metric \"j\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0))",
            " j=Inconclusive/1 !MetricInconclusive !AnalysisRunInconclusive"
        )
    );
}

#[test]
fn a_run_that_is_told_to_ends() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"interval": "1m"}))]}));
    assert_eq!(play.hop(0, &[]), "Running start m#1");
    assert_eq!(play.hop(1, &[("m", value(json!(1)))]), "Running m=Running/1 @61");
    play.seen.run.spec.terminate = true;
    assert_eq!(
        play.hop(2, &[]),
        "Successful (Run Terminated) m=Successful/1 !MetricSuccessful !AnalysisRunSuccessful"
    );
}

#[test]
fn a_dry_run_metric_only_says_what_it_would_have_said() {
    let mut play = Play::of(json!({
        "metrics": [web("m", json!({"failureCondition": "true"})), web("n", json!({}))], "dryRun": [{"metricName": "m"}]
    }));
    assert_eq!(play.hop(0, &[]), "Running start m#1 start n#1");
    assert_eq!(
        play.hop(1, &[("m", value(json!(1))), ("n", value(json!(1)))]),
        "Successful m=Failed/1 n=Successful/1 !MetricFailed !MetricSuccessful !AnalysisRunSuccessful"
    );
    let status = play.seen.run.status.expect("a status");
    assert_eq!(
        status.metric_results[0].message,
        "Metric assessed Failed due to failed (1) > failureLimit (0)"
    );
    assert_eq!(
        serde_json::to_value(status.run_summary).expect("json"),
        json!({"count": 1, "successful": 1})
    );
    assert_eq!(
        serde_json::to_value(status.dry_run_summary).expect("json"),
        json!({"count": 1, "failed": 1})
    );
}

#[test]
fn an_answer_shown_twice_is_counted_once() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"interval": "1m"}))]}));
    play.hop(0, &[]);
    play.hop(1, &[("m", value(json!(1)))]);
    let plan = decide_run(&play.seen);
    assert_eq!(Some(&plan.status), play.seen.run.status.as_ref());
    assert_eq!(plan.status.metric_results[0].count, 1);
}

#[test]
fn secrets_are_asked_for_used_and_hidden() {
    let mut metric = web("m", json!({}));
    metric["provider"]["web"]["url"] = json!("http://x?t={{args.t}}");
    let args = json!([{"name": "t", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    let mut play = Play::of(json!({"metrics": [metric], "args": args}));
    assert_eq!(play.hop(0, &[]), "Running read s");
    play.seen
        .secrets
        .insert("s".into(), Ok(BTreeMap::from([("k".into(), "hush".into())])));
    assert_eq!(play.hop(0, &[]), "Running start m#1");
    assert_eq!(
        play.given["m"].metric.provider.web.as_ref().expect("web").url,
        "http://x?t=hush"
    );
    assert!(!format!("{:?}", play.given).contains("hush"));
    play.hop(1, &[("m", Outcome::Error("GET http://x?t=hush: 500".into()))]);
    let status = play.seen.run.status.expect("a status");
    assert_eq!(
        status.metric_results[0].measurements[0].message,
        "GET http://x?t=*****: 500"
    );

    let mut play = Play::of(json!({"metrics": [web("m", json!({}))], "args": args}));
    let missing = Err("secrets \"s\" not found".into());
    play.seen.secrets.insert("s".into(), missing);
    assert_eq!(
        play.hop(0, &[]),
        "Error (Unable to resolve metric arguments: secrets \"s\" not found) !AnalysisRunError"
    );
}

#[test]
fn a_spec_that_cannot_be_carried_out() {
    let table = [
        (
            json!({"metrics": []}),
            "Error (Analysis spec invalid: no metrics specified) !AnalysisRunError",
        ),
        (
            json!({"metrics": [web("m", json!({}))], "args": [{"name": "a"}]}),
            "Error (Unable to resolve metric arguments: argument \"a\" was not supplied) !AnalysisRunError",
        ),
        (
            json!({"metrics": [web("m", json!({"successCondition": "result > {{args.min}}"}))]}),
            "Error (Unable to resolve metric arguments: failed to resolve {{args.min}}) !AnalysisRunError",
        ),
    ];
    for (spec, want) in table {
        let mut play = Play::of(spec);
        assert_eq!(play.hop(0, &[]), want);
        assert_eq!(play.seen.run.status.as_ref().and_then(|s| s.completed_at), None);
    }
}

#[test]
fn only_the_last_measurements_are_kept_and_they_fit() {
    let mut play = Play::of(json!({
        "metrics": [web("m", json!({"interval": "10s", "consecutiveErrorLimit": 100_000}))],
        "measurementRetention": [{"metricName": "m", "limit": 40}]
    }));
    for tick in 0..60 {
        play.hop(tick * 10, &[]);
        play.hop(tick * 10, &[("m", Outcome::Error("x".repeat(20_000)))]);
    }
    let status = play.seen.run.status.expect("a status");
    assert_eq!(status.metric_results[0].error, 60);
    assert_eq!(status.metric_results[0].measurements.len(), 40);
    assert!(serde_json::to_vec(&status).expect("json").len() <= retention::STATUS_BYTES);
}

#[test]
fn a_finished_run_lives_as_long_as_it_may() {
    let ttl = json!({"secondsAfterCompletion": 60, "secondsAfterSuccess": 5});
    let mut play = Play::of(json!({"metrics": [web("m", json!({}))], "ttlStrategy": ttl}));
    play.hop(0, &[]);
    play.hop(1, &[("m", value(json!(1)))]);
    assert_eq!(play.hop(2, &[]), "Successful m=Successful/1 @7");
    assert_eq!(play.hop(7, &[]), "Successful m=Successful/1 delete");
}

/// R10: a metric measured every minute for a week, by a provider that takes two and a half seconds now and then.
#[test]
fn an_interval_does_not_drift() {
    let mut play = Play::of(json!({"metrics": [web("m", json!({"interval": "1m"}))]}));
    let mut now = at(0);
    let mut starts = Vec::new();
    while starts.len() < 7 * 24 * 60 {
        play.seen.now = now;
        let plan = decide_run(&play.seen);
        play.seen.answers.clear();
        play.seen.run.status = Some(plan.status);
        match plan.tasks.into_iter().next() {
            Some(task) => {
                starts.push(now);
                let took = TimeDelta::milliseconds(if starts.len() % 10 == 0 { 2500 } else { 120 });
                let answer = Answer {
                    task,
                    started: now,
                    finished: now + took,
                    outcome: value(json!(1)),
                    metadata: BTreeMap::new(),
                    result_metadata: BTreeMap::new(),
                };
                play.seen.answers.insert("m".into(), answer);
                now += took;
            }
            // The edge wakes a little late.
            None => now = plan.wake.expect("a wake") + TimeDelta::milliseconds(40),
        }
    }
    let gaps = starts.windows(2).map(|pair| (pair[1] - pair[0]).num_milliseconds());
    assert!(
        gaps.clone().all(|gap| (58_000..=62_000).contains(&gap)),
        "{:?}",
        gaps.collect::<Vec<_>>()
    );
}

/// What may befall a run in one second.
#[derive(Clone, Debug)]
enum Event {
    /// The task that is under way comes to this.
    Answered(Phase),
    /// The last answer is shown once more, as after a write whose outcome was not seen.
    ShownAgain,
    /// The process dies: what was under way is lost.
    Killed,
    /// Nothing.
    Quiet,
}

fn events() -> impl proptest::strategy::Strategy<Value = Vec<Event>> {
    use proptest::prelude::*;
    let phases = [
        Phase::Successful,
        Phase::Successful,
        Phase::Successful,
        Phase::Failed,
        Phase::Inconclusive,
        Phase::Error,
    ];
    let event = prop_oneof![
        4 => prop::sample::select(phases.to_vec()).prop_map(Event::Answered),
        1 => Just(Event::ShownAgain),
        1 => Just(Event::Killed),
        2 => Just(Event::Quiet),
    ];
    prop::collection::vec(event, 1..120)
}

proptest::proptest! {
    /// A death repeats at most a measurement; no answer is counted twice; no verdict is taken back.
    #[test]
    fn answers_count_once_and_verdicts_stay(events in events(), limit in 0..3i32) {
        let metric = web("m", json!({"interval": "3s", "count": 8, "failureLimit": limit, "inconclusiveLimit": limit}));
        let retention = json!([{"metricName": "m", "limit": 1000}]);
        let mut play = Play::of(json!({"metrics": [metric], "measurementRetention": retention}));
        let mut answered: Vec<Phase> = Vec::new();
        let mut ended: Option<String> = None;
        for (second, event) in events.into_iter().enumerate() {
            play.seen.now = at(i64::try_from(second).expect("a second"));
            match event {
                Event::Answered(phase) => {
                    if let Some(task) = play.given.remove("m") {
                        let answer = Answer {
                            task,
                            started: play.seen.now,
                            finished: play.seen.now,
                            outcome: decided(phase, None),
                            metadata: BTreeMap::new(),
                            result_metadata: BTreeMap::new(),
                        };
                        play.seen.answers = BTreeMap::from([("m".to_owned(), answer)]);
                        answered.push(phase);
                    }
                }
                Event::ShownAgain => {}
                Event::Killed => {
                    play.given.clear();
                    play.seen.answers.clear();
                }
                Event::Quiet => play.seen.answers.clear(),
            }
            play.seen.in_flight = play.given.keys().cloned().collect();
            let plan = decide_run(&play.seen);
            if let Some(ended) = &ended {
                proptest::prop_assert_eq!(&plan.status.phase, ended);
                proptest::prop_assert!(plan.tasks.is_empty());
            }
            if Phase::of(&plan.status.phase).is_completed() {
                ended = Some(plan.status.phase.clone());
            }
            play.given.extend(plan.tasks.into_iter().map(|task| (task.name.clone(), task)));
            if let Some(result) = plan.status.metric_results.first() {
                let count = |of: Phase| i32::try_from(answered.iter().filter(|phase| **phase == of).count()).expect("few");
                proptest::prop_assert!(result.successful <= count(Phase::Successful));
                proptest::prop_assert!(result.failed <= count(Phase::Failed));
                proptest::prop_assert!(result.measurements.len() <= answered.len());
                let good = plan.status.phase == "Successful";
                proptest::prop_assert!(!good || (result.failed <= limit && result.inconclusive <= limit && result.count >= 8));
            }
            play.seen.run.status = Some(plan.status);
        }
    }
}
