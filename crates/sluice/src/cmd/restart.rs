//! `restart`: pods are replaced, a few at a time.

use anyhow::{Context, Result};
use api::duration::{Time, format_go_duration};
use chrono::TimeDelta;

use crate::args::duration;
use crate::cluster::{Cluster, Kind, Name, Part, Patch};
use crate::console::Console;

/// Replace the pods of a rollout, a few at a time, without a new revision
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice restart web            begin now
  sluice restart web -i 1h      begin in an hour")]
pub struct Args {
    /// Rollout
    #[arg(value_name = "ROLLOUT")]
    name: Name,
    /// Time to wait before it begins: 30s, 5m, 1h
    #[arg(short = 'i', long = "in", value_name = "DURATION", value_parser = duration, default_value = "0s")]
    after: TimeDelta,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let at = (console.clock)()
            .checked_add_signed(self.after)
            .context("that is too far in the future")?;
        let patch = format!("{{\n\t\"spec\": {{\n\t\t\"restartAt\": \"{}\"\n\t}}\n}}", Time::new(at));
        cluster
            .patch(&Kind::ROLLOUT, &self.name, Part::Main, Patch::Merge(patch))
            .await?;
        console.say(format_args!(
            "rollout '{}' restarts in {}",
            self.name,
            format_go_duration(self.after)
        ))?;
        Ok(())
    }
}
