//! Users' traffic, watched from outside while people do everything they can think of to many rollouts at once.
//!
//! `just watchdog` plays five minutes with a hundred rollouts; the ring plays a short one. Before either, a controller with
//! one broken gate is watched, and must be caught.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use controller::config::Config;
use controller::measure::PodIp;
use engine::mutant::{self, Mutant};
use serde_json::json;
use sim::rng::Rng;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::fleet::Fleet;
use super::{Cluster, judge};

const PATIENCE: Duration = Duration::from_secs(300);
/// Each rollout is disturbed about every three seconds.
const BETWEEN: Duration = Duration::from_secs(3);

/// A controller in a thread of its own, so that a mutant can live in it alone. Dropping it ends it.
struct Watched {
    _end: oneshot::Sender<()>,
}

impl Watched {
    fn start(cluster: &Cluster, namespace: &str, mutant: Option<Mutant>) -> Result<Self> {
        let kube = cluster.block_on(cluster.plane.config("sluice-watched"))?;
        let config = Config {
            namespace: namespace.to_owned(),
            ..Config::default()
        };
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("could not start a runtime")?;
        std::thread::spawn(move || {
            mutant::set(mutant);
            runtime.block_on(async {
                let client = kube::Client::try_from(kube).expect("a client");
                let network = providers::Transport::network().expect("a network");
                let shutdown = async {
                    // An error is the end of the other side, which is the sign too.
                    let _ = ended.await;
                };
                let run = controller::app::run(config, client, network, Arc::new(PodIp), shutdown);
                if let Err(error) = run.await {
                    eprintln!("the watched controller: {error:#}");
                }
            });
        });
        Ok(Watched { _end: end })
    }
}

/// What people do to a rollout: one thing, at random.
async fn disturb(fleet: &Fleet<'_>, name: &str, rng: &mut Rng) -> Result<()> {
    match rng.below(10) {
        0..3 => {
            let image = format!("web:v{}", 1 + rng.below(3));
            fleet.image(name, &image).await
        }
        3 => fleet.image(name, "web:no-pull").await,
        4 => {
            fleet
                .patch(name, "/status", &json!({"status": {"pauseConditions": null}}))
                .await
        }
        5 => {
            fleet
                .patch(name, "/status", &json!({"status": {"promoteFull": true}}))
                .await
        }
        6 => fleet.patch(name, "/status", &json!({"status": {"abort": true}})).await,
        7 => fleet.patch(name, "/status", &json!({"status": {"abort": false}})).await,
        _ => {
            let replicas = 2 + rng.below(3);
            fleet.patch(name, "", &json!({"spec": {"replicas": replicas}})).await
        }
    }
}

/// Random actions for this long, then one good image for all: what was seen meanwhile, and whether all came to rest.
async fn play(fleet: &Fleet<'_>, span: Duration, seed: u64) -> Result<u64> {
    let mut rng = Rng::new(seed);
    let end = Instant::now() + span;
    let between = BETWEEN / u32::try_from(fleet.names.len()).unwrap_or(u32::MAX).max(1);
    let mut actions = 0;
    while Instant::now() < end {
        if let Some(name) = rng.pick(&fleet.names).cloned() {
            disturb(fleet, &name, &mut rng).await?;
            actions += 1;
        }
        sleep(between).await;
    }
    for name in &fleet.names {
        fleet.image(name, "web:v9").await?;
    }
    let settled = fleet.until(PATIENCE, |history, name| fleet.promoted(history, name, "web:v9"));
    settled.await.context("stuck at the end")?;
    Ok(actions)
}

/// Watches a fleet: every line of what users, or the invariants, would complain about.
fn watch(
    cluster: &Cluster,
    namespace: &str,
    count: usize,
    span: Duration,
    mutant: Option<Mutant>,
) -> Result<Vec<String>> {
    let controller = Watched::start(cluster, namespace, mutant)?;
    let actions = cluster.block_on(async {
        let fleet = Fleet::launch(cluster, namespace, count).await?;
        let deployed = fleet.until(PATIENCE, |history, name| fleet.promoted(history, name, "web:v1"));
        deployed.await.context("first deployment")?;
        play(&fleet, span, 11).await
    })?;
    drop(controller);
    let entries = cluster.history.of(namespace);
    let mut found = judge::broken(&entries, &Default::default(), judge::Users::Served);
    found.sort();
    eprintln!(
        "watchdog: {count} rollouts, {actions} actions, {} changes seen, {} complaints",
        entries.len(),
        found.len()
    );
    Ok(found)
}

#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn users_are_served_whatever_people_do() {
    let asked = |name: &str, or: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(or)
    };
    let (count, seconds) = (asked("SLUICE_ROLLOUTS", 15), asked("SLUICE_SECONDS", 30));
    let cluster = Cluster::shared();
    let story = || -> Result<()> {
        let broken = Some(Mutant::ScaleUnaudited);
        let caught = watch(&cluster, "watchdog-broken", 6, Duration::from_secs(15), broken)?;
        ensure!(!caught.is_empty(), "a broken gate was not noticed");
        eprintln!("a broken gate is noticed: {}", caught[0]);
        let count = usize::try_from(count)?;
        let found = watch(&cluster, "watchdog", count, Duration::from_secs(seconds), None)?;
        ensure!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    };
    story().unwrap_or_else(|error| panic!("{error:#}"));
}
