//! From kubectl's flags and files to a connection.

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::Cluster;
use crate::args::Connection;

/// Who we say we are to the API server.
const AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

/// Connects as [`client_config`] says. Nothing is sent yet.
///
/// # Errors
/// No cluster is configured, or what is configured does not make sense.
pub async fn connect(flags: &Connection) -> Result<Cluster> {
    let config = client_config(flags).await?;
    let namespace = config.default_namespace.clone();
    let patience = flags.request_timeout.filter(|length| *length > TimeDelta::zero());
    let patience = patience.and_then(|length| length.to_std().ok());
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).with_context(|| format!("could not set up a connection to {server}"))?;
    Ok(Cluster::new(client, server, namespace, patience))
}

/// How to reach the cluster: flags over kubeconfig over the pod's own service account, as kubectl does. Requests are not
/// repeated by the client.
///
/// # Errors
/// No cluster is configured, or what is configured does not make sense.
pub async fn client_config(flags: &Connection) -> Result<Config> {
    let mut config = found(flags).await?;
    // A person repeats the command, the controller its look: a retry behind their backs only hides what is wrong.
    config.default_retry = false;
    override_with(&mut config, flags);
    // Without it audit logs do not say whose request it was, and managedFields name the manager `unknown`.
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    Ok(config)
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
    if let Some(namespace) = &flags.namespace {
        config.default_namespace = namespace.clone();
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::PathBuf;

    use sim::world::Shared;
    use sim::{ApiServer, Clock, http};
    use tokio::net::TcpListener;

    use super::*;
    use crate::cluster::{Filter, Kind, Scope};

    /// A server on a loopback port.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Shared::new(ApiServer::new(Clock::new(), 1));
        tokio::spawn(http::serve(shared, listener, std::future::pending()));
        address
    }

    /// The namespaces there are, and the one of the connection.
    async fn seen(flags: Connection) -> Result<(usize, String)> {
        let cluster = connect(&flags).await?;
        let namespaces = Kind {
            plural: "namespaces",
            ..Kind::POD
        };
        let found = cluster
            .list(&namespaces, Scope::AllNamespaces, &Filter::default())
            .await?;
        Ok((found.len(), cluster.namespace))
    }

    #[tokio::test]
    async fn a_server_is_found_by_flag_and_by_file() {
        let address = server().await;
        let server = format!("http://{address}").parse().expect("an address");
        let path = std::env::temp_dir().join(format!("sluice-connect-{}", address.port()));
        std::fs::write(&path, http::kubeconfig(address)).expect("written");
        let by_flag = Connection {
            kubeconfig: Some(path.clone()),
            server: Some(server),
            ..Connection::default()
        };
        let by_file = Connection {
            kubeconfig: Some(path.clone()),
            namespace: Some("shop".into()),
            ..Connection::default()
        };
        assert_eq!(seen(by_flag).await.expect("an answer"), (4, "default".to_owned()));
        assert_eq!(seen(by_file).await.expect("an answer"), (4, "shop".to_owned()));
        std::fs::remove_file(&path).expect("removed");
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let nowhere = Connection {
            kubeconfig: Some(PathBuf::from("/nowhere/config")),
            ..Connection::default()
        };
        let error = seen(nowhere).await.expect_err("no such file");
        assert_eq!(error.to_string(), "could not read /nowhere/config");
    }
}
