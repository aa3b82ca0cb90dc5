//! `pause`: a rollout stays where it is.

use anyhow::Result;

use crate::cluster::{Cluster, Kind, Name, Part, Patch};
use crate::console::Console;

/// Hold a rollout where it is, until it is promoted
///
/// Sets spec.paused: steps stop and a canary's ReplicaSets keep their sizes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice pause web        hold web
  sluice promote web      let it go on")]
pub struct Args {
    /// Rollouts
    #[arg(required = true, value_name = "ROLLOUT")]
    names: Vec<Name>,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        for name in &self.names {
            let patch = Patch::Merge(r#"{"spec":{"paused":true}}"#.to_owned());
            cluster.patch(&Kind::ROLLOUT, name, Part::Main, patch).await?;
            console.say(format_args!("rollout '{name}' paused"))?;
        }
        Ok(())
    }
}
