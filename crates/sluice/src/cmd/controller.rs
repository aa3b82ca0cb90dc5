//! The flags of the controller: what each means here, and which are refused.
//!
//! Source: wire-contract 8.1. Every flag of Argo's controller is accepted under its name, so that its manifests start ours; one
//! that asks for what we do not do is refused by name rather than ignored.

use anyhow::{Result, bail};
use chrono::TimeDelta;

use crate::args::duration;

/// Run the controller
#[derive(clap::Args, Debug)]
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
          default_missing_value = "true", value_name = "BOOL")]
    pub namespaced: bool,
    /// Look after objects with this controller-instance-id label only; empty: those without one
    #[arg(long, value_name = "ID", default_value = "")]
    pub instance_id: String,
    /// `analysis` runs only the part that carries out AnalysisRuns
    #[arg(long, value_name = "PARTS", default_value = "", value_parser = parts)]
    pub controllers: Parts,
}

/// Which parts of the controller run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    All,
    Analysis,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How much is done at a time.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Pace")]
pub struct PaceFlags {
    /// Seconds after which a rollout is looked at again though nothing changed
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub rollout_resync: u32,
    /// Rollouts looked at side by side
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub rollout_threads: u16,
    /// Experiments looked at side by side
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub experiment_threads: u16,
    /// AnalysisRuns looked at side by side
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub analysis_threads: u16,
    /// Requests a second to the API server
    #[arg(long, value_name = "N", default_value_t = 40.0)]
    pub qps: f32,
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
          default_missing_value = "true", value_name = "BOOL")]
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
    #[arg(long, value_name = "VERSION", default_value = "v1alpha3")]
    pub istio_api_version: String,
    /// Ingress classes that are AWS load balancers
    #[arg(long, value_name = "CLASS", value_delimiter = ',', default_value = "alb")]
    pub alb_ingress_classes: Vec<String>,
    /// Ingress classes that are nginx
    #[arg(long, value_name = "CLASS", value_delimiter = ',', default_value = "nginx")]
    pub nginx_ingress_classes: Vec<String>,
}

/// Flags that mean something to Argo's controller only.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Accepted for Argo Rollouts' manifests")]
pub struct ForeignFlags {
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
          default_missing_value = "true")]
    pub aws_verify_target_group: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub self_service_notification_enabled: Option<bool>,
}

impl Args {
    /// Refuses what cannot be done as asked; answers what is accepted and changes nothing, a line each.
    ///
    /// # Errors
    /// A flag asks for something we do not do, or two do not go together.
    pub fn check(&self) -> Result<Vec<String>> {
        let foreign = &self.foreign;
        let asked = |flag: &Option<bool>| *flag == Some(true);
        if foreign
            .enable_pprof_address
            .as_ref()
            .is_some_and(|address| !address.is_empty())
        {
            bail!("--enable-pprof-address: there is no pprof here; leave it out (metrics are on --metricsPort)");
        }
        if asked(&foreign.aws_verify_target_group) {
            bail!("--aws-verify-target-group: AWS target groups are not verified; leave it out");
        }
        if asked(&foreign.self_service_notification_enabled) {
            bail!("--self-service-notification-enabled: notifications of other namespaces are not sent; leave it out");
        }
        for (flag, given, known) in self.versions() {
            if let Some(given) = given.as_deref().filter(|given| !given.is_empty() && *given != known) {
                bail!("--{flag}: only {known} is spoken here, not {given:?}");
            }
        }
        let election = &self.election;
        let (lease, renew, retry) = (
            election.leader_election_lease_duration,
            election.leader_election_renew_deadline,
            election.leader_election_retry_period,
        );
        if election.leader_elect && !(lease > renew && renew > retry && retry > TimeDelta::zero()) {
            bail!("leader election: lease duration > renew deadline > retry period > 0 must hold");
        }
        if self.pace.rollout_threads == 0 || self.pace.experiment_threads == 0 || self.pace.analysis_threads == 0 {
            bail!("--rollout-threads, --experiment-threads and --analysis-threads must be 1 or more");
        }
        if !(self.pace.qps.is_finite() && self.pace.qps > 0.0) || self.pace.burst == 0 {
            bail!("--qps and --burst must be more than 0");
        }
        Ok(self.idle())
    }

    /// Version flags: what was given, and the one version there is.
    fn versions(&self) -> [(&'static str, &Option<String>, &'static str); 8] {
        let foreign = &self.foreign;
        [
            (
                "ambassador-api-version",
                &foreign.ambassador_api_version,
                "getambassador.io/v2",
            ),
            (
                "traffic-split-api-version",
                &foreign.traffic_split_api_version,
                "v1alpha1",
            ),
            ("traefik-api-group", &foreign.traefik_api_group, "traefik.io"),
            (
                "traefik-api-version",
                &foreign.traefik_api_version,
                "traefik.io/v1alpha1",
            ),
            ("appmesh-crd-version", &foreign.appmesh_crd_version, "v1beta2"),
            (
                "aws-target-group-binding-api-version",
                &foreign.aws_target_group_binding_api_version,
                "elbv2.k8s.aws/v1beta1",
            ),
            (
                "ingress-api-version",
                &foreign.ingress_api_version,
                "networking.k8s.io/v1",
            ),
            (
                "alb-tag-key-resource-id",
                &foreign.alb_tag_key_resource_id,
                "ingress.k8s.aws/resource",
            ),
        ]
    }

    fn idle(&self) -> Vec<String> {
        let foreign = &self.foreign;
        let threads = [
            ("service-threads", foreign.service_threads),
            ("ingress-threads", foreign.ingress_threads),
            ("ephemeral-metadata-threads", foreign.ephemeral_metadata_threads),
            (
                "ephemeral-metadata-update-pod-retries",
                foreign.ephemeral_metadata_update_pod_retries,
            ),
        ];
        let given = threads.into_iter().filter(|(_, given)| given.is_some());
        given
            .map(|(flag, _)| format!("--{flag} changes nothing: that work is part of looking at a rollout"))
            .collect()
    }
}

fn parts(text: &str) -> Result<Parts, String> {
    match text {
        "" => Ok(Parts::All),
        "analysis" => Ok(Parts::Analysis),
        _ => Err("only `analysis` can run by itself; leave it out to run everything".to_owned()),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "" | "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

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
        assert_eq!((args.scope.namespaced, args.scope.controllers), (false, Parts::All));
        assert_eq!((args.pace.rollout_resync, args.pace.analysis_threads), (900, 30));
        assert_eq!((args.ports.metrics_port, args.ports.healthz_port), (8090, 8080));
        assert_eq!(args.election.leader_election_lease_duration, TimeDelta::seconds(15));
        assert_eq!(args.routers.alb_ingress_classes, ["alb"]);
        assert_eq!(args.check().expect("defaults are fine"), Vec::<String>::new());
    }

    #[test]
    fn argos_flags_are_taken_or_refused_by_name() {
        let fine = [
            "--namespaced --instance-id blue --controllers analysis --logformat json",
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
                "--controllers rollouts",
                "error: invalid value 'rollouts' for '--controllers <PARTS>': only `analysis` can run by itself; leave it \
                 out to run everything",
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
}
