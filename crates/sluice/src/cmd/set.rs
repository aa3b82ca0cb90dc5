//! `set image`: another image, and with it an update.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cluster::{Cluster, Kind, Name};
use crate::console::Console;

/// Times a write is tried while others change the object.
const ATTEMPTS: u32 = 5;
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Change the image of a rollout
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Set the image of a container: this starts an update
    #[command(after_help = "\
Examples:
  sluice set image web app=registry.example/web:2      the container named app
  sluice set image web '*=registry.example/web:2'      every container")]
    Image {
        /// Rollout
        #[arg(value_name = "ROLLOUT")]
        name: Name,
        /// Container and image
        #[arg(required = true, value_name = "CONTAINER=IMAGE", value_parser = pair)]
        images: Vec<(String, String)>,
    },
}

impl Args {
    pub(super) async fn run(self, cluster: &Cluster, console: &mut Console) -> Result<()> {
        let What::Image { name, images } = self.what;
        let (kind, name) = set(cluster, &name, &images).await?;
        console.say(format_args!("{} \"{name}\" image updated", kind.singular))?;
        Ok(())
    }
}

/// Writes the images into the rollout, or into the Deployment its template comes from; answers which.
async fn set(cluster: &Cluster, name: &Name, images: &[(String, String)]) -> Result<(Kind, Name)> {
    let mut attempt = 1;
    loop {
        let mut object = cluster.get(&Kind::ROLLOUT, name).await?;
        let (mut kind, mut target) = (Kind::ROLLOUT, name.clone());
        if let Some(workload) = object["spec"]["workloadRef"]["name"].as_str() {
            (kind, target) = (
                Kind::DEPLOYMENT,
                workload
                    .parse()
                    .map_err(anyhow::Error::msg)
                    .context("spec.workloadRef.name")?,
            );
            object = cluster.get(&kind, &target).await?;
        }
        for (container, image) in images {
            write(&mut object, container, image)?;
        }
        match cluster.replace(&kind, &target, &object).await {
            Ok(_) => return Ok((kind, target)),
            Err(failure) if failure.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Sets the image of every container of that name; `*` is any name.
fn write(object: &mut Value, container: &str, image: &str) -> Result<()> {
    let spec = &mut object["spec"]["template"]["spec"];
    let mut found = false;
    for list in CONTAINERS {
        let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        for each in containers
            .iter_mut()
            .filter(|each| container == "*" || each["name"] == container)
        {
            each["image"] = image.into();
            found = true;
        }
    }
    if !found {
        bail!("unable to find container named \"{container}\"");
    }
    Ok(())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => Ok((container.into(), image.into())),
        Some(_) | None => Err("write CONTAINER=IMAGE, such as app=web:2".to_owned()),
    }
}
