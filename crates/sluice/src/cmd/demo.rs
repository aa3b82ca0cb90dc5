//! `demo`: a cluster in this process, real traffic, and what the controller makes of it.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::console::Console;
use crate::demo::{self, Afterwards, Analysis, Metrics, Options, Shown, Version};
use crate::logs::Voice;

/// Watch the controller at work, on a cluster inside this process
///
/// Starts an API server on a loopback port, pods that are real HTTP servers, a load generator and the real controller, and
/// plays three stories: a canary to a good version, a canary to a bad one, and a blue/green with a bad preview. The exit
/// code is 0 only if all of them ended as they should.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice demo                             three stories, in less than 90 seconds
  sluice demo --story 2                   one of them
  sluice demo --keep                      go on serving: kubectl works on it
  sluice demo -f my-rollout.yaml          your own manifest, linted first

For the honest reader: each of these must fail, as nothing in it is staged.
  sluice demo --story 2 --image good      nothing is wrong with this version
  sluice demo --without-analysis          nobody looks
  sluice demo --lying-metrics             pods claim that all is well")]
pub struct Args {
    /// Play one story: 1, 2 or 3
    #[arg(long, value_name = "N")]
    story: Option<u8>,
    /// The version that is asked for at last, instead of the story's own
    #[arg(long, value_enum, value_name = "VERSION")]
    image: Option<Version>,
    /// Take the analysis out of the manifests
    #[arg(long)]
    without_analysis: bool,
    /// Let pods claim that every request succeeded quickly
    #[arg(long)]
    lying_metrics: bool,
    /// A line for everything that happens, instead of a screen; so without a terminal
    #[arg(long)]
    plain: bool,
    /// Go on serving afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Play your own manifests instead of the stories
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["story", "without_analysis", "lying_metrics"])]
    filename: Vec<PathBuf>,
}

impl Args {
    /// Warnings would be written across a screen.
    pub(super) fn voice(&self) -> Voice {
        if self.plain || !std::io::stdout().is_terminal() {
            Voice::QUIET
        } else {
            Voice {
                level: tracing::Level::ERROR,
                ..Voice::QUIET
            }
        }
    }

    pub(super) async fn run(self, console: &mut Console) -> Result<()> {
        let stop = CancellationToken::new();
        let asked = stop.clone();
        let signals = tokio::spawn(async move {
            signalled().await;
            asked.cancel();
        });
        let options = Options {
            story: self.story,
            image: self.image,
            analysis: if self.without_analysis {
                Analysis::None
            } else {
                Analysis::Measured
            },
            metrics: if self.lying_metrics {
                Metrics::Lying
            } else {
                Metrics::Honest
            },
            shown: if self.plain { Shown::Lines } else { Shown::Screen },
            afterwards: if self.keep { Afterwards::Keep } else { Afterwards::End },
            files: self.filename,
        };
        let ended = demo::run(&options, console, stop).await;
        signals.abort();
        ended
    }
}

/// Ctrl-C, or the signal that service managers send.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
