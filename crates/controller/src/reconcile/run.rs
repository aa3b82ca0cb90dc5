//! One look at one AnalysisRun.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::analysis::AnalysisRun;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::analysis::arguments::Secrets;
use engine::analysis::{RunPlan, RunSnapshot, decide_run};
use kube::api::{DeleteParams, Preconditions};
use kube::core::Request as Builder;
use serde_json::Value;

use super::{after, at};
use crate::cache::Version;
use crate::cache::freshness::Echo;
use crate::edge::Edge;
use crate::error::{Error, trouble_of};
use crate::kind::{Kind, Name};
use crate::lower::{self, Subject};
use crate::measure;
use crate::observe;
use crate::queue::Again;
use crate::status;
use crate::task::Task;

pub(super) async fn look(edge: &Arc<Edge>, task: &Task, name: &Name) -> Again {
    if let Some(again) = edge.freshen(task).await {
        return again;
    }
    let known = edge.know(|shelves| shelves.runs.get(name).cloned());
    let Some(known) = known else {
        edge.forget(task);
        return Again::Never;
    };
    let subject = observe::subject(Kind::AnalysisRun, name, &known.stamp);
    let hop = hop(edge, task, &subject, &known.object).await;
    edge.tell_once(task, &subject, hop.as_ref().err().and_then(trouble_of));
    match hop {
        Ok(again) => again,
        Err(error) => after(task, &error),
    }
}

async fn hop(edge: &Arc<Edge>, task: &Task, subject: &Subject, run: &Arc<AnalysisRun>) -> Result<Again, Error> {
    let (answers, in_flight) = edge.measuring.of(&subject.name, &subject.uid);
    let shown: Vec<String> = answers.keys().cloned().collect();
    let mut seen = RunSnapshot {
        now: edge.config.clock.now(),
        run: AnalysisRun::clone(run),
        answers,
        in_flight,
        secrets: Secrets::new(),
    };
    let mut plan = decide_run(&seen);
    if !plan.secrets.is_empty() {
        for secret in std::mem::take(&mut plan.secrets) {
            let found = read_secret(edge, &subject.name.namespace, &secret).await?;
            seen.secrets.insert(secret, found);
        }
        plan = decide_run(&seen);
    }
    if plan.delete {
        delete(edge, task, subject).await?;
        return Ok(Again::OnEvent);
    }
    let RunPlan {
        status: next,
        tasks,
        forgotten,
        notices,
        wake,
        ..
    } = plan;
    let recorded = run.status.clone().unwrap_or_default();
    if let Some(difference) = engine::merge_patch(&recorded, &next) {
        tracing::info!(%task, phase = next.phase, message = next.message, "status");
        status::write(edge, task, subject, &difference).await?;
    }
    edge.measuring.accepted(&subject.name, &subject.uid, &shown);
    // Only now: what the status still names must still be there.
    for gone in &forgotten {
        measure::clear_away(task, gone);
    }
    for notice in &notices {
        edge.tell(subject, notice);
    }
    for due in tasks {
        measure::start(edge, task, subject, run, due);
    }
    Ok(at(wake, seen.now))
}

async fn delete(edge: &Edge, task: &Task, subject: &Subject) -> Result<(), Error> {
    let preconditions = Preconditions {
        uid: Some(subject.uid.clone()),
        resource_version: None,
    };
    let request = Builder::new(Kind::AnalysisRun.path(&subject.name.namespace)).delete(
        &subject.name.name,
        &DeleteParams::background().preconditions(preconditions),
    );
    let attempt = format!("delete AnalysisRun {}, whose time to live is over", subject.name);
    tracing::info!(%task, "deleting: its time to live is over");
    match edge.server.write(&attempt, request).await {
        Ok(_) => {
            let gone = Echo::Gone {
                uid: subject.uid.clone(),
                version: Version::default(),
            };
            edge.wrote(task, Kind::AnalysisRun, subject.name.clone(), gone);
            Ok(())
        }
        Err(error) if error.is_not_found() => edge.reread(Kind::AnalysisRun, &subject.name).await.map(|_| ()),
        Err(error) => Err(error),
    }
}

/// The keys of a Secret, or why there is none to be had. It is read each time: no secret is kept.
async fn read_secret(
    edge: &Edge,
    namespace: &str,
    name: &str,
) -> Result<Result<BTreeMap<String, String>, String>, Error> {
    let place = Name::new(namespace, name);
    let read = edge
        .server
        .read(&format!("read Secret {place}"), lower::get(Kind::Secret, &place))
        .await;
    match read {
        Ok(secret) => Ok(Ok(keys(&secret))),
        Err(error) if error.is_not_found() => Ok(Err(format!("secrets {name:?} not found"))),
        Err(error) if error.is_forbidden() => Ok(Err(error.cause())),
        Err(error) => Err(error),
    }
}

fn keys(secret: &Value) -> BTreeMap<String, String> {
    let pairs = secret.get("data").and_then(Value::as_object).into_iter().flatten();
    let decoded = pairs.filter_map(|(key, value)| {
        let bytes = STANDARD.decode(value.as_str()?).ok()?;
        Some((key.clone(), String::from_utf8_lossy(&bytes).into_owned()))
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_keys_of_a_secret_are_decoded() {
        let secret = json!({"data": {"token": "czNjcjN0", "broken": "%"}});
        assert_eq!(
            keys(&secret),
            BTreeMap::from([("token".to_owned(), "s3cr3t".to_owned())])
        );
    }
}
