//! A Prometheus that answers from a script, over real HTTP: `http://ADDRESS/METRIC` is the address of one metric.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::any;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::model::Metrics;

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    metrics: Arc<Mutex<Metrics>>,
    serving: JoinHandle<()>,
}

impl Scripted {
    /// On a free loopback port; a metric without a script answers 1.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for metrics")?;
        let address = listener.local_addr()?;
        let metrics = Arc::default();
        let app = Router::new()
            .route("/{metric}/api/v1/query", any(answer))
            .with_state(Arc::clone(&metrics));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(%error, "the scripted metrics have ended");
            }
        });
        Ok(Scripted {
            address,
            metrics,
            serving,
        })
    }

    /// From now on the metric gives these values, one after the other; see [`Metrics::set`].
    pub fn set(&self, metric: &str, values: Vec<Value>) {
        self.metrics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .set(metric, values);
    }

    /// Sends the Prometheus queries of a template's metrics here, each to the address of its name.
    pub fn redirect(&self, manifest: &mut Value) {
        for metric in manifest["spec"]["metrics"].as_array_mut().into_iter().flatten() {
            let name = metric["name"].as_str().unwrap_or_default().to_owned();
            if let Some(prometheus) = metric["provider"].get_mut("prometheus") {
                prometheus["address"] = format!("http://{}/{name}", self.address).into();
            }
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(metrics): State<Arc<Mutex<Metrics>>>, Path(metric): Path<String>) -> (StatusCode, String) {
    let value = metrics.lock().unwrap_or_else(PoisonError::into_inner).value(&metric);
    if let Some(why) = value.as_str().and_then(|text| text.strip_prefix("error:")) {
        let error = json!({"status": "error", "errorType": "internal", "error": why.trim()});
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let answer = json!({"status": "success", "data": {"resultType": "scalar", "result": [0, text]}});
    (StatusCode::OK, answer.to_string())
}
