//! `status`: where a rollout stands, and waiting until it is settled.

use anyhow::{Result, bail};
use chrono::TimeDelta;
use futures::StreamExt;
use kube::runtime::watcher::Event;
use serde_json::Value;

use crate::args::duration;
use crate::cluster::{Cluster, Failure, Filter, Kind, Name, Scope};
use crate::console::Console;
use crate::observe;
use crate::standing::{Standing, standing};

/// Show where a rollout stands, and wait until it is healthy or degraded
///
/// Ends with 0 when it is healthy, with 1 when it is degraded or the time is over.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice status web                    wait for it
  sluice status web --watch=false      only look
  sluice status web --timeout 10m      wait no longer than ten minutes")]
pub struct Args {
    /// Rollout
    #[arg(value_name = "ROLLOUT")]
    name: Name,
    /// Wait until the rollout is healthy or degraded
    #[arg(short, long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true,
          default_missing_value = "true", value_name = "BOOL")]
    watch: bool,
    /// How long to wait: 90s, 10m; 0 is for ever
    #[arg(short, long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    timeout: TimeDelta,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let first = seen(&observe::rollout(cluster, &self.name).await?)?;
        if !self.watch {
            match is_settled(&first) {
                true => console.say(&first.phase)?,
                false => console.say(first.line())?,
            }
            return verdict(&first);
        }
        console.say(first.line())?;
        if is_settled(&first) {
            return verdict(&first);
        }
        let settled = self.settle(cluster, first, console);
        let in_time = async {
            match self.timeout.to_std() {
                Ok(limit) if !limit.is_zero() => tokio::time::timeout(limit, settled).await.ok(),
                Ok(_) | Err(_) => Some(settled.await),
            }
        };
        match in_time.await {
            Some(last) => verdict(&last?),
            None => bail!("Rollout status watch exceeded timeout"),
        }
    }

    /// Follows the rollout, a line for each change, until it is settled.
    async fn settle(&self, cluster: &Cluster, mut last: Standing, console: &mut Console) -> Result<Standing> {
        let scope = Scope::Namespace(&cluster.namespace);
        let mut events = cluster.watch(&Kind::ROLLOUT, scope, &Filter::named(&self.name));
        let mut listed = false;
        while let Some(event) = events.next().await {
            let object = match event {
                Ok(Event::Init) => {
                    listed = false;
                    continue;
                }
                Ok(Event::InitApply(object)) => {
                    listed = true;
                    object
                }
                Ok(Event::Apply(object)) => object,
                Ok(Event::InitDone) if listed => continue,
                Ok(Event::InitDone | Event::Delete(_)) => {
                    return Err(Failure::absent(&Kind::ROLLOUT, self.name.as_str()).into());
                }
                Err(failure) => {
                    tracing::warn!("the watch is interrupted: {failure}");
                    continue;
                }
            };
            let now = seen(&serde_json::to_value(object)?)?;
            if now != last {
                console.say(now.line())?;
                last = now;
            }
            if is_settled(&last) {
                break;
            }
        }
        Ok(last)
    }
}

/// Where a raw rollout stands; a part of its spec that cannot be read changes nothing about that.
fn seen(object: &Value) -> Result<Standing> {
    let (rollout, _) = observe::shown(object)?;
    Ok(standing(&rollout))
}

fn is_settled(standing: &Standing) -> bool {
    matches!(standing.phase.as_str(), "Healthy" | "Degraded")
}

fn verdict(standing: &Standing) -> Result<()> {
    match standing.phase.as_str() {
        "Degraded" => bail!("The rollout is in a degraded state with message: {}", standing.message),
        _ => Ok(()),
    }
}
