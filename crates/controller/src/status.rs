//! Writing the difference of a status: only on the version that was seen.

mod counts;

use serde_json::Value;

use crate::apply::after_refusal;
use crate::cache::Version;
use crate::cache::freshness::Echo;
use crate::edge::Edge;
use crate::error::Error;
use crate::lower::{self, Subject};
use crate::task::Task;
pub use counts::Counts;

/// Writes a difference for a Rollout or an AnalysisRun.
///
/// # Errors
/// It was not accepted; what there is instead has been read where that was possible.
pub async fn write(edge: &Edge, task: &Task, subject: &Subject, difference: &Value) -> Result<(), Error> {
    let attempt = format!("write the status of {} {}", subject.kind, subject.name);
    match edge.server.write(&attempt, lower::status(subject, difference)).await {
        Ok(answer) => {
            if let Some(version) = answer.version() {
                edge.wrote(
                    task,
                    subject.kind,
                    subject.name.clone(),
                    Echo::Version(Version::new(version)),
                );
            }
            Ok(())
        }
        Err(error) => {
            after_refusal(edge, task, subject.kind, subject.name.clone(), &error).await;
            Err(error)
        }
    }
}
