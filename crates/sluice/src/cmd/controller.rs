//! `controller`: from flags to the configuration of the controller, and its run until a signal.
//!
//! Source: wire-contract 8.1. Every flag of Argo's controller is accepted under its name, so that its manifests start ours; one
//! that asks for what we do not do is refused by name rather than ignored.

mod check;
mod flags;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use controller::app::{self, Clients};
use controller::config::{Clock, Config, Election, Rivals};
use controller::measure::PodIp;

use super::Reach;
use crate::cluster::client_config;
pub use flags::{Args, ElectionFlags, ForeignFlags, PaceFlags, PortFlags, RouterFlags, ScopeFlags};

/// Where this process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The controller's own namespace: its Lease is there.
    pub namespace: String,
    pub host: String,
}

impl Place {
    /// `POD_NAMESPACE`, then the service account's namespace, then `argo-rollouts` (wire-contract 8.1).
    pub fn of_process() -> Self {
        let account = Path::new("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
        let named = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let namespace = std::env::var("POD_NAMESPACE").ok().and_then(named);
        let namespace = namespace.or_else(|| std::fs::read_to_string(account).ok().and_then(named));
        let host = std::env::var("HOSTNAME").ok().and_then(named);
        let host = host.or_else(|| std::fs::read_to_string("/etc/hostname").ok().and_then(named));
        Place {
            namespace: namespace.unwrap_or_else(|| "argo-rollouts".to_owned()),
            host: host.unwrap_or_else(|| "localhost".to_owned()),
        }
    }
}

impl Args {
    pub(super) async fn run(self, reach: &Reach) -> Result<()> {
        let (clients, namespace) = clients(reach).await?;
        for idle in self.check()? {
            tracing::warn!("{idle}");
        }
        let config = self.config(&namespace, &Place::of_process())?;
        let network = providers::Transport::network().map_err(anyhow::Error::msg);
        let network = network.context("could not set up connections to metric providers")?;
        app::run(config, clients, network, Arc::new(PodIp), stopped()).await?;
        Ok(())
    }

    /// The configuration; `namespace` is the one to look after with `--namespaced`.
    ///
    /// # Errors
    /// A flag is refused; see [`Args::check`].
    pub fn config(&self, namespace: &str, place: &Place) -> Result<Config> {
        self.check()?;
        let instance_id = &self.scope.instance_id;
        let listen = |port| Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        let election = &self.election;
        let election = match election.leader_elect {
            false => None,
            true => Some(Election {
                lease_duration: length(election.leader_election_lease_duration)?,
                renew_deadline: length(election.leader_election_renew_deadline)?,
                retry_period: length(election.leader_election_retry_period)?,
                ..Election::new(&place.namespace, instance_id, &place.host)
            }),
        };
        Ok(Config {
            namespace: if self.scope.namespaced {
                namespace.to_owned()
            } else {
                String::new()
            },
            instance_id: instance_id.clone(),
            resync: Duration::from_secs(self.pace.rollout_resync.into()),
            rollout_threads: self.pace.rollout_threads.into(),
            analysis_threads: self.pace.analysis_threads.into(),
            qps: self.pace.qps,
            burst: self.pace.burst,
            metrics: listen(self.ports.metrics_port),
            healthz: listen(self.ports.healthz_port),
            election,
            rivals: Rivals::Refused {
                beside: self.scope.beside.clone(),
            },
            providers: providers::Settings {
                prometheus_address: std::env::var("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS").unwrap_or_default(),
            },
            clock: Clock::system(),
            ..Config::default()
        })
    }
}

/// Two connections, so that nothing delays the renewal of the lease; and the namespace they look in.
async fn clients(reach: &Reach) -> Result<(Clients, String)> {
    match reach {
        Reach::Flags(flags) => {
            let config = client_config(flags).await?;
            let namespace = config.default_namespace.clone();
            let clients = Clients::connect(config).context("could not set up a connection")?;
            Ok((clients, namespace))
        }
        Reach::Over(cluster) => Ok((cluster.client().clone().into(), cluster.namespace.clone())),
    }
}

/// Ends with SIGINT or SIGTERM.
async fn stopped() {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::warn!("SIGTERM will end this process at once: {error}");
                std::future::pending().await
            }
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending();
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => {
            if let Err(error) = interrupted {
                tracing::warn!("SIGINT is not heard: {error}");
                std::future::pending().await
            }
        }
        () = terminated => {}
    }
    tracing::info!("stopping");
}

fn length(of: TimeDelta) -> Result<Duration> {
    of.to_std().context("a duration must not be negative")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::logs::LogFormat;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    /// What becomes of a command line: what changes nothing, or why it is refused.
    fn checked(line: &str) -> Result<Vec<String>, String> {
        let typed = Typed::try_parse_from(std::iter::once("controller").chain(line.split_whitespace()));
        let typed = typed.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
        typed.args.check().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_argos() {
        let args = Typed::try_parse_from(["controller"]).expect("no flag is required").args;
        assert_eq!((args.scope.namespaced, args.logformat), (false, LogFormat::Text));
        assert_eq!((args.pace.rollout_resync, args.pace.analysis_threads), (900, 30));
        assert_eq!((args.ports.metrics_port, args.ports.healthz_port), (8090, 8080));
        assert_eq!(args.election.leader_election_lease_duration, TimeDelta::seconds(15));
        assert_eq!(args.routers.alb_ingress_classes, ["alb"]);
        assert_eq!(args.check().expect("defaults are fine"), Vec::<String>::new());
    }

    #[test]
    fn argos_flags_are_taken_or_refused_by_name() {
        let fine = [
            "--namespaced --instance-id blue --logformat json",
            "--namespaced=false --leader-elect=false --metricsport 9090",
            "--nginx-ingress-classes nginx,public --alb-verify-weight=false --traefik-api-group traefik.io",
        ];
        for line in fine {
            assert_eq!(checked(line), Ok(Vec::new()), "{line}");
        }
        let refused = [
            (
                "--enable-pprof-address 127.0.0.1:8888",
                "--enable-pprof-address: there is no pprof here; leave it out (metrics are on --metricsPort)",
            ),
            (
                "--aws-verify-target-group",
                "--aws-verify-target-group: AWS target groups are not verified; leave it out",
            ),
            (
                "--ingress-api-version extensions/v1beta1",
                "--ingress-api-version: only networking.k8s.io/v1 is spoken here, not \"extensions/v1beta1\"",
            ),
            (
                "--leader-election-retry-period 20s",
                "leader election: lease duration > renew deadline > retry period > 0 must hold",
            ),
            (
                "--controllers analysis",
                "--controllers analysis: the parts of this controller do not run apart; leave it out",
            ),
            (
                "--logformat yaml",
                "error: invalid value 'yaml' for '--logformat <FORMAT>': text or json",
            ),
        ];
        for (line, why) in refused {
            assert_eq!(checked(line), Err(why.to_owned()), "{line}");
        }
        assert_eq!(
            checked("--service-threads 20"),
            Ok(vec![
                "--service-threads changes nothing: that work is part of looking at a rollout".to_owned()
            ])
        );
    }

    #[test]
    fn a_config_follows_the_flags() {
        let place = Place {
            namespace: "rollouts".to_owned(),
            host: "pod-1".to_owned(),
        };
        let config = |line: &str| {
            let typed = Typed::try_parse_from(std::iter::once("controller").chain(line.split_whitespace()));
            typed.expect("flags").args.config("shop", &place).expect("a config")
        };
        let default = config("");
        assert_eq!(
            (default.namespace.as_str(), default.resync.as_secs(), default.qps),
            ("", 900, 40)
        );
        assert_eq!(
            default.metrics.map(|at| at.to_string()).as_deref(),
            Some("0.0.0.0:8090")
        );
        let election = default.election.expect("an election");
        assert_eq!(
            (election.namespace.as_str(), election.name.as_str()),
            ("rollouts", "argo-rollouts-controller-lock")
        );
        assert!(election.identity.starts_with("pod-1_"), "{}", election.identity);
        let narrow = config("--namespaced --instance-id blue --leader-elect=false --healthzPort 9");
        assert_eq!(
            (narrow.namespace.as_str(), narrow.instance_id.as_str()),
            ("shop", "blue")
        );
        assert_eq!(narrow.election, None);
        assert_eq!(narrow.healthz.map(|at| at.port()), Some(9));
    }
}
