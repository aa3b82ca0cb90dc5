//! `terminate`: a run or an experiment ends now.

use anyhow::Result;

use crate::cluster::{Cluster, Kind, Name, Part, Patch};
use crate::console::Console;

const PATCH: &str = r#"{"spec":{"terminate":true}}"#;

/// End an analysis run or an experiment now
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// End analysis runs: what was measured until now decides
    #[command(visible_aliases = ["ar", "analysisruns"], after_help = "\
Examples:
  sluice terminate analysisrun web-6f64012-2-1")]
    Analysisrun {
        /// Analysis runs
        #[arg(required = true, value_name = "ANALYSISRUN")]
        names: Vec<Name>,
    },
    /// End experiments
    #[command(visible_aliases = ["exp", "experiments"], after_help = "\
Examples:
  sluice terminate experiment compare")]
    Experiment {
        /// Experiments
        #[arg(required = true, value_name = "EXPERIMENT")]
        names: Vec<Name>,
    },
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        match self.what {
            What::Analysisrun { names } => {
                for name in &names {
                    end(cluster, &Kind::ANALYSIS_RUN, name).await?;
                    console.say(format_args!("analysisRun '{name}' terminated"))?;
                }
            }
            What::Experiment { names } => {
                for name in &names {
                    end(cluster, &Kind::EXPERIMENT, name).await?;
                    // The word is Argo's, and scripts match it (wire-contract 10, 51).
                    console.say(format_args!("experiment '{name}' retried"))?;
                }
            }
        }
        Ok(())
    }
}

async fn end(cluster: &Cluster, kind: &Kind, name: &Name) -> Result<()> {
    cluster
        .patch(kind, name, Part::Main, Patch::Merge(PATCH.to_owned()))
        .await?;
    Ok(())
}
