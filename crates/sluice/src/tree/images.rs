//! Which images run, and what for.

use std::collections::BTreeMap;

use api::keys;
use k8s_openapi::api::apps::v1::ReplicaSet;

use super::{Family, Role, annotation, experiment, replica_set};

/// An image that some pod runs, and the roles of the ReplicaSets that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub name: String,
    pub roles: Vec<Role>,
}

/// Images of ReplicaSets that have pods, by name.
pub(super) fn images(family: &Family) -> Vec<Image> {
    let mut images: BTreeMap<&str, Vec<Role>> = BTreeMap::new();
    let mut add = |set, roles: Vec<Role>| {
        for image in running(set) {
            let known = images.entry(image).or_default();
            let new: Vec<_> = roles.iter().filter(|role| !known.contains(role)).cloned().collect();
            known.extend(new);
        }
    };
    for set in replica_set::owned(family, &family.rollout.metadata) {
        add(set, replica_set::roles(family, set));
    }
    for each in experiment::owned(family, &family.rollout.metadata) {
        for set in replica_set::owned(family, &each.metadata) {
            let template = annotation(&set.metadata, keys::EXPERIMENT_TEMPLATE_NAME).unwrap_or_default();
            add(set, vec![Role::Experiment(template.to_owned())]);
        }
    }
    images
        .into_iter()
        .map(|(name, roles)| Image {
            name: name.to_owned(),
            roles,
        })
        .collect()
}

fn running(set: &ReplicaSet) -> impl Iterator<Item = &str> {
    let any = set.status.as_ref().is_some_and(|status| status.replicas > 0);
    let template = set
        .spec
        .as_ref()
        .filter(|_| any)
        .and_then(|spec| spec.template.as_ref());
    let containers = template
        .and_then(|template| template.spec.as_ref())
        .map(|spec| &spec.containers);
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.image.as_deref())
}
