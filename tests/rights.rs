//! The rights of a controller on the simulated cluster: exactly those of the one list that the chart's roles are made from.

use controller::permissions::{ALL, Place};
use sim::apiserver::Grant;

/// What the chart grants to a controller that watches `watched` (empty: all namespaces) and lives in `own`.
pub fn grants(watched: &str, own: &str) -> Vec<Grant> {
    let mut grants = Vec::new();
    for permission in ALL {
        let namespace = match permission.place {
            Place::Watched => watched,
            Place::Cluster if watched.is_empty() => "",
            Place::Cluster => continue,
            Place::Own => own,
        };
        for verb in permission.verbs {
            grants.push(Grant {
                namespace: namespace.to_owned(),
                verb: verb.to_string(),
                resource: permission.full_resource(),
            });
        }
    }
    grants
}
