//! Status patches, for servers with and without the status subresource.

use crate::cluster::{Cluster, Failure, Kind, Name, Part, Patch};

/// Merges into the status; where there is no such thing, into the object itself (wire-contract 7.1).
pub(super) async fn patch_status(cluster: &Cluster, name: &Name, status: &str, main: &str) -> Result<(), Failure> {
    let patched = cluster
        .patch(&Kind::ROLLOUT, name, Part::Status, Patch::Merge(status.to_owned()))
        .await;
    match patched {
        Err(failure) if failure.is_not_found() => {
            cluster
                .patch(&Kind::ROLLOUT, name, Part::Main, Patch::Merge(main.to_owned()))
                .await?;
            Ok(())
        }
        other => other.map(drop),
    }
}
