//! Where a verb's words go, and where its time comes from.

use std::io::{self, Write};

use chrono::{DateTime, Utc};

use crate::render::Paint;

/// The two outputs of a verb, and its clock.
pub struct Console {
    pub out: Box<dyn Write + Send>,
    pub err: Box<dyn Write + Send>,
    pub clock: fn() -> DateTime<Utc>,
    /// Colours unless told otherwise by a flag.
    pub paint: Paint,
}

impl Console {
    /// The process's own outputs and clock. `TERM=dumb` and `NO_COLOR` ask for plain text (wire-contract 7.4).
    pub fn of_process() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Console {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            clock: system_now,
            paint: if dumb || refused { Paint::Plain } else { Paint::Ansi },
        }
    }

    /// A line on stdout.
    pub fn say(&mut self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// A line on stderr.
    pub fn warn(&mut self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.err, "{line}")
    }

    /// Text as it is on stdout, at once.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// The only place of the verbs where the wall clock is read.
#[allow(clippy::disallowed_methods, reason = "every verb is told the time by its console")]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}
