//! `abort`: stable gets all traffic back.

use anyhow::Result;

use super::fallback::patch_status;
use crate::cluster::{Cluster, Name};
use crate::console::Console;

const PATCH: &str = r#"{"status":{"abort":true}}"#;

/// Abort an update: stable gets all traffic back, as fast as its pods allow
///
/// The rollout is then Degraded, and stays so until it is retried, undone, or gets another template.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice abort web          abort the update of web
  sluice abort web cart     abort two")]
pub struct Args {
    /// Rollouts
    #[arg(required = true, value_name = "ROLLOUT")]
    names: Vec<Name>,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        for name in &self.names {
            patch_status(cluster, name, PATCH, PATCH).await?;
            console.say(format_args!("rollout '{name}' aborted"))?;
        }
        Ok(())
    }
}
