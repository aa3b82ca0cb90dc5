//! Who is shown what happens: a reader of lines, or somebody at a terminal.

use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::load::Ledger;
use super::narrate::Line;
use super::play::Callers;
use super::scene::Scene;
use crate::render::{self, Paint, Span};

/// How often a reader of lines is told of the traffic.
const TRAFFIC: Duration = Duration::from_secs(3);

/// Where everything is shown.
pub struct Show {
    out: Box<dyn Write + Send>,
    paint: Paint,
    begun: Instant,
    ticks: Interval,
}

impl Show {
    /// A line for everything that happens.
    pub fn lines(out: Box<dyn Write + Send>, paint: Paint) -> Self {
        let mut ticks = tokio::time::interval(TRAFFIC);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Show {
            out,
            paint,
            begun: Instant::now(),
            ticks,
        }
    }

    /// A story begins.
    pub fn chapter(&mut self, title: &str, _rollout: &str) -> std::io::Result<()> {
        writeln!(self.out, "\n{title}")?;
        self.out.flush()
    }

    /// Something happened.
    pub fn line(&mut self, line: &Line) -> std::io::Result<()> {
        let at = self.begun.elapsed().as_secs_f64();
        let head = Span {
            text: format!("{at:6.1}s  {:<16} ", line.who),
            ..Span::default()
        };
        let said = Span {
            text: line.what.replace('\n', " "),
            colour: line.colour,
        };
        let text = render::text(&[render::Line(vec![head, said])], self.paint);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Waits until the traffic is to be shown again. Safe to drop and call again.
    pub async fn pulse(&mut self) {
        self.ticks.tick().await;
    }

    /// Shows how things are now.
    pub fn draw(&mut self, _scene: &Scene, callers: &Callers) -> std::io::Result<()> {
        let ledger = callers.users.total();
        if ledger.requests > 0 {
            self.line(&Line::new("traffic", traffic(&ledger), render::Colour::Plain))?;
        }
        Ok(())
    }
}

/// `2103 requests, 149/s now, 0.0 % errors, p50 11 ms, p99 20 ms, 0 failed on their way`
pub fn traffic(ledger: &Ledger) -> String {
    let now = &ledger.now;
    let millis = |latency: Option<Duration>| match latency {
        Some(latency) => format!("{} ms", latency.as_millis()),
        None => "-".to_owned(),
    };
    format!(
        "{} requests; now {:.0}/s, {:.1} % errors, p50 {}, p99 {}; {} failed on their way",
        ledger.requests,
        now.per_second,
        now.error_rate * 100.0,
        millis(now.p50),
        millis(now.p99),
        ledger.routing_failures()
    )
}
