//! The flags, under Argo's names and with its defaults.

use chrono::TimeDelta;

use crate::args::{duration, truth};
use crate::logs::LogFormat;

/// Run the controller, until SIGINT or SIGTERM
///
/// Flags of Argo Rollouts' controller are accepted under their names; one that asks for what is not done here is refused.
#[derive(clap::Args, Debug)]
#[command(
    version,
    after_help = "\
Examples:
  sluice controller                                  in a cluster: all namespaces, one leader of several replicas
  sluice controller --leader-elect=false             on a laptop, against the context of the kubeconfig
  sluice controller --namespaced -n shop             one namespace only
  sluice controller --logformat json --loglevel debug"
)]
pub struct Args {
    #[command(flatten)]
    pub scope: ScopeFlags,
    /// text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = log_format)]
    pub logformat: LogFormat,
    #[command(flatten)]
    pub pace: PaceFlags,
    #[command(flatten)]
    pub ports: PortFlags,
    #[command(flatten)]
    pub election: ElectionFlags,
    #[command(flatten)]
    pub routers: RouterFlags,
    #[command(flatten)]
    pub foreign: ForeignFlags,
}

/// Which rollouts are looked after.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Scope")]
pub struct ScopeFlags {
    /// Look after one namespace only: --namespace, or the controller's own
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", value_name = "BOOL", value_parser = truth)]
    pub namespaced: bool,
    /// Look after objects with this controller-instance-id label only; empty: those without one
    #[arg(long, value_name = "ID", default_value = "")]
    pub instance_id: String,
    /// Another controller leads in this namespace and looks after other rollouts; may be given more than once
    #[arg(long, value_name = "NAMESPACE")]
    pub beside: Vec<String>,
}

/// How much is done at a time.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Pace")]
pub struct PaceFlags {
    /// Seconds after which a rollout is looked at again though nothing changed; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub rollout_resync: u32,
    /// Rollouts looked at side by side
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub rollout_threads: u16,
    /// AnalysisRuns looked at side by side
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub analysis_threads: u16,
    /// Requests a second to the API server
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub qps: u32,
    /// Requests at once before --qps bounds them
    #[arg(long, value_name = "N", default_value_t = 80)]
    pub burst: u32,
}

/// Where it listens.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Listeners")]
pub struct PortFlags {
    /// Port of /metrics
    #[arg(
        long = "metricsPort",
        alias = "metricsport",
        value_name = "PORT",
        default_value_t = 8090
    )]
    pub metrics_port: u16,
    /// Port of /healthz and /readyz
    #[arg(long = "healthzPort", value_name = "PORT", default_value_t = 8080)]
    pub healthz_port: u16,
}

/// How one of several replicas is chosen.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Leader election")]
pub struct ElectionFlags {
    /// Act only while holding the Lease
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true,
          default_missing_value = "true", value_name = "BOOL", value_parser = truth)]
    pub leader_elect: bool,
    /// How long a Lease is good without being renewed
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub leader_election_lease_duration: TimeDelta,
    /// How long a leader tries to renew before it steps down
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub leader_election_renew_deadline: TimeDelta,
    /// Time between two tries
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub leader_election_retry_period: TimeDelta,
}

/// Which foreign objects routers work on.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Routers")]
pub struct RouterFlags {
    /// Version of Istio's networking API
    #[arg(long, hide = true, value_name = "VERSION", default_value = "v1alpha3")]
    pub istio_api_version: String,
    /// Ingress classes that are AWS load balancers
    #[arg(
        long,
        hide = true,
        value_name = "CLASS",
        value_delimiter = ',',
        default_value = "alb"
    )]
    pub alb_ingress_classes: Vec<String>,
    /// Ingress classes that are nginx
    #[arg(
        long,
        hide = true,
        value_name = "CLASS",
        value_delimiter = ',',
        default_value = "nginx"
    )]
    pub nginx_ingress_classes: Vec<String>,
}

/// Flags that mean something to Argo's controller only.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Accepted for Argo Rollouts' manifests")]
pub struct ForeignFlags {
    #[arg(long, hide = true)]
    pub controllers: Option<String>,
    #[arg(long, hide = true)]
    pub experiment_threads: Option<u32>,
    #[arg(long, hide = true)]
    pub service_threads: Option<u32>,
    #[arg(long, hide = true)]
    pub ingress_threads: Option<u32>,
    #[arg(long, hide = true)]
    pub ephemeral_metadata_threads: Option<u32>,
    #[arg(long, hide = true)]
    pub ephemeral_metadata_update_pod_retries: Option<u32>,
    #[arg(long, hide = true)]
    pub enable_pprof_address: Option<String>,
    #[arg(long, hide = true)]
    pub ambassador_api_version: Option<String>,
    #[arg(long, hide = true)]
    pub traffic_split_api_version: Option<String>,
    #[arg(long, hide = true)]
    pub traefik_api_group: Option<String>,
    #[arg(long, hide = true)]
    pub traefik_api_version: Option<String>,
    #[arg(long, hide = true)]
    pub appmesh_crd_version: Option<String>,
    #[arg(long, hide = true)]
    pub aws_target_group_binding_api_version: Option<String>,
    #[arg(long, hide = true)]
    pub ingress_api_version: Option<String>,
    #[arg(long, hide = true)]
    pub alb_tag_key_resource_id: Option<String>,
    #[arg(long, hide = true, alias = "alb-verify-weight", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = truth)]
    pub aws_verify_target_group: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = truth)]
    pub self_service_notification_enabled: Option<bool>,
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "" | "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".to_owned()),
    }
}
