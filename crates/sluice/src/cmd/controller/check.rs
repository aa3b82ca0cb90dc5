//! Which command lines are refused.

use anyhow::{Result, bail};
use chrono::TimeDelta;

use super::Args;

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
        if let Some(parts) = foreign.controllers.as_ref().filter(|parts| !parts.is_empty()) {
            bail!("--controllers {parts}: the parts of this controller do not run apart; leave it out");
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
        if self.pace.rollout_threads == 0 || self.pace.analysis_threads == 0 {
            bail!("--rollout-threads and --analysis-threads must be 1 or more");
        }
        if self.pace.qps == 0 || self.pace.burst == 0 {
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
            ("experiment-threads", foreign.experiment_threads),
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
