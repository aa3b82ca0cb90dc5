//! `retry`: an aborted rollout or a finished experiment starts again.

use anyhow::Result;

use super::fallback::patch_status;
use crate::cluster::{Cluster, Kind, Name, Part, Patch};
use crate::console::Console;

const ROLLOUT: &str = r#"{"status":{"abort":false}}"#;
const EXPERIMENT: &str = r#"{"status":null}"#;

/// Start an aborted rollout, or a finished experiment, again
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Start aborted rollouts again, from their first step
    #[command(visible_aliases = ["ro", "rollouts"], after_help = "\
Examples:
  sluice retry rollout web")]
    Rollout {
        /// Rollouts
        #[arg(required = true, value_name = "ROLLOUT")]
        names: Vec<Name>,
    },
    /// Start finished experiments again
    #[command(visible_aliases = ["exp", "experiments"], after_help = "\
Examples:
  sluice retry experiment compare")]
    Experiment {
        /// Experiments
        #[arg(required = true, value_name = "EXPERIMENT")]
        names: Vec<Name>,
    },
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        match self.what {
            What::Rollout { names } => {
                for name in &names {
                    patch_status(cluster, name, ROLLOUT, ROLLOUT).await?;
                    console.say(format_args!("rollout '{name}' retried"))?;
                }
            }
            What::Experiment { names } => {
                for name in &names {
                    let patch = Patch::Merge(EXPERIMENT.to_owned());
                    cluster.patch(&Kind::EXPERIMENT, name, Part::Main, patch).await?;
                    console.say(format_args!("experiment '{name}' retried"))?;
                }
            }
        }
        Ok(())
    }
}
