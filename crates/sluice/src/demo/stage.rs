//! The cluster inside this process: API server, actors, pods that are real HTTP servers, and the real controller on it.
//!
//! The controller and everybody else reach the API server over HTTP on a loopback port, as on any cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use controller::app::Clients;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::{Client, Config};
use sim::kubelet::dial::DialTable;
use sim::kubelet::serve::Servers;
use sim::kubelet::{Kubelet, Pace};
use sim::world::{Shared, crew, live};
use sim::{ApiServer, Clock};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;

/// Where everything of the demo is.
pub const NAMESPACE: &str = "default";

/// Nodes on which a newcomer sees pods come and go, without having to wait for them.
const PACE: Pace = Pace {
    pull: Duration::from_millis(300),
    start: Duration::from_millis(600),
    drain: Duration::from_millis(2500),
    back_off: Duration::from_secs(2),
    spread_percent: 60,
};

/// A running cluster.
pub struct Stage {
    /// Which loopback port answers for which pod.
    pub table: DialTable,
    /// Where the API server of this process listens; none on a cluster that is somebody else's.
    pub address: Option<SocketAddr>,
    /// How the API server is reached.
    config: Config,
    /// The controller first: it must be able to finish its writes when everything ends.
    controller: JoinSet<Result<()>>,
    world: JoinSet<Result<()>>,
    end_controller: CancellationToken,
    end_world: CancellationToken,
}

impl Stage {
    /// Starts the cluster, empty but for our CRDs.
    ///
    /// # Errors
    /// No loopback port could be had, or a client not be made.
    pub async fn open() -> Result<Stage> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("could not open a loopback port for the API server")?;
        let address = listener.local_addr()?;
        let table = DialTable::default();
        let (end_controller, end_world) = (CancellationToken::new(), CancellationToken::new());

        let mut server = ApiServer::new(Clock::real(), seed());
        for crd in api::crd::all() {
            let refused = |status| anyhow!("the API server refused a CRD: {status}");
            server.install(&crd).map_err(refused)?;
        }
        let shared = Shared::new(server);
        let pods = Servers::new(Handle::current(), table.clone());
        let actors = crew(Kubelet::new(PACE, Box::new(pods)));
        let mut world = JoinSet::new();
        let (serving, stop) = (shared.clone(), end_world.clone());
        world.spawn(async move {
            let served = sim::http::serve(serving, listener, stop.cancelled_owned()).await;
            served.context("the API server broke down")
        });
        let stop = end_world.clone();
        world.spawn(async move {
            live(shared, actors, stop.cancelled_owned()).await;
            Ok(())
        });

        let mut config = Config::new(format!("http://{address}").parse()?);
        config.default_retry = false;
        let mut stage = Stage {
            table,
            address: Some(address),
            config,
            controller: JoinSet::new(),
            world,
            end_controller,
            end_world,
        };
        stage.start_controller()?;
        Ok(stage)
    }

    /// A cluster that others have started, with a controller of theirs; `table` says where its pods are dialled. The
    /// stories are played on it, and it is left as it is then.
    pub fn on(config: Config, table: DialTable) -> Stage {
        Stage {
            table,
            address: None,
            config,
            controller: JoinSet::new(),
            world: JoinSet::new(),
            end_controller: CancellationToken::new(),
            end_world: CancellationToken::new(),
        }
    }

    /// The real controller, over HTTP like any other client; only where pods are dialled comes from the table.
    fn start_controller(&mut self) -> Result<()> {
        let clients = Clients::from(self.client("sluice-controller")?);
        let transport = providers::Transport::network().map_err(anyhow::Error::msg)?;
        let table = self.table.clone();
        let dial = Arc::new(move |ip: IpAddr, port: u16| table.dial(ip, port));
        let stop = self.end_controller.clone();
        let config = controller::config::Config::default();
        self.controller.spawn(async move {
            let ended = controller::app::run(config, clients, transport, dial, stop.cancelled_owned()).await;
            ended.context("the controller broke down")
        });
        Ok(())
    }

    /// A client that says it is `agent`.
    ///
    /// # Errors
    /// The client could not be set up.
    pub fn client(&self, agent: &'static str) -> Result<Client> {
        let mut config = self.config.clone();
        config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
        Ok(Client::try_from(config)?)
    }

    /// The cluster as the verbs see it.
    ///
    /// # Errors
    /// The client could not be set up.
    pub fn cluster(&self) -> Result<Cluster> {
        Ok(Cluster::new(
            self.client("sluice-demo")?,
            self.config.cluster_url.to_string(),
            NAMESPACE.to_owned(),
            None,
        ))
    }

    /// Ends only if a part of the cluster ends by itself, which none should.
    pub async fn broken(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            Some(ended) = self.controller.join_next() => ended,
            Some(ended) = self.world.join_next() => ended,
            else => return std::future::pending().await,
        };
        match ended {
            Ok(Ok(())) => anyhow!("a part of the cluster has ended"),
            Ok(Err(error)) => error,
            Err(panic) => anyhow::Error::new(panic).context("a part of the cluster has ended"),
        }
    }

    /// Ends the controller, then the cluster under it.
    pub async fn close(mut self) {
        self.end_controller.cancel();
        while self.controller.join_next().await.is_some() {}
        self.end_world.cancel();
        while self.world.join_next().await.is_some() {}
    }
}

/// Another cluster every time: names and uids are not known beforehand.
#[allow(clippy::disallowed_types, reason = "what a demo shows must not depend on the seed")]
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
