//! `bench`: what rollouts cost on a real control plane, of this controller and of any other in the same run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use tests::cluster::bench::{Plan, Subject, measure, report};

/// N rollouts are created, updated and left alone; printed are times, CPU, memory and requests of the controller.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// How many rollouts, one run each: 200,1000
    #[arg(long, value_delimiter = ',', default_value = "200")]
    rollouts: Vec<usize>,
    /// How often each rollout is updated: 50 shows whether memory grows
    #[arg(long, default_value_t = 2)]
    updates: usize,
    /// Seconds of rest at the end
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// The controller that is measured
    #[arg(long, default_value = "target/release/sluice")]
    controller: PathBuf,
    /// Another controller, measured in the same run; it takes the flags of Argo's
    #[arg(long)]
    against: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let programs: Vec<&Path> = std::iter::once(&arguments.controller)
        .chain(&arguments.against)
        .map(PathBuf::as_path)
        .collect();
    for program in &programs {
        ensure!(program.is_file(), "there is no {}", program.display());
    }
    for rollouts in &arguments.rollouts {
        let plan = Plan {
            rollouts: *rollouts,
            updates: arguments.updates,
            idle: Duration::from_secs(arguments.idle),
        };
        let mut measured = Vec::new();
        for program in &programs {
            let subject = Subject::new(&program.canonicalize()?);
            eprintln!("{rollouts} rollouts, {}", subject.program.display());
            measured.push((subject.clone(), measure(&subject, &plan)?));
        }
        println!("{}", report(*rollouts, &measured));
    }
    Ok(())
}
