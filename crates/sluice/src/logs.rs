//! What is logged, and how.

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::args::Logs;

/// Logs to stderr from `level` on; `RUST_LOG` says otherwise. A second call changes nothing.
pub(crate) fn start(logs: &Logs, level: Level) {
    let level = logs.loglevel.unwrap_or(level);
    let client = match logs.kloglevel {
        0..=3 => "warn",
        4..=5 => "info",
        6..=7 => "debug",
        8.. => "trace",
    };
    let directives = format!("{level},kube={client},kube_client={client},kube_runtime={client},hyper=warn,tower=warn");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    // Whoever started logging first keeps it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
