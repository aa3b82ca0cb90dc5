//! Who is shown what happens: a reader of lines, or somebody at a terminal.

use std::io::{self, Write};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::load::Ledger;
use super::narrate::Line;
use super::play::Callers;
use super::scene::Scene;
use super::screen::Screen;
use crate::render::{self, Colour, Paint, Span};

/// How often a reader of lines is told of the traffic.
const TRAFFIC: Duration = Duration::from_secs(3);
/// The same where nothing is going on but what somebody tries out.
const QUIET: Duration = Duration::from_secs(60);
/// How often a screen is drawn.
const FRAME: Duration = Duration::from_millis(200);

/// Where everything is shown.
pub struct Show {
    out: Out,
    begun: Instant,
    ticks: Interval,
}

enum Out {
    Lines { to: Box<dyn Write + Send>, paint: Paint },
    Screen(Box<Screen>),
}

impl Show {
    /// A line for everything that happens.
    pub fn lines(to: Box<dyn Write + Send>, paint: Paint) -> Self {
        Show {
            out: Out::Lines { to, paint },
            begun: Instant::now(),
            ticks: every(TRAFFIC),
        }
    }

    /// The whole terminal; Ctrl-C there asks to stop.
    ///
    /// # Errors
    /// The terminal does not let itself be drawn on.
    pub fn screen(stop: CancellationToken, clock: fn() -> DateTime<Utc>) -> io::Result<Self> {
        Ok(Show {
            out: Out::Screen(Box::new(Screen::open(stop, clock)?)),
            begun: Instant::now(),
            ticks: every(FRAME),
        })
    }

    /// From now on lines, and few of them; a screen gives the terminal back.
    pub fn calm_down(&mut self, to: Box<dyn Write + Send>, paint: Paint) {
        self.out = Out::Lines { to, paint };
        self.ticks = every(QUIET);
        self.ticks.reset();
    }

    /// A story begins.
    pub fn chapter(&mut self, title: &str, rollout: &str) -> io::Result<()> {
        match &mut self.out {
            Out::Lines { to, .. } => {
                writeln!(to, "\n{title}")?;
                to.flush()
            }
            Out::Screen(screen) => {
                screen.chapter(title, rollout);
                Ok(())
            }
        }
    }

    /// Something happened.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let text = text(self.begun.elapsed(), line);
        match &mut self.out {
            Out::Lines { to, paint } => {
                to.write_all(render::text(&[text], *paint).as_bytes())?;
                to.flush()
            }
            Out::Screen(screen) => {
                screen.line(text);
                Ok(())
            }
        }
    }

    /// Text as it is; a screen has no place for it.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        match &mut self.out {
            Out::Lines { to, .. } => {
                to.write_all(text.as_bytes())?;
                to.flush()
            }
            Out::Screen(_) => Ok(()),
        }
    }

    /// Waits until the traffic is to be shown again. Safe to drop and call again.
    pub async fn pulse(&mut self) {
        self.ticks.tick().await;
    }

    /// Shows how things are now.
    pub fn draw(&mut self, scene: &Scene, callers: &Callers) -> io::Result<()> {
        let ledger = callers.users.total();
        match &mut self.out {
            Out::Lines { .. } if ledger.requests == 0 => Ok(()),
            Out::Lines { .. } => self.line(&Line::new("traffic", traffic(&ledger), Colour::Plain)),
            Out::Screen(screen) => screen.draw(scene, &traffic(&ledger), self.begun.elapsed()),
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// `  21.0s  web                   Healthy`
fn text(at: Duration, line: &Line) -> render::Line {
    let head = Span {
        text: format!("{:6.1}s  {:<21} ", at.as_secs_f64(), line.who),
        ..Span::default()
    };
    let said = Span {
        text: line.what.replace('\n', " "),
        colour: line.colour,
    };
    render::Line(vec![head, said])
}

/// `2103 requests; now 149/s, 0.0 % errors, p50 11 ms, p99 20 ms; 0 failed on their way`
fn traffic(ledger: &Ledger) -> String {
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
