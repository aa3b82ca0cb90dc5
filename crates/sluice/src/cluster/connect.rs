//! From kubectl's flags and files to a connection.

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::Cluster;
use crate::args::Connection;

/// Connects the way kubectl does: flags over kubeconfig over the pod's own service account.
///
/// # Errors
/// No cluster is configured, or what is configured does not make sense. Nothing is sent yet.
pub async fn connect(flags: &Connection) -> Result<Cluster> {
    let mut config = found(flags).await?;
    // A person at a terminal repeats the command; a retry behind their back only hides what is wrong.
    config.default_retry = false;
    override_with(&mut config, flags);
    let namespace = flags
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let patience = flags.request_timeout.filter(|length| *length > TimeDelta::zero());
    let patience = patience.and_then(|length| length.to_std().ok());
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).with_context(|| format!("could not set up a connection to {server}"))?;
    Ok(Cluster::new(client, server, namespace, patience))
}

async fn found(flags: &Connection) -> Result<Config> {
    let options = KubeConfigOptions {
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        user: flags.user.clone(),
    };
    let kubeconfig = match &flags.kubeconfig {
        Some(path) => Kubeconfig::read_from(path).with_context(|| format!("could not read {}", path.display()))?,
        None => match (Kubeconfig::read(), &flags.server, Config::incluster()) {
            (Ok(kubeconfig), _, _) => kubeconfig,
            (Err(_), Some(server), _) => return Ok(Config::new(server.clone())),
            (Err(_), None, Ok(config)) => return Ok(config),
            (Err(error), None, Err(_)) => {
                bail!("no cluster to talk to: {error}; name one with --kubeconfig FILE, $KUBECONFIG or --server URL")
            }
        },
    };
    if kubeconfig.contexts.is_empty()
        && let Some(server) = &flags.server
    {
        return Ok(Config::new(server.clone()));
    }
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .context("could not use the kubeconfig (--context names a context of it)")
}

fn override_with(config: &mut Config, flags: &Connection) {
    if let Some(server) = &flags.server {
        config.cluster_url = server.clone();
    }
    if let Some(file) = &flags.certificate_authority {
        config.root_cert_file = Some(file.clone());
    }
    config.accept_invalid_certs |= flags.insecure_skip_tls_verify;
    if flags.tls_server_name.is_some() {
        config.tls_server_name = flags.tls_server_name.clone();
    }
    let who = &mut config.auth_info;
    if let Some(token) = &flags.token {
        who.token = Some(token.clone().into());
        who.token_file = None;
    }
    if let Some(file) = &flags.client_certificate {
        (who.client_certificate, who.client_certificate_data) = (Some(file.clone()), None);
    }
    if let Some(file) = &flags.client_key {
        (who.client_key, who.client_key_data) = (Some(file.clone()), None);
    }
    if flags.impersonate.is_some() {
        who.impersonate = flags.impersonate.clone();
    }
    if flags.impersonate_uid.is_some() {
        who.impersonate_uid = flags.impersonate_uid.clone();
    }
    if !flags.impersonate_group.is_empty() {
        who.impersonate_groups = Some(flags.impersonate_group.clone());
    }
}
