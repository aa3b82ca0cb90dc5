//! `preflight`: whether a cluster is ready for a switch of controllers, and how to switch.

use anyhow::{Result, bail};

use crate::cluster::Cluster;
use crate::console::Console;
use crate::preflight::{Intent, Level, findings, gather, runbook};

/// Check a cluster before this controller takes over, or hands back
///
/// Reads and changes nothing: the definitions, the rights, which controllers are there and which leads, rollouts in flight, and
/// features in use that this version does not have. Then prints the way there and back. Exits with 1 if something is in the
/// way.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice preflight                                          all namespaces, as you
  sluice preflight --as system:serviceaccount:sluice:sluice    the rights of the installed controller
  sluice preflight --namespaced -n shop                     for a controller of one namespace")]
pub struct Args {
    /// For a controller that looks after one namespace only: --namespace
    #[arg(long)]
    namespaced: bool,
    /// For a controller of this instance
    #[arg(long, value_name = "ID", default_value = "")]
    instance_id: String,
    /// Where the controller is, or is to be
    #[arg(long, value_name = "NAMESPACE", default_value = "sluice")]
    controller_namespace: String,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let intent = Intent {
            watched: if self.namespaced {
                cluster.namespace.clone()
            } else {
                String::new()
            },
            own: self.controller_namespace,
            instance_id: self.instance_id,
        };
        let seen = gather(cluster, intent, |what| {
            // Where stderr is gone, there is nobody to wait.
            let _ = console.warn(what);
        })
        .await?;
        let found = findings(&seen);
        for finding in &found {
            console.say(finding)?;
        }
        console.write(&format!("\n{}", runbook(&seen)))?;
        match found.iter().filter(|finding| finding.level == Level::Stop).count() {
            0 => Ok(()),
            1 => bail!("one thing is in the way"),
            count => bail!("{count} things are in the way"),
        }
    }
}
