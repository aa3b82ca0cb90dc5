//! The demo: a cluster inside this process, real traffic, and the real controller.
//!
//! [`stage`] is the cluster; [`story`] says what is asked for and how it must end ([`own`]: of somebody's own manifests);
//! [`play`] asks and waits; [`scene`] is what is seen of the cluster by watches, [`narrate`] tells it, [`judge`] judges by
//! it; [`load`] calls and keeps the ledger; [`show`] and [`screen`] show it; [`keep`] is for when the stories are over.
//! Nothing here decides anything about a rollout: the demo applies manifests and changes images.

pub mod judge;
pub mod keep;
pub mod load;
pub mod narrate;
pub mod options;
pub mod own;
pub mod play;
pub mod scene;
pub mod screen;
pub mod show;
pub mod stage;
pub mod story;
pub mod table;

use std::io::{self, IsTerminal};

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

pub use options::{Afterwards, Analysis, Metrics, Options, Shown, Version};
pub use play::Interrupted;

use crate::console::Console;
use crate::render::Paint;
use keep::Kubeconfig;
use narrate::Told;
use play::{Outcome, Player};
use scene::Scene;
use show::Show;
use stage::Stage;
use story::Story;

/// Plays what was asked for, until its end or until `stop`.
///
/// # Errors
/// A story did not end as it should, the cluster broke down, or it was stopped ([`Interrupted`]).
pub async fn run(options: &Options, console: &mut Console, stop: CancellationToken) -> Result<()> {
    let stories = match options.files.as_slice() {
        [] => story::stories(options)?,
        files => own::stories(files, options, console)?,
    };
    let yours = story::yours(options)?;
    let stage = Stage::open().await?;
    let kubeconfig = match options.afterwards {
        Afterwards::Keep => {
            let address = stage.address.context("this cluster is somebody else's")?;
            let kubeconfig = Kubeconfig::write(address)?;
            console.say(format_args!("kubeconfig: {}", kubeconfig.path().display()))?;
            Some(kubeconfig)
        }
        Afterwards::End => None,
    };
    let (paint, shown) = match io::stdout().is_terminal() {
        true => (console.paint, options.shown),
        false => (Paint::Plain, Shown::Lines),
    };
    let mut show = match shown {
        Shown::Lines => Show::lines(Box::new(io::stdout()), paint),
        Shown::Screen => {
            Show::screen(stop.clone(), console.clock).context("could not draw on the terminal; try --plain")?
        }
    };
    let mut player = Player {
        client: stage.client("kubectl")?,
        scene: Scene::watch(&stage.cluster()?),
        stage,
        told: Told::default(),
        show: &mut show,
        stop,
        patience: play::PATIENCE,
    };
    let (outcomes, ended) = all(&mut player, &stories).await;
    player.show.calm_down(Box::new(io::stdout()), paint);
    if !outcomes.is_empty() {
        console.write(&table::text(&outcomes))?;
    }
    let ended = match (ended, &kubeconfig) {
        (Ok(()), Some(kubeconfig)) => {
            let try_this = keep::things_to_try(kubeconfig.path());
            player.keep(&stories, &yours, &try_this).await
        }
        (ended, _) => ended,
    };
    player.stage.close().await;
    if ended.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        console.say("Stopped; nothing is left running.")?;
    }
    ended?;
    judged(&outcomes)
}

/// Plays the stories in order, as far as it goes.
async fn all(player: &mut Player<'_>, stories: &[Story]) -> (Vec<Outcome>, Result<()>) {
    let mut outcomes = Vec::new();
    for story in stories {
        match player.play(story).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => return (outcomes, Err(error)),
        }
    }
    (outcomes, Ok(()))
}

fn judged(outcomes: &[Outcome]) -> Result<()> {
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| Some(format!("{}: {}", outcome.heading, outcome.failure.as_ref()?)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("not everything ended as it should: {}", failed.join("; "))
}
