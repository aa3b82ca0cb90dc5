//! `get`: a rollout and all that belongs to it, as a tree.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::cluster::{Cluster, Failure, Kind, Name};
use crate::console::Console;
use crate::observe::{self, Following};
use crate::render::{self, Paint};
use crate::tree::{Family, tree};

/// A busy rollout is redrawn no more often than this.
const FASTEST: Duration = Duration::from_millis(200);
/// Ages move on even where nothing else does.
const SLOWEST: Duration = Duration::from_secs(1);
/// Clears the screen and goes to its corner (wire-contract 7.4).
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[0;0H";

/// Show a rollout and all that belongs to it
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Show a rollout: its revisions, ReplicaSets, pods and analysis runs
    #[command(visible_aliases = ["ro", "rollouts"], after_help = "\
Examples:
  sluice get rollout web           once
  sluice get rollout web -w        until Ctrl-C, redrawn as it changes")]
    Rollout(Rollout),
}

#[derive(clap::Args, Debug)]
struct Rollout {
    /// Rollout
    #[arg(value_name = "ROLLOUT")]
    name: Name,
    /// Redraw as things change, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Leave out colours; so do TERM=dumb and NO_COLOR
    #[arg(long)]
    no_color: bool,
    /// With --watch: stop after so many seconds; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    timeout_seconds: u64,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let What::Rollout(args) = self.what;
        if args.no_color {
            console.paint = Paint::Plain;
        }
        if args.watch {
            return args.follow(cluster, console).await;
        }
        let (family, troubles) = observe::family(cluster, &args.name).await?;
        let text = drawn(&family, console);
        console.write(&text)?;
        for trouble in troubles {
            console.warn(format_args!("Warning: {trouble}"))?;
        }
        Ok(())
    }
}

impl Rollout {
    /// Draws the tree again and again until Ctrl-C or the end of the time.
    async fn follow(&self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let (first, _) = observe::shown(&observe::rollout(cluster, &self.name).await?)?;
        let mut following = Following::start(cluster, &self.name, &first);
        let end = Instant::now() + Duration::from_secs(self.timeout_seconds);
        let (mut drawn_at, mut changed) = (None, true);
        // One for all the time: a signal between two would be lost.
        let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let due = due(drawn_at, changed);
            tokio::select! {
                biased;
                stopped = &mut stop => return Ok(stopped?),
                () = tokio::time::sleep_until(end), if self.timeout_seconds > 0 => return Ok(()),
                () = tokio::time::sleep_until(due), if following.is_complete() => {
                    let Some(family) = following.family() else {
                        return Err(Failure::absent(&Kind::ROLLOUT, self.name.as_str()).into());
                    };
                    let mut text = format!("{CLEAR}{}", drawn(family, console));
                    for trouble in following.troubles() {
                        text.push_str(&format!("\n{trouble}\n"));
                    }
                    console.write(&text)?;
                    (drawn_at, changed) = (Some(Instant::now()), false);
                }
                () = following.next() => changed = true,
            }
        }
    }
}

/// When to draw next.
fn due(drawn_at: Option<Instant>, changed: bool) -> Instant {
    match drawn_at {
        None => Instant::now(),
        Some(at) => at + if changed { FASTEST } else { SLOWEST },
    }
}

fn drawn(family: &Family, console: &Console) -> String {
    render::text(&render::lines(&tree(family, (console.clock)())), console.paint)
}
