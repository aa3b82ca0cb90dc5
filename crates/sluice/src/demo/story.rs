//! The three stories: what is applied, which image is asked for, and how each of them must end.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::options::{Analysis, Metrics, Options, Version};
use crate::lint::{Source, lint};

/// A story: a manifest, and acts in order.
#[derive(Clone, Debug)]
pub struct Story {
    pub number: u8,
    pub title: &'static str,
    pub objects: Vec<Value>,
    pub rollout: &'static str,
    /// The Services that users call. Not one of their requests may fail on its way.
    pub users: &'static [&'static str],
    /// The Service that testers call; it may point at pods that are not ready yet.
    pub testers: Option<&'static str>,
    pub acts: Vec<Act>,
}

/// One thing the demo does, and what the cluster must make of it.
#[derive(Clone, Debug)]
pub struct Act {
    pub asks: Ask,
    pub end: End,
}

/// All that the demo ever does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Applies the manifest; what is there already stays as it is.
    Apply,
    /// Sets the image of the rollout's container.
    Image(String),
}

/// How an act must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The rollout is wholly and only of the image that is asked for.
    Promoted,
    /// The image that is asked for was measured, found wanting and taken back.
    TakenBack,
}

const CANARY: &str = include_str!("canary.yaml");
const BLUE_GREEN: &str = include_str!("blue-green.yaml");

/// The stories that were asked for.
///
/// # Errors
/// There is no story of that number.
pub fn stories(options: &Options) -> Result<Vec<Story>> {
    let all = [good_canary(options)?, bad_canary(options)?, blue_green(options)?];
    let Some(number) = options.story else {
        return Ok(all.into());
    };
    let chosen: Vec<Story> = all.into_iter().filter(|story| story.number == number).collect();
    if chosen.is_empty() {
        bail!("there is no story {number}; there are 1, 2 and 3");
    }
    Ok(chosen)
}

fn good_canary(options: &Options) -> Result<Story> {
    Ok(Story {
        number: 1,
        title: "a canary to a good version",
        objects: objects("canary.yaml", CANARY, options)?,
        rollout: "web",
        users: &["web"],
        testers: None,
        acts: vec![
            act(Ask::Apply, End::Promoted),
            act(
                Ask::Image(named(
                    "shop/web:1.1",
                    options.image.filter(|_| options.story == Some(1)),
                )),
                End::Promoted,
            ),
        ],
    })
}

fn bad_canary(options: &Options) -> Result<Story> {
    let version = options.image.unwrap_or(Version::Bad);
    Ok(Story {
        number: 2,
        title: "a canary to a version that fails and is slow",
        objects: objects("canary.yaml", CANARY, options)?,
        rollout: "web",
        users: &["web"],
        testers: None,
        acts: vec![
            act(Ask::Apply, End::Promoted),
            act(Ask::Image(named("shop/web:1.2", Some(version))), End::TakenBack),
        ],
    })
}

fn blue_green(options: &Options) -> Result<Story> {
    let chosen = options.image.filter(|_| options.story == Some(3));
    Ok(Story {
        number: 3,
        title: "a blue/green, then a bad preview",
        objects: objects("blue-green.yaml", BLUE_GREEN, options)?,
        rollout: "cart",
        users: &["cart-active"],
        testers: Some("cart-preview"),
        acts: vec![
            act(Ask::Apply, End::Promoted),
            act(Ask::Image("shop/cart:1.1".to_owned()), End::Promoted),
            act(
                Ask::Image(named("shop/cart:1.2", Some(chosen.unwrap_or(Version::Bad)))),
                End::TakenBack,
            ),
        ],
    })
}

fn act(asks: Ask, end: End) -> Act {
    Act { asks, end }
}

/// The tag tells the simulated pods how to behave.
fn named(image: &str, version: Option<Version>) -> String {
    match version {
        Some(Version::Bad) => format!("{image}-bad"),
        Some(Version::Good) | None => image.to_owned(),
    }
}

/// The objects of a manifest, changed as an honest reader asked.
fn objects(name: &str, text: &str, options: &Options) -> Result<Vec<Value>> {
    let report = lint(&[Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }]);
    if report.errors() > 0 {
        bail!("the demo's own manifest is wrong:\n{}", report.to_text());
    }
    let mut objects = report.objects;
    for rollout in objects.iter_mut().filter(|object| object["kind"] == "Rollout") {
        match options.analysis {
            Analysis::Measured => {}
            Analysis::None => take_out_analysis(&mut rollout["spec"]["strategy"]),
        }
        match options.metrics {
            Metrics::Honest => {}
            Metrics::Lying => {
                let lie = json!([{"name": "LYING_METRICS", "value": "true"}]);
                rollout["spec"]["template"]["spec"]["containers"][0]["env"] = lie;
            }
        }
    }
    // A Rollout is looked at as soon as it is there: what it refers to comes first.
    objects.sort_by_key(|object| object["kind"] == "Rollout");
    Ok(objects)
}

fn take_out_analysis(strategy: &mut Value) {
    if let Some(canary) = strategy["canary"].as_object_mut() {
        canary.remove("analysis");
        if let Some(Value::Array(steps)) = canary.get_mut("steps") {
            steps.retain(|step| step.get("analysis").is_none());
        }
    }
    if let Some(blue_green) = strategy["blueGreen"].as_object_mut() {
        blue_green.remove("prePromotionAnalysis");
        blue_green.remove("postPromotionAnalysis");
    }
}
