//! Whether another controller leads on the same rollouts: then this one does not begin.
//!
//! Two controllers on the same objects undo each other's work. Within a namespace the Lease keeps them apart; a leader in another
//! namespace has another Lease of the same name. Whether its holder lives is told by that Lease being renewed, never by the
//! clocks of two hosts.

use std::time::Duration;

use kube::api::ListParams;
use kube::core::Request as Builder;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::config::{Config, Rivals, lease_name};
use crate::error::{Error, Remedy};
use crate::kind::{Kind, Name};
use crate::server::{Server, Written};

/// How often Leases are read while it is not known whether their holders live.
const BETWEEN: Duration = Duration::from_secs(2);
/// How often an API server that does not answer is asked again before the rest begins without an answer.
const ATTEMPTS: usize = 5;

/// A Lease that somebody holds, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub lease: Name,
    pub holder: String,
    /// How long it counts without being renewed.
    pub length: Duration,
    version: String,
}

/// Waits until it is known that nobody else leads.
///
/// # Errors
/// Somebody does; the error says who, and what to do.
pub async fn none(server: &Server, config: &Config) -> Result<(), Error> {
    let Rivals::Refused { beside } = &config.rivals else {
        return Ok(());
    };
    let own = config
        .election
        .as_ref()
        .map(|election| Name::new(&election.namespace, &election.name));
    let elsewhere = |held: &Held| Some(&held.lease) != own.as_ref() && !beside.contains(&held.lease.namespace);
    let Some(first) = read(server, config).await else {
        return Ok(());
    };
    let first: Vec<Held> = first.into_iter().filter(elsewhere).collect();
    let Some(longest) = first.iter().map(|held| held.length).max() else {
        return Ok(());
    };
    tracing::info!(leases = ?first, "there are leases of other controllers: waiting to see whether they are renewed");
    let end = Instant::now() + longest + BETWEEN;
    while Instant::now() < end {
        sleep(BETWEEN).await;
        let now = read(server, config).await.unwrap_or_default();
        if let Some(rival) = renewed(&first, &now).next() {
            return Err(Error::Rival {
                lease: rival.lease.clone(),
                holder: rival.holder.clone(),
            });
        }
    }
    Ok(())
}

/// The Leases that were renewed between two readings.
pub fn renewed<'a>(before: &'a [Held], now: &'a [Held]) -> impl Iterator<Item = &'a Held> {
    now.iter().filter(|held| {
        let same = before.iter().find(|before| before.lease == held.lease);
        same.is_some_and(|before| before.version != held.version)
    })
}

/// The request for the Leases of controllers of this instance, in one namespace or (empty) in all.
///
/// # Errors
/// Never; the signature is that of its siblings.
pub fn request(namespace: &str, instance_id: &str) -> Written {
    let name = format!("metadata.name={}", lease_name(instance_id));
    Builder::new(Kind::Lease.path(namespace)).list(&ListParams::default().fields(&name))
}

/// The Leases of a listing that somebody holds.
pub fn held(list: &Value) -> Vec<Held> {
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let text = |item: &Value, pointer: &str| {
        item.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let all = items.map(|item| Held {
        lease: Name::new(text(item, "/metadata/namespace"), text(item, "/metadata/name")),
        holder: text(item, "/spec/holderIdentity"),
        length: Duration::from_secs(
            item.pointer("/spec/leaseDurationSeconds")
                .and_then(Value::as_u64)
                .unwrap_or(0),
        ),
        version: text(item, "/metadata/resourceVersion"),
    });
    all.filter(|held| !held.holder.is_empty()).collect()
}

/// The Leases that are held now; `None` when that cannot be known.
async fn read(server: &Server, config: &Config) -> Option<Vec<Held>> {
    for _ in 0..ATTEMPTS {
        let request = request(&config.namespace, &config.instance_id);
        match server.read("look for other controllers", request).await {
            Ok(list) => return Some(held(&list)),
            Err(error) if error.remedy() == Remedy::TellUser => {
                tracing::warn!(%error, "other controllers are not looked for");
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "will be tried again");
                sleep(BETWEEN).await;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(leases: &[(&str, &str, &str)]) -> Value {
        let items = leases.iter().map(|(namespace, holder, version)| {
            json!({"metadata": {"name": "lock", "namespace": namespace, "resourceVersion": version},
                   "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}})
        });
        json!({"items": items.collect::<Vec<_>>()})
    }

    #[test]
    fn a_holder_lives_if_it_renews() {
        let before = held(&list(&[("a", "argo_1", "1"), ("b", "argo_2", "2"), ("c", "", "3")]));
        assert_eq!(before.len(), 2, "nobody holds the third: {before:?}");
        assert_eq!(renewed(&before, &before).next(), None);
        let now = held(&list(&[
            ("a", "argo_1", "1"),
            ("b", "argo_2", "7"),
            ("d", "argo_3", "8"),
        ]));
        let rival = renewed(&before, &now).next().expect("b was renewed");
        assert_eq!(
            (rival.lease.to_string(), rival.holder.as_str()),
            ("b/lock".to_owned(), "argo_2")
        );
    }
}
