//! What is logged, and how.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::args::Logs;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What a verb logs unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    pub(crate) level: Level,
    /// The least that the Kubernetes client logs.
    pub(crate) client: &'static str,
    pub(crate) format: LogFormat,
}

impl Voice {
    /// A verb that says its errors itself; the client would say them a second time.
    pub(crate) const QUIET: Voice = Voice {
        level: Level::WARN,
        client: "off",
        format: LogFormat::Text,
    };

    /// A process that others watch.
    pub(crate) const fn service(format: LogFormat) -> Self {
        Voice {
            level: Level::INFO,
            client: "warn",
            format,
        }
    }
}

/// Logs to stderr; flags say otherwise than the voice, `RUST_LOG` otherwise than both.
pub(crate) fn start(logs: &Logs, voice: Voice) {
    let level = logs.loglevel.unwrap_or(voice.level);
    let client = match logs.kloglevel {
        0 => voice.client,
        1..=3 => "warn",
        4..=5 => "info",
        6..=7 => "debug",
        8.. => "trace",
    };
    let directives = format!("{level},kube={client},kube_client={client},kube_runtime={client},hyper=warn,tower=warn");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Whoever started logging first keeps it.
    let _ = match voice.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
