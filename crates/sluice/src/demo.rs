//! The demo: a cluster inside this process, real traffic, and the real controller.
//!
//! [`stage`] is the cluster; [`story`] says what is asked for and how it must end; [`play`] asks and waits; [`scene`] is what
//! is seen of the cluster by watches, [`narrate`] tells it, [`judge`] judges by it; [`load`] calls and keeps the ledger.
//! Nothing here decides anything about a rollout: the demo applies manifests and changes images.

pub mod judge;
pub mod load;
pub mod narrate;
pub mod options;
pub mod play;
pub mod scene;
pub mod show;
pub mod stage;
pub mod story;
pub mod table;

use std::io::IsTerminal;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

pub use options::{Afterwards, Analysis, Metrics, Options, Version};
pub use play::Interrupted;

use crate::console::Console;
use crate::render::Paint;
use narrate::Told;
use play::Player;
use scene::Scene;
use show::Show;
use stage::Stage;

/// Plays what was asked for, until its end or until `stop`.
///
/// # Errors
/// A story did not end as it should, the cluster broke down, or it was stopped ([`Interrupted`]).
pub async fn run(options: &Options, console: &mut Console, stop: CancellationToken) -> Result<()> {
    let stories = story::stories(options)?;
    let stage = Stage::open().await?;
    let cluster = stage.cluster()?;
    let paint = if std::io::stdout().is_terminal() {
        console.paint
    } else {
        Paint::Plain
    };
    let mut show = Show::lines(Box::new(std::io::stdout()), paint);
    let mut player = Player {
        client: stage.client("kubectl")?,
        scene: Scene::watch(&cluster),
        stage,
        told: Told::default(),
        show: &mut show,
        stop,
    };
    let mut outcomes = Vec::new();
    let mut ended = Ok(());
    for story in &stories {
        match player.play(story).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    player.stage.close().await;
    if !outcomes.is_empty() {
        console.write(&table::text(&outcomes))?;
    }
    ended?;
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| Some(format!("story {}: {}", outcome.number, outcome.failure.as_ref()?)))
        .collect();
    if !failed.is_empty() {
        bail!("not everything ended as it should: {}", failed.join("; "));
    }
    Ok(())
}
