//! Manifests of the user's own, as stories: each rollout is deployed, then asked for another image.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use api::rollout::Rollout;
use serde_json::Value;

use super::options::{Options, Version};
use super::stage::NAMESPACE;
use super::story::{Act, Ask, End, Story, in_order};
use crate::console::Console;
use crate::lint::{Elsewhere, Report, lint_with};

/// A story for each rollout in the files; the first one applies all objects.
///
/// # Errors
/// A file cannot be read or is wrong: file, field and remedy are said on stdout then, as `lint` does.
pub fn stories(files: &[PathBuf], options: &Options, console: &mut Console) -> Result<Vec<Story>> {
    let mut sources = Vec::new();
    for file in files {
        sources.extend(crate::cmd::lint::read(file)?);
    }
    let report = lint_with(&sources, Elsewhere::Nowhere);
    console.write(&report.to_text())?;
    if report.errors() > 0 {
        bail!("{}", report.summary());
    }
    let stories = of(report, options);
    ensure!(
        !stories.is_empty(),
        "there is no Rollout in what was given; the demo plays Rollouts"
    );
    Ok(stories)
}

fn of(report: Report, options: &Options) -> Vec<Story> {
    let mut objects = in_order(report.objects);
    for object in &mut objects {
        // There is one namespace here.
        if object["metadata"].get("namespace").is_some() {
            object["metadata"]["namespace"] = NAMESPACE.into();
        }
    }
    let rollouts: Vec<Rollout> = objects
        .iter()
        .filter(|object| object["kind"] == "Rollout")
        .filter_map(|object| serde_json::from_value(object.clone()).ok())
        .collect();
    let previews: Vec<&str> = rollouts.iter().flat_map(previews).collect();
    let services = objects.iter().filter(|object| object["kind"] == "Service").map(name);
    let (testers, users): (Vec<String>, Vec<String>) = services.partition(|name| previews.contains(&name.as_str()));
    let mut stories = Vec::new();
    for rollout in &rollouts {
        let name = rollout.metadata.name.clone().unwrap_or_default();
        let mut acts = vec![Act {
            asks: Ask::Apply,
            end: End::Settled,
        }];
        acts.extend(image(rollout).map(|image| Act {
            asks: Ask::Image(next(&image, options.image)),
            end: End::Settled,
        }));
        stories.push(Story {
            title: format!("rollout {name}"),
            number: name.clone(),
            objects: objects.clone(),
            rollout: name,
            users: users.clone(),
            testers: testers.clone(),
            acts,
        });
    }
    stories
}

/// Services that are pointed at new pods before all is well with them.
fn previews(rollout: &Rollout) -> impl Iterator<Item = &str> {
    let strategy = &rollout.spec.strategy;
    let canary = strategy.canary.iter().map(|canary| canary.canary_service.as_str());
    let blue_green = strategy
        .blue_green
        .iter()
        .map(|blue_green| blue_green.preview_service.as_str());
    canary.chain(blue_green)
}

fn image(rollout: &Rollout) -> Option<String> {
    let containers = rollout.spec.template.as_ref()?.containers();
    Some(containers.first()?.image.clone())
}

/// Another image of the same name: `web:1.0-next`, or `web:1.0-bad`.
fn next(image: &str, version: Option<Version>) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let tagged = image.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let colon = if tagged { "-" } else { ":" };
    match version.unwrap_or(Version::Good) {
        Version::Good => format!("{image}{colon}next"),
        Version::Bad => format!("{image}{colon}bad"),
    }
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::next;
    use crate::demo::Version;

    #[test]
    fn the_next_image_has_another_tag() {
        assert_eq!(next("web:1.0", None), "web:1.0-next");
        assert_eq!(next("localhost:5000/web", Some(Version::Bad)), "localhost:5000/web:bad");
        assert_eq!(next("web@sha256:abc", Some(Version::Good)), "web:next");
    }
}
