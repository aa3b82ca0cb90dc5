//! What is logged, and how.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::args::Logs;

/// Logs to stderr from `level` on; `RUST_LOG` says otherwise. A second call changes nothing.
pub(crate) fn start(logs: &Logs, level: Level) {
    let level = logs.loglevel.unwrap_or(level);
    let client = match logs.kloglevel {
        // A verb says its errors itself; the client would say them a second time.
        0 if level <= Level::WARN => "off",
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
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
