//! `list`: all rollouts of a namespace, a line each.

use std::collections::BTreeMap;

use anyhow::Result;
use api::rollout::Rollout;
use chrono::SecondsFormat;
use futures::StreamExt;
use kube::runtime::watcher::Event;
use serde_json::Value;

use crate::cluster::{Cluster, Filter, Kind, Name, Scope};
use crate::console::Console;
use crate::{observe, standing};

/// List rollouts
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List rollouts: strategy, status, step, weight and pods
    #[command(visible_aliases = ["ro", "rollout"], after_help = "\
Examples:
  sluice list rollouts            of the namespace
  sluice list rollouts -A         of all namespaces
  sluice list rollouts -w         and then every change, until Ctrl-C")]
    Rollouts(Rollouts),
}

#[derive(clap::Args, Debug)]
struct Rollouts {
    /// Only the rollout of this name
    #[arg(long, value_name = "ROLLOUT")]
    name: Option<Name>,
    /// Of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Then print every change, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Begin each line with the time
    #[arg(long)]
    timestamps: bool,
}

const TITLES: [&str; 9] = [
    "NAME",
    "STRATEGY",
    "STATUS",
    "STEP",
    "SET-WEIGHT",
    "READY",
    "DESIRED",
    "UP-TO-DATE",
    "AVAILABLE",
];
/// Least widths of the columns (wire-contract 7.5), so that lines of a watch keep to them.
const WIDTHS: [usize; 9] = [10, 9, 12, 4, 10, 5, 7, 10, 9];
const PADDING: usize = 2;

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let What::Rollouts(args) = self.what;
        let scope = if args.all_namespaces {
            Scope::AllNamespaces
        } else {
            Scope::Namespace(&cluster.namespace)
        };
        let filter = args.name.as_ref().map(Filter::named).unwrap_or_default();
        let mut table = Table::new(&args);
        let mut rows = BTreeMap::new();
        for object in cluster.list(&Kind::ROLLOUT, scope, &filter).await? {
            // One rollout that cannot be read hides no other (field-lessons: one did).
            if let Some(rollout) = read(&object, console)? {
                rows.insert(key(&rollout), cells(&rollout));
            }
        }
        if rows.is_empty() && !args.watch {
            console.warn("No resources found.")?;
            return Ok(());
        }
        let first: Vec<_> = rows
            .iter()
            .map(|((namespace, _), cells)| table.row(namespace, cells, console))
            .collect();
        table.fit(&first);
        let titles = table.titles();
        for row in std::iter::once(&titles).chain(&first) {
            console.say(table.line(row))?;
        }
        match args.watch {
            true => follow(cluster, scope, &filter, rows, table, console).await,
            false => Ok(()),
        }
    }
}

/// A line for every rollout whose line changes, until Ctrl-C.
async fn follow(
    cluster: &Cluster,
    scope: Scope<'_>,
    filter: &Filter,
    mut rows: BTreeMap<(String, String), [String; 9]>,
    table: Table,
    console: &mut Console,
) -> Result<()> {
    let mut seen = cluster.watch(&Kind::ROLLOUT, scope, filter);
    // One for all the time: a signal between two would be lost.
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let event = tokio::select! {
            biased;
            stopped = &mut stop => return Ok(stopped?),
            event = seen.next() => event,
        };
        let object = match event {
            None => return Ok(()),
            Some(Ok(Event::Init | Event::InitDone | Event::Delete(_))) => continue,
            Some(Ok(Event::InitApply(object) | Event::Apply(object))) => object,
            Some(Err(failure)) => {
                tracing::warn!("the watch is interrupted: {failure}");
                continue;
            }
        };
        if let Some(rollout) = read(&serde_json::to_value(object)?, console)? {
            let (key, cells) = (key(&rollout), cells(&rollout));
            let row = table.row(&key.0, &cells, console);
            if rows.insert(key, cells.clone()).as_ref() != Some(&cells) {
                console.say(table.line(&row))?;
            }
        }
    }
}

/// A rollout, as far as it can be read; what could not goes to stderr.
fn read(object: &Value, console: &mut Console) -> Result<Option<Rollout>> {
    let (rollout, troubles) = match observe::shown(object) {
        Ok((rollout, troubles)) => (Some(rollout), troubles),
        Err(error) => (None, vec![error.to_string()]),
    };
    for trouble in troubles {
        console.warn(format_args!("Warning: {trouble}"))?;
    }
    Ok(rollout)
}

/// Namespace and name.
fn key(rollout: &Rollout) -> (String, String) {
    let metadata = &rollout.metadata;
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

fn cells(rollout: &Rollout) -> [String; 9] {
    let status = standing::status(rollout);
    let weight = standing::canary(rollout).map(|_| standing::set_weight(rollout).to_string());
    [
        rollout.metadata.name.clone().unwrap_or_default(),
        standing::strategy(rollout).to_owned(),
        standing::standing(rollout).phase,
        standing::step(rollout).unwrap_or_else(|| "-".to_owned()),
        weight.unwrap_or_else(|| "-".to_owned()),
        format!("{}/{}", status.ready_replicas, status.replicas),
        rollout.spec.replicas().to_string(),
        status.updated_replicas.to_string(),
        status.available_replicas.to_string(),
    ]
}

/// The columns, and how wide they are.
struct Table {
    timestamps: bool,
    namespaces: bool,
    widths: Vec<usize>,
}

impl Table {
    fn new(args: &Rollouts) -> Self {
        let leading = [args.timestamps.then_some(20), args.all_namespaces.then_some(9)];
        let widths = leading.into_iter().flatten().chain(WIDTHS).collect();
        Table {
            timestamps: args.timestamps,
            namespaces: args.all_namespaces,
            widths,
        }
    }

    fn titles(&self) -> Vec<String> {
        self.cells("TIMESTAMP", "NAMESPACE", TITLES)
    }

    fn row(&self, namespace: &str, cells: &[String; 9], console: &Console) -> Vec<String> {
        let now = (console.clock)().to_rfc3339_opts(SecondsFormat::Secs, true);
        self.cells(&now, namespace, cells.each_ref().map(String::as_str))
    }

    fn cells(&self, timestamp: &str, namespace: &str, cells: [&str; 9]) -> Vec<String> {
        let leading = [
            self.timestamps.then_some(timestamp),
            self.namespaces.then_some(namespace),
        ];
        leading.into_iter().flatten().chain(cells).map(str::to_owned).collect()
    }

    /// Makes the columns wide enough for these rows.
    fn fit(&mut self, rows: &[Vec<String>]) {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
    }

    /// A line; the last column has its width but no padding.
    fn line(&self, row: &[String]) -> String {
        let padded = row
            .iter()
            .zip(&self.widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join(&" ".repeat(PADDING))
    }
}
