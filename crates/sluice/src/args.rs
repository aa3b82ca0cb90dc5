//! What was typed: the verbs, and the flags that every verb takes.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::cmd::Verb;

/// Progressive delivery for Kubernetes: canary and blue/green rollouts that stop themselves.
#[derive(Parser, Debug)]
#[command(
    version,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    args_override_self = true,
    max_term_width = 110,
    after_help = "\
Examples:
  sluice get rollout web --watch      watch a rollout go through its steps
  sluice set image web app=web:2      start an update
  sluice promote web                  go on past a pause
  sluice abort web                    give stable all traffic back
  sluice undo web                     return to the revision before
  sluice VERB --help                  what a verb does, with examples

Installed as kubectl-sluice, the same works as `kubectl sluice VERB`."
)]
pub struct Sluice {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub logs: Logs,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Which cluster, as whom, and where in it: kubectl's flags.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Namespace to look in; the context's own when absent
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Kubeconfig file; $KUBECONFIG, then ~/.kube/config when absent
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub user: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, value_name = "URL", hide_short_help = true)]
    pub server: Option<http::Uri>,
    /// Bearer token
    #[arg(long, global = true, hide_short_help = true)]
    pub token: Option<String>,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER", hide_short_help = true)]
    pub impersonate: Option<String>,
    /// Group to act as; may be given more than once
    #[arg(long = "as-group", global = true, value_name = "GROUP", hide_short_help = true)]
    pub impersonate_group: Vec<String>,
    /// Uid to act as
    #[arg(long = "as-uid", global = true, value_name = "UID", hide_short_help = true)]
    pub impersonate_uid: Option<String>,
    /// File with the server's certificate authority
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub certificate_authority: Option<PathBuf>,
    /// Client certificate file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub client_certificate: Option<String>,
    /// Client key file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub client_key: Option<String>,
    /// Do not check the server's certificate
    #[arg(long, global = true, hide_short_help = true, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value_t = false, default_missing_value = "true", value_name = "BOOL",
          value_parser = truth)]
    pub insecure_skip_tls_verify: bool,
    /// Server name to check the certificate against
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub tls_server_name: Option<String>,
    /// How long one request may take: `30s`, `1m`; 0 is for ever
    #[arg(long, global = true, value_name = "DURATION", value_parser = patience, hide_short_help = true)]
    pub request_timeout: Option<chrono::TimeDelta>,
}

/// What is logged, on stderr.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logs")]
pub struct Logs {
    /// debug, info, warn or error; info for the controller, warn for the other verbs when absent
    #[arg(long, global = true, value_name = "LEVEL", hide_short_help = true)]
    pub loglevel: Option<tracing::Level>,
    /// Log level of the Kubernetes client: 0 is quiet, 6 and more shows requests
    #[arg(
        short = 'v',
        long,
        global = true,
        value_name = "N",
        default_value_t = 0,
        hide_short_help = true
    )]
    pub kloglevel: u8,
}

/// A Go duration; kubectl also takes a bare number of seconds here.
fn patience(text: &str) -> Result<chrono::TimeDelta, String> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(chrono::TimeDelta::seconds(seconds.into())),
        Err(_) => duration(text),
    }
}

/// Yes or no, in all of Go's words for it.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// A duration in Go's words that is not negative.
pub(crate) fn duration(text: &str) -> Result<chrono::TimeDelta, String> {
    let length = api::duration::parse_go_duration(text).map_err(|error| error.to_string())?;
    if length < chrono::TimeDelta::zero() {
        return Err("must not be negative".to_owned());
    }
    Ok(length)
}
