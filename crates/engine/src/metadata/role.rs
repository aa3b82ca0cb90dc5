//! Labels and annotations that pods carry by the role of their revision: canary or stable, preview or active.
//!
//! Converges by what is seen, without memory of what was sent: the ReplicaSet's template first, so that pods to come have
//! it; then, once the ReplicaSet controller has caught up, every pod that differs. Until all have been seen right, an
//! annotation of ours keeps what they may still carry. Source: wire-contract 3.15.

use std::collections::BTreeMap;

use api::keys;
use api::rollout::PodTemplateMetadata;
use serde_json::Value;

use crate::draft::Draft;
use crate::gate::LOOK_AGAIN;
use crate::plan::{Action, Amendment, MetadataChange, Read, Reason};
use crate::seen::Pod;
use crate::snapshot::{Revision, Settled, Snapshot, Strategy};

/// How many pods one hop relabels, so that a rollout of thousands still answers to its people in between.
const POD_LIMIT: usize = 100;

/// Brings the metadata of each revision's role to its template and its pods.
pub(crate) fn sync(d: &mut Draft<'_>) {
    let Some(roles) = Roles::of(&d.seen.strategy) else {
        return;
    };
    let seen = d.seen;
    for revision in &seen.revisions {
        let wanted = roles.wanted(seen, revision);
        let injected = recorded(revision, keys::EPHEMERAL_METADATA).unwrap_or_default();
        if let Some((annotations, metadata)) = template_change(revision, &injected, &wanted) {
            d.act(Action::AnnotateReplicaSet {
                name: revision.name.clone(),
                uid: revision.uid.clone(),
                annotations,
                amendment: Amendment {
                    metadata,
                    ..Amendment::default()
                },
            });
        } else if let Some(carried) = recorded(revision, keys::METADATA_TO_REPLACE) {
            pods(d, revision, &carried, &wanted);
        }
    }
}

/// What the pods of a new ReplicaSet begin with, and the annotation that says so.
pub(crate) fn at_creation(seen: &Snapshot) -> Option<(PodTemplateMetadata, String)> {
    let roles = Roles::of(&seen.strategy)?;
    let is_first = seen.recorded().stable_rs.is_empty();
    let wanted = if is_first { roles.serving } else { roles.coming };
    (!is_empty(&wanted)).then(|| (wanted.clone(), text(&wanted)))
}

/// What the two roles of a strategy carry.
struct Roles {
    /// Stable or active.
    serving: PodTemplateMetadata,
    /// Canary or preview.
    coming: PodTemplateMetadata,
}

impl Roles {
    /// `None` when neither is set: then nothing is changed, old labels included (wire-contract 10.2.29).
    fn of(strategy: &Strategy) -> Option<Self> {
        let (serving, coming) = match strategy {
            Strategy::Canary(canary) => (&canary.stable_metadata, &canary.canary_metadata),
            Strategy::BlueGreen(blue_green) => (&blue_green.active_metadata, &blue_green.preview_metadata),
        };
        (serving.is_some() || coming.is_some()).then(|| Roles {
            serving: serving.clone().unwrap_or_default(),
            coming: coming.clone().unwrap_or_default(),
        })
    }

    fn wanted(&self, seen: &Snapshot, revision: &Revision) -> PodTemplateMetadata {
        let stable = &seen.recorded().stable_rs;
        let is_new = seen.new_revision().is_some_and(|new| new.uid == revision.uid);
        if revision.hash == *stable || (is_new && stable.is_empty()) {
            self.serving.clone()
        } else if is_new {
            self.coming.clone()
        } else {
            PodTemplateMetadata::default()
        }
    }
}

/// Annotations to write with a change of the template; what pods may still carry is written first, with it.
type TemplateChange = (BTreeMap<String, Option<String>>, MetadataChange);

fn template_change(
    revision: &Revision,
    injected: &PodTemplateMetadata,
    wanted: &PodTemplateMetadata,
) -> Option<TemplateChange> {
    let metadata = MetadataChange {
        labels: changes(&revision.template.labels(), &injected.labels, &wanted.labels),
        annotations: changes(
            &revision.template.annotations(),
            &injected.annotations,
            &wanted.annotations,
        ),
    };
    if metadata.is_empty() && injected == wanted {
        return None;
    }
    let mut annotations = BTreeMap::new();
    if injected != wanted {
        let kept = (!is_empty(wanted)).then(|| text(wanted));
        annotations.insert(keys::EPHEMERAL_METADATA.to_owned(), kept);
    }
    let before = recorded(revision, keys::METADATA_TO_REPLACE);
    if has_pods(revision) {
        let mut carried = before.unwrap_or_default();
        carried.labels.extend(injected.labels.clone());
        carried.annotations.extend(injected.annotations.clone());
        annotations.insert(keys::METADATA_TO_REPLACE.to_owned(), Some(text(&carried)));
    } else if before.is_some() {
        annotations.insert(keys::METADATA_TO_REPLACE.to_owned(), None);
    }
    Some((annotations, metadata))
}

/// Relabels the pods that differ; forgets what they carried once none does.
fn pods(d: &mut Draft<'_>, revision: &Revision, carried: &PodTemplateMetadata, wanted: &PodTemplateMetadata) {
    let what = format!("the metadata of {}", revision.name);
    if revision.settled == Settled::No {
        // a pod of the old template may be on its way
        d.hold(
            what,
            Reason::NotSeenYet(format!("the new template of {}", revision.name)),
        );
        return;
    }
    let Some(pods) = &d.seen.pods else {
        d.ask(Read::Pods);
        return;
    };
    let is_ours =
        |pod: &&Pod| pod.metadata.is_controlled_by(&revision.uid) && pod.metadata.deletion_timestamp.is_none();
    let change = |pod: &Pod| MetadataChange {
        labels: changes(&pod.metadata.labels, &carried.labels, &wanted.labels),
        annotations: changes(&pod.metadata.annotations, &carried.annotations, &wanted.annotations),
    };
    let all = pods.iter().filter(is_ours).map(|pod| (pod, change(pod)));
    let differing: Vec<(&Pod, MetadataChange)> = all.filter(|(_, change)| !change.is_empty()).collect();
    if differing.is_empty() {
        crate::resize::annotate(d, revision, [(keys::METADATA_TO_REPLACE.to_owned(), None)].into());
        return;
    }
    let remaining = differing.len();
    for (pod, change) in differing.into_iter().take(POD_LIMIT) {
        d.act(Action::RelabelPod {
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            change,
        });
    }
    // nothing wakes us when a pod's labels change
    let again = Some(d.seen.now + LOOK_AGAIN);
    d.hold_until(what, Reason::MetadataOfPods { remaining }, again);
}

/// What turns `live` into one that has all of `wanted` and nothing else of `carried`.
fn changes(
    live: &BTreeMap<String, String>,
    carried: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    let missing = wanted.iter().filter(|(key, value)| live.get(*key) != Some(*value));
    let set = missing.map(|(key, value)| (key.clone(), Some(value.clone())));
    let stale = carried
        .keys()
        .filter(|key| live.contains_key(*key) && !wanted.contains_key(*key));
    set.chain(stale.map(|key| (key.clone(), None))).collect()
}

fn has_pods(revision: &Revision) -> bool {
    revision.size > 0 || revision.pods > 0 || revision.settled == Settled::No
}

fn recorded(revision: &Revision, key: &str) -> Option<PodTemplateMetadata> {
    let text = revision.annotations.get(key)?;
    Some(serde_json::from_str(text).unwrap_or_default())
}

fn is_empty(metadata: &PodTemplateMetadata) -> bool {
    metadata.labels.is_empty() && metadata.annotations.is_empty()
}

fn text(metadata: &PodTemplateMetadata) -> String {
    serde_json::to_value(metadata).unwrap_or(Value::Null).to_string()
}
