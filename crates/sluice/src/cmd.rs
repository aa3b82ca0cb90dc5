//! The verbs: one file each, one line in each list here.

mod abort;
mod completion;
pub mod controller;
mod crds;
mod demo;
mod fallback;
mod get;
pub(crate) mod lint;
mod list;
mod pause;
mod preflight;
mod promote;
mod restart;
mod retry;
mod set;
mod status;
mod terminate;
mod undo;
mod version;

use anyhow::Result;
use clap::Subcommand;
use tokio::runtime::Builder;

use crate::args::Connection;
use crate::cluster::{Cluster, connect};
use crate::console::Console;
use crate::logs::Voice;

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Get(get::Args),
    List(list::Args),
    Status(status::Args),
    Promote(promote::Args),
    Abort(abort::Args),
    Retry(retry::Args),
    Pause(pause::Args),
    Restart(restart::Args),
    Undo(undo::Args),
    Set(set::Args),
    Lint(lint::Args),
    Preflight(preflight::Args),
    Demo(demo::Args),
    Terminate(terminate::Args),
    Controller(Box<controller::Args>),
    Crds(crds::Args),
    Completion(completion::Args),
    Version(version::Args),
}

/// How a verb comes to a cluster.
pub enum Reach {
    /// As the flags say.
    Flags(Box<Connection>),
    /// Over this connection.
    Over(Cluster),
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// What the person who typed it has to know; the process then ends with 1.
    pub async fn run(self, reach: &Reach, console: &mut Console) -> Result<()> {
        match self {
            Verb::Get(args) => args.run(&reach.cluster().await?, console).await,
            Verb::List(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Status(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Promote(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Abort(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Retry(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Pause(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Restart(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Undo(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Set(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Terminate(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Controller(args) => args.run(reach).await,
            Verb::Crds(args) => args.run(console),
            Verb::Lint(args) => args.run(console),
            Verb::Preflight(args) => args.run(&reach.cluster().await?, console).await,
            Verb::Demo(args) => args.run(console).await,
            Verb::Completion(args) => args.run(console),
            Verb::Version(args) => args.run(console),
        }
    }
}

impl Verb {
    /// What it runs on.
    ///
    /// The controller waits for the API server nearly all the time; handing each of its small pieces of work from thread to
    /// thread would cost more than the work.
    pub(crate) fn runtime(&self) -> Builder {
        if let Verb::Controller(_) = self {
            let mut one_thread = Builder::new_current_thread();
            one_thread.max_blocking_threads(2);
            one_thread
        } else {
            Builder::new_multi_thread()
        }
    }

    /// What it logs unless told otherwise.
    pub(crate) fn voice(&self) -> Voice {
        if let Verb::Controller(args) = self {
            Voice::service(args.logformat)
        } else if let Verb::Demo(args) = self {
            args.voice()
        } else {
            Voice::QUIET
        }
    }
}

impl Reach {
    async fn cluster(&self) -> Result<Cluster> {
        match self {
            Reach::Flags(connection) => connect(connection).await,
            Reach::Over(cluster) => Ok(cluster.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
