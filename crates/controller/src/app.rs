//! The whole controller, from its configuration to its end.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::Client;
use kube::client::ClientBuilder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::layer::layer_fn;
use tower::service_fn;

use crate::admin::{self, Readiness};
use crate::cache::{repair, watch as watching};
use crate::config::Config;
use crate::edge::Edge;
use crate::election::{Candidate, Fence};
use crate::error::Error;
use crate::events::{Publisher, events};
use crate::kind::Kind;
use crate::measure::Dial;
use crate::metrics::{Metrics, Total};
use crate::notify::Silence;
use crate::queue::Queue;
use crate::reconcile::{self, words_of};
use crate::rival;
use crate::server::{CALL_TIMEOUT, Pace, Server};

/// How long looks that are under way may go on after a stop was asked for: a call and a little.
const GRACE: Duration = CALL_TIMEOUT.saturating_add(Duration::from_secs(2));
/// How long a watch that has panicked waits before it begins anew.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);
/// How long Events that are waiting may still be sent after that.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// The ways to the API server. None of them retries by itself (`config.default_retry = false`): the queue does.
pub struct Clients {
    /// For everything but the lease; nothing that changes anything gets past it while `fence` is closed.
    pub work: Client,
    /// For the lease alone: nothing else may delay a renewal.
    pub lease: Client,
    /// The fence that `work` was built behind.
    pub fence: Fence,
}

impl Clients {
    /// Two connections, so that nothing delays the renewal of the lease. The last look at the lease comes after everything
    /// in the client that may make a request wait.
    ///
    /// # Errors
    /// The configuration holds a certificate or a credential that cannot be used.
    pub fn connect(config: kube::Config) -> Result<Self, kube::Error> {
        let fence = Fence::closed();
        let gate = layer_fn(|inner| fence.gate(inner));
        let work = ClientBuilder::try_from(config.clone())?.with_layer(&gate).build();
        Ok(Clients {
            work,
            lease: Client::try_from(config)?,
            fence: fence.clone(),
        })
    }
}

impl From<Client> for Clients {
    /// One connection for both, where no lease is needed or nothing else is at stake.
    fn from(client: Client) -> Self {
        let fence = Fence::closed();
        let namespace = client.default_namespace().to_owned();
        let sender = client.clone();
        let send = service_fn(move |request| {
            let sender = sender.clone();
            async move { sender.send(request).await }
        });
        Clients {
            work: Client::new(fence.gate(send), namespace),
            lease: client,
            fence,
        }
    }
}

/// A controller that has not begun yet.
pub struct Controller {
    edge: Arc<Edge>,
    publisher: Publisher,
    lease: Client,
    fence: Fence,
}

impl Controller {
    /// A controller over these connections.
    pub fn new(
        config: Config,
        clients: impl Into<Clients>,
        transport: providers::Transport,
        dial: Arc<dyn Dial>,
    ) -> Self {
        let Clients { work, lease, fence } = clients.into();
        fence.go_by(&config.clock);
        if config.election.is_none() {
            fence.lift();
        }
        let metrics = Arc::new(Metrics::default());
        let pace = |part: u32| Pace::new(config.qps / part, config.burst / part);
        let server = Server::new(work.clone(), pace(1), fence.clone(), metrics.clone());
        let quiet = Server::new(work, pace(4), fence.clone(), metrics.clone());
        let (outbox, publisher) = events(config.clock.clone(), quiet);
        let silence = Arc::new(Silence);
        Controller {
            edge: Arc::new(Edge::new(config, server, transport, dial, silence, outbox, metrics)),
            publisher,
            lease,
            fence,
        }
    }

    /// What the controller knows and counts, to look at from outside.
    pub fn edge(&self) -> Arc<Edge> {
        self.edge.clone()
    }

    /// Runs until `shutdown`, then ends what is under way. No process is exited, nothing global is set up.
    ///
    /// # Errors
    /// A listener could not be opened, another controller leads, or the lease was lost; then nothing of this controller runs
    /// any more.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let Controller {
            edge,
            publisher,
            lease,
            fence,
        } = self;
        let stop = CancellationToken::new();
        let readiness = Readiness::default();
        // Dropped at the end, whatever the end is; everything in it ends with it.
        let mut listeners = JoinSet::new();
        if let Some(address) = edge.config.metrics {
            let listener = admin::listen(address).await?;
            listeners.spawn(admin::serve(
                listener,
                admin::metrics(edge.clone()),
                stop.clone().cancelled_owned(),
            ));
        }
        if let Some(address) = edge.config.healthz {
            let listener = admin::listen(address).await?;
            listeners.spawn(admin::serve(
                listener,
                admin::health(readiness.clone()),
                stop.clone().cancelled_owned(),
            ));
        }

        tokio::pin!(shutdown);
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            alone = rival::none(&edge.server, &edge.config) => alone?,
        }
        let Some(election) = edge.config.election.clone() else {
            let ended = work(edge, publisher, readiness, shutdown).await;
            stop.cancel();
            return ended;
        };
        let mut candidate = Candidate::new(lease, election, edge.config.clock.clone(), fence);
        // A follower is ready: it would lead if it were asked to.
        readiness.set();
        let held = tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            held = candidate.win() => held,
        };
        tracing::info!("leading");
        let lost = tokio::select! {
            biased;
            lost = candidate.hold(held) => Err(lost),
            ended = work(edge, publisher, readiness, shutdown) => ended,
        };
        stop.cancel();
        lost
    }
}

/// A whole controller; see [`Controller::run`].
///
/// # Errors
/// As [`Controller::run`].
pub async fn run(
    config: Config,
    clients: impl Into<Clients>,
    transport: providers::Transport,
    dial: Arc<dyn Dial>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    Controller::new(config, clients, transport, dial).run(shutdown).await
}

/// Watches, looks, publishes, until `shutdown`. Dropping it stops everything where it is.
async fn work(
    edge: Arc<Edge>,
    publisher: Publisher,
    readiness: Readiness,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    tokio::pin!(shutdown);
    let stop = CancellationToken::new();
    let _abandon = Abandon(edge.clone());
    let mut publishing = JoinSet::new();
    publishing.spawn(publisher.run());

    let kinds = watching::kinds(&edge.config);
    let (synced, mut progress) = watch::channel(BTreeSet::new());
    let mut watchers = JoinSet::new();
    for kind in &kinds {
        let (kind, watching, repairing) = (*kind, edge.clone(), edge.clone());
        let synced = synced.clone();
        watchers.spawn(kept(edge.clone(), move || {
            watching::keep(watching.clone(), kind, synced.clone())
        }));
        watchers.spawn(kept(edge.clone(), move || repair::keep(repairing.clone(), kind)));
    }
    for kind in Kind::WORKLOADS {
        let watching = edge.clone();
        watchers.spawn(kept(edge.clone(), move || {
            watching::keep_once_referred(watching.clone(), kind)
        }));
    }
    tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        // An error would mean that every sender is gone; `synced` is here.
        _ = progress.wait_for(|done| done.len() == kinds.len()) => {}
    }
    readiness.set();
    tracing::info!(
        rollouts = edge.know(|shelves| shelves.rollouts.len()),
        "everything there is has been listed"
    );
    watchers.spawn(resync(edge.clone()));

    let mut workers = JoinSet::new();
    workers.spawn(take_turns(
        edge.clone(),
        |edge| &edge.rollouts,
        edge.config.rollout_threads,
        stop.clone(),
    ));
    workers.spawn(take_turns(
        edge.clone(),
        |edge| &edge.runs,
        edge.config.analysis_threads,
        stop.clone(),
    ));

    shutdown.await;
    tracing::info!("stopping: what is under way is ended first");
    stop.cancel();
    if timeout(GRACE, async { while workers.join_next().await.is_some() {} })
        .await
        .is_err()
    {
        tracing::warn!("gave up waiting for what is under way");
    }
    watchers.shutdown().await;
    edge.events.close();
    let last_events = timeout(LAST_EVENTS, async { while publishing.join_next().await.is_some() {} }).await;
    if last_events.is_err() {
        tracing::debug!("some events were not published");
    }
    Ok(())
}

/// Gives the tasks of one queue to so many workers.
async fn take_turns(edge: Arc<Edge>, queue: fn(&Edge) -> &Queue, workers: usize, stop: CancellationToken) {
    let mut looks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = looks.join_next() => {}
            (task, _) = queue(&edge).next(), if looks.len() < workers.max(1) => {
                let edge = edge.clone();
                looks.spawn(async move {
                    let again = reconcile::look(&edge, &task).await;
                    queue(&edge).done(&task, again);
                });
            }
        }
    }
    while looks.join_next().await.is_some() {}
}

/// Keeps up what never ends by itself: after a panic it begins anew. A controller that has silently stopped to watch a
/// kind would go on with what it once knew, and nobody would see it.
async fn kept<F: Future<Output = ()>>(edge: Arc<Edge>, work: impl Fn() -> F) {
    while let Err(panic) = AssertUnwindSafe(work()).catch_unwind().await {
        edge.metrics.count(Total::Panics, 1);
        tracing::error!(panic = words_of(&*panic), "a watch panicked, and begins anew");
        sleep(AFTER_A_PANIC).await;
    }
}

/// Looks at everything now and then, though nothing has changed; never where the time between is none.
async fn resync(edge: Arc<Edge>) {
    while !edge.config.resync.is_zero() {
        sleep(edge.config.resync).await;
        edge.wake(edge.know(|shelves| shelves.tasks()));
    }
}

/// Measurements are spawned on their own; they end with whatever started them.
struct Abandon(Arc<Edge>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.measuring.stop();
    }
}
