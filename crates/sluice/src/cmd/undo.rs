//! `undo`: the template of an earlier revision becomes the rollout's again.

use anyhow::{Result, anyhow, bail};
use api::keys;
use api::rollout::{PodTemplateMetadata, Rollout, WorkloadRef};
use api::template::{Template, same_revision};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Kind, Name, Part, Patch};
use crate::console::Console;
use crate::observe;
use crate::tree::{annotation, is_owned, revision};

/// Return to an earlier revision
///
/// The template of that revision becomes the rollout's: this is an update like any other, with the steps of the rollout,
/// except that pods of that revision that still run are used again.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice undo web                      the revision before this one
  sluice undo web --to-revision=3      revision 3; `sluice get rollout web` lists them")]
pub struct Args {
    /// Rollout
    #[arg(value_name = "ROLLOUT")]
    name: Name,
    /// Revision to return to; 0 is the one before this
    #[arg(long, value_name = "N", default_value_t = 0)]
    to_revision: i64,
}

/// An old ReplicaSet, as far as an undo goes.
struct Old {
    revision: i64,
    /// The pod template without the hash label.
    template: Value,
    /// What the controller put into the template beside the hash label.
    injected: PodTemplateMetadata,
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let name = &self.name;
        let raw = cluster.get(&Kind::ROLLOUT, name).await?;
        let rollout: Rollout = observe::whole(&raw)?;
        let old = self.choose(olds(cluster, &rollout).await?)?;
        let target = Target::of(cluster, &rollout, raw, name).await?;
        if same_revision(
            &Template::from(&old.template),
            &Template::from(&target.template),
            &old.injected,
        ) {
            console.say(format_args!(
                "skipped rollback (current template already matches revision {})",
                old.revision
            ))?;
            return Ok(());
        }
        let patch = json!([{"op": "replace", "path": target.path, "value": old.template}]).to_string();
        let patched = cluster
            .patch(&target.kind, &target.name, Part::Main, Patch::Json(patch))
            .await;
        patched.map_err(|failure| anyhow!("failed restoring revision {}: {failure}", self.to_revision))?;
        console.say(format_args!("rollout '{name}' undo"))?;
        Ok(())
    }

    /// The revision asked for, or the second highest.
    fn choose(&self, mut olds: Vec<Old>) -> Result<Old> {
        olds.sort_by_key(|old| std::cmp::Reverse(old.revision));
        match self.to_revision {
            0 if olds.len() < 2 => bail!("no revision found for rollout {:?}", self.name.as_str()),
            0 => Ok(olds.swap_remove(1)),
            asked => match olds.into_iter().find(|old| old.revision == asked) {
                Some(old) => Ok(old),
                None => bail!("unable to find specified revision {asked} in history"),
            },
        }
    }
}

async fn olds(cluster: &Cluster, rollout: &Rollout) -> Result<Vec<Old>> {
    let mut olds = Vec::new();
    for mut set in observe::replica_sets(cluster, rollout).await? {
        let metadata: ObjectMeta = serde_json::from_value(set["metadata"].clone())?;
        if !is_owned(&metadata, &rollout.metadata) {
            continue;
        }
        let mut template = set["spec"]["template"].take();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(keys::POD_TEMPLATE_HASH);
        }
        let injected = annotation(&metadata, keys::EPHEMERAL_METADATA).and_then(|text| serde_json::from_str(text).ok());
        olds.push(Old {
            revision: revision(&metadata),
            template,
            injected: injected.unwrap_or_default(),
        });
    }
    Ok(olds)
}

/// What holds the rollout's template.
struct Target {
    kind: Kind,
    name: Name,
    path: &'static str,
    template: Value,
}

impl Target {
    async fn of(cluster: &Cluster, rollout: &Rollout, mut raw: Value, name: &Name) -> Result<Self> {
        let Some(WorkloadRef {
            kind, name: workload, ..
        }) = &rollout.spec.workload_ref
        else {
            let template = raw["spec"]["template"].take();
            return Ok(Target {
                kind: Kind::ROLLOUT,
                name: name.clone(),
                path: "/spec/template",
                template,
            });
        };
        let (kind, path) = match kind.as_str() {
            "Deployment" => (Kind::DEPLOYMENT, "/spec/template"),
            "ReplicaSet" => (Kind::REPLICA_SET, "/spec/template"),
            // A PodTemplate has its template at the top.
            "PodTemplate" => (Kind::POD_TEMPLATE, "/template"),
            other => bail!("spec.workloadRef.kind: an undo cannot write a template into a {other:?}"),
        };
        let name: Name = workload
            .parse()
            .map_err(|why| anyhow!("spec.workloadRef.name: {why}"))?;
        let mut object = cluster.get(&kind, &name).await?;
        let template = object.pointer_mut(path).map(Value::take).unwrap_or_default();
        Ok(Target {
            kind,
            name,
            path,
            template,
        })
    }
}
