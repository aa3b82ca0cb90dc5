//! The program `sluice`, also installed as `kubectl-sluice`.
//!
//! [`args`] is what was typed, [`cmd`] does it, one file a verb. [`cluster`] sends exact requests, [`observe`] reads the
//! objects around a rollout; of those [`tree`] makes a view model and [`render`] lines of text, both pure, as is
//! [`standing`]: where a rollout stands. [`demo`] plays stories on a cluster inside the process.

pub mod age;
pub mod args;
pub mod cluster;
pub mod cmd;
pub mod console;
pub mod demo;
pub mod lint;
pub mod logs;
pub mod observe;
pub mod preflight;
pub mod render;
pub mod standing;
pub mod tree;
mod words;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::Sluice;
use cmd::Reach;
use console::Console;

/// Does what the command line says; 0 when it worked, else 1.
pub fn run() -> ExitCode {
    let typed = Sluice::command()
        .bin_name(program().replace('-', " "))
        .try_get_matches();
    let sluice = match typed.and_then(|typed| Sluice::from_arg_matches(&typed)) {
        Ok(sluice) => sluice,
        Err(error) => return explain(&error),
    };
    logs::start(&sluice.logs, sluice.verb.voice());
    let runtime = match sluice.verb.runtime().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error).context("could not start")),
    };
    let reach = Reach::Flags(Box::new(sluice.connection));
    let done = runtime.block_on(sluice.verb.run(&reach, &mut Console::of_process()));
    // A request that is still under way has nobody to answer to.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<demo::Interrupted>() => ExitCode::from(130),
        Err(error) => fail(&error),
    }
}

/// The name the program was called by: `sluice`, or `kubectl-sluice`.
pub fn program() -> &'static str {
    let called = std::env::args_os().next().unwrap_or_default();
    match std::path::Path::new(&called).file_stem() {
        Some(name) if name == "kubectl-sluice" => "kubectl-sluice",
        Some(_) | None => "sluice",
    }
}

/// What is wrong with the command line, or the help that was asked for.
fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help that nobody reads to its end is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let text = text
        .strip_prefix("error: ")
        .map(|text| format!("Error: {text}"))
        .unwrap_or(text);
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Where stderr is gone, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "Error: {}", words::said_once(error.as_ref()));
    ExitCode::FAILURE
}

/// Whether the reader of our output went away, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}
