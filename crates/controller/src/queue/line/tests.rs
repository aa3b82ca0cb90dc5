use super::*;
use crate::kind::Name;

/// A line driven by a script, and what it gave out: `<ms> <task> <cause>`.
struct Script {
    line: Line,
    start: Instant,
    out: Vec<String>,
}

impl Script {
    fn new() -> Self {
        Script {
            line: Line::default(),
            start: Instant::now(),
            out: Vec::new(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn wake(&mut self, ms: u64, task: &str) {
        self.line.wake(named(task), self.at(ms));
    }

    fn done(&mut self, ms: u64, task: &str, again: Again) {
        self.line.done(&named(task), again, self.at(ms));
    }

    /// Takes everything that comes due up to `until`, millisecond by millisecond; each is done at once with `again`.
    fn run(&mut self, until: u64, again: Again) {
        while let Some(due) = self.line.next_due().filter(|due| *due <= self.at(until)) {
            self.take(due.duration_since(self.start).as_millis() as u64);
            let task = self
                .out
                .last()
                .map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned());
            self.line.done(&named(&task.unwrap_or_default()), again, due);
        }
    }

    fn take(&mut self, ms: u64) {
        if let Some((task, cause)) = self.line.take(self.at(ms)) {
            self.out.push(format!("{ms} {} {cause:?}", task.name().name));
        }
    }
}

fn named(task: &str) -> Task {
    Task::Rollout(Name::new("shop", task))
}

#[test]
fn the_first_event_runs_at_once_and_the_next_ones_share_a_turn() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.run(0, Again::OnEvent);
    for ms in [1, 2, 3] {
        script.wake(ms, "a");
    }
    script.run(1000, Again::OnEvent);
    assert_eq!(script.out, ["0 a Event", "20 a Event"]);
}

#[test]
fn a_task_is_never_taken_twice_and_an_event_meanwhile_is_not_lost() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.take(0);
    script.wake(5, "a");
    script.take(100);
    assert_eq!(script.out, ["0 a Event"]);
    script.done(100, "a", Again::OnEvent);
    script.take(100);
    assert_eq!(script.out, ["0 a Event", "100 a Event"]);
}

#[test]
fn whoever_has_waited_longest_is_next() {
    let mut script = Script::new();
    for (ms, task) in [(0, "b"), (1, "a"), (2, "c")] {
        script.wake(ms, task);
    }
    script.wake(3, "b");
    for _ in 0..3 {
        script.take(10);
    }
    assert_eq!(script.out, ["10 b Event", "10 a Event", "10 c Event"]);
}

#[test]
fn a_task_that_asks_for_no_delay_still_rests() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.run(3500, Again::After(Duration::ZERO));
    assert_eq!(script.out, ["0 a Event", "1000 a Time", "2000 a Time", "3000 a Time"]);
}

#[test]
fn failures_wait_longer_and_longer_and_then_ten_seconds() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.run(40_000, Again::Failed);
    let expected = [
        "0 a Event",
        "1000 a Time",
        "3000 a Time",
        "7000 a Time",
        "15000 a Time",
        "25000 a Time",
        "35000 a Time",
    ];
    assert_eq!(script.out, expected);
}

#[test]
fn an_event_brings_a_failing_task_forward_but_not_at_once() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.run(10_000, Again::Failed);
    script.out.clear();
    script.wake(7100, "a");
    script.run(8000, Again::OnEvent);
    assert_eq!(script.out, ["8000 a Event"]);
}

#[test]
fn waiting_for_ones_own_writes_is_no_look() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.take(0);
    script.done(0, "a", Again::NotNow(Duration::from_millis(10)));
    script.run(10, Again::OnEvent);
    assert_eq!(script.out, ["0 a Event", "10 a Event"]);
}

#[test]
fn a_task_whose_object_is_gone_leaves_nothing_behind() {
    let mut script = Script::new();
    script.wake(0, "a");
    script.run(0, Again::Never);
    assert_eq!(script.line.next_due(), None);
    assert!(script.line.past.is_empty());
}

/// Invariant I6: whatever a task answers, a look that nothing asked for is a second later than the one before.
#[test]
fn no_answer_makes_a_hot_loop() {
    let answers = [
        Again::After(Duration::ZERO),
        Again::Failed,
        Again::After(Duration::from_millis(300)),
    ];
    let mut script = Script::new();
    script.wake(0, "a");
    script.run(0, Again::After(Duration::ZERO));
    for round in 0..30_usize {
        let Some(due) = script.line.next_due() else { break };
        let ms = due.duration_since(script.start).as_millis() as u64;
        script.take(ms);
        script.done(ms, "a", answers[round % answers.len()]);
    }
    let looks = script
        .out
        .iter()
        .filter_map(|line| line.split(' ').next()?.parse().ok());
    let looks: Vec<u64> = looks.collect();
    assert!(looks.len() > 10);
    assert!(looks.windows(2).all(|pair| pair[1] - pair[0] >= 1000), "{looks:?}");
}
