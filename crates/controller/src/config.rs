//! What the operator of the controller decides: scope, sizes, periods, addresses. Source: wire-contract 8.1.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// How one controller runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one namespace that is looked after; empty: all of them.
    pub namespace: String,
    /// Only objects labelled with this id are looked after; empty: only those without the label.
    pub instance_id: String,
    /// Everything is looked at again this often, though nothing has changed.
    pub resync: Duration,
    /// What is known is compared with what the API server lists this often.
    pub repair: Duration,
    /// How many Rollouts are looked at at once.
    pub rollout_threads: usize,
    /// How many AnalysisRuns are looked at at once.
    pub analysis_threads: usize,
    /// Requests per second to the API server, apart from watches and the lease.
    pub qps: u32,
    /// Requests that may be made at once after a quiet time.
    pub burst: u32,
    /// Where `/metrics` is served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Where `/healthz` and `/readyz` are served; `None`: nowhere.
    pub healthz: Option<SocketAddr>,
    /// `None`: this controller is the only one and needs no lease.
    pub election: Option<Election>,
    pub rivals: Rivals,
    pub providers: providers::Settings,
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            namespace: String::new(),
            instance_id: String::new(),
            resync: Duration::from_secs(900),
            repair: Duration::from_secs(300),
            rollout_threads: 10,
            analysis_threads: 30,
            qps: 40,
            burst: 80,
            metrics: None,
            healthz: None,
            election: None,
            rivals: Rivals::Ignored,
            providers: providers::Settings::default(),
            clock: Clock::system(),
        }
    }
}

/// What becomes of us while another controller leads on the same rollouts from another namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rivals {
    /// Nobody looks for one.
    Ignored,
    /// We do not begin, unless it is in one of these namespaces: those who are there look after other rollouts.
    Refused { beside: Vec<String> },
}

/// The contract's name of the Lease. Source: wire-contract 8.1.
pub fn lease_name(instance_id: &str) -> String {
    match instance_id {
        "" => "argo-rollouts-controller-lock".to_owned(),
        id => format!("argo-rollouts-controller-lock-{id}"),
    }
}

/// How the leader is elected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Election {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub name: String,
    /// Who we are; no two controllers have the same.
    pub identity: String,
    /// How long a lease counts after its last renewal.
    pub lease_duration: Duration,
    /// A leader that could not renew for this long gives up.
    pub renew_deadline: Duration,
    /// The wait between two attempts.
    pub retry_period: Duration,
}

impl Election {
    /// The contract's Lease and periods, for a controller on this host. Source: wire-contract 8.1.
    pub fn new(namespace: impl Into<String>, instance_id: &str, host: &str) -> Self {
        Election {
            namespace: namespace.into(),
            name: lease_name(instance_id),
            identity: format!("{host}_{}", uuid::Uuid::new_v4()),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// What time it is.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    uptime: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl Clock {
    /// The wall clock.
    pub fn system() -> Self {
        Clock::from_fn(system_now).with_uptime(system_uptime)
    }

    /// A clock of the caller's: the simulator's, so that both worlds agree.
    pub fn from_fn(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Clock {
            now: Arc::new(now),
            uptime: Arc::new(|| None),
        }
    }

    /// The same, with how long the machine has been up, sleep included.
    pub fn with_uptime(self, uptime: impl Fn() -> Option<Duration> + Send + Sync + 'static) -> Self {
        Clock {
            uptime: Arc::new(uptime),
            ..self
        }
    }

    /// How long the machine has been up, sleep included; `None` where nobody knows.
    pub fn uptime(&self) -> Option<Duration> {
        (self.uptime)()
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Linux counts this on while the machine sleeps, unlike the clock of timers.
fn system_uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The only place in this crate where the wall clock is read.
#[allow(clippy::disallowed_methods, reason = "every other time is this one, handed on")]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}
