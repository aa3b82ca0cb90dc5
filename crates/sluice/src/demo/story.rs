//! The three stories: what is applied, which image is asked for, and how each of them must end.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::options::{Analysis, Metrics, Options, Version};
use crate::lint::{Elsewhere, Source, lint_with};

/// A story: a manifest, and acts in order.
#[derive(Clone, Debug)]
pub struct Story {
    /// As the table names it: `1`, or the rollout of somebody's own.
    pub number: String,
    pub title: String,
    pub objects: Vec<Value>,
    pub rollout: String,
    /// The Services that users call. Not one of their requests may fail on its way.
    pub users: Vec<String>,
    /// The Services that testers call; they may point at pods that are not ready yet.
    pub testers: Vec<String>,
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
    /// The rollout is there, wholly of the image that is asked for.
    Deployed,
    /// The same, and the image was measured on the way and found good.
    Promoted,
    /// The image that is asked for was measured, found wanting and taken back.
    TakenBack,
    /// Nothing more happens by itself, or nothing before somebody promotes: the rollout is not ours to judge.
    Settled,
}

const CANARY: &str = include_str!("canary.yaml");
const BLUE_GREEN: &str = include_str!("blue-green.yaml");
const YOURS: &str = include_str!("yours.yaml");

impl Story {
    /// `story 1: a canary to a good version`
    pub fn heading(&self) -> String {
        if self.number == self.rollout {
            self.title.clone()
        } else {
            format!("story {}: {}", self.number, self.title)
        }
    }
}

/// The stories that were asked for.
///
/// # Errors
/// There is no story of that number.
pub fn stories(options: &Options) -> Result<Vec<Story>> {
    let all = [good_canary(options)?, bad_canary(options)?, blue_green(options)?];
    let Some(number) = options.story else {
        return Ok(all.into());
    };
    let mut chosen = all.into_iter().filter(|story| story.number == number.to_string());
    match chosen.next() {
        Some(story) => Ok(vec![story]),
        None => bail!("there is no story {number}; there are 1, 2 and 3"),
    }
}

fn good_canary(options: &Options) -> Result<Story> {
    let chosen = options.image.filter(|_| options.story == Some(1));
    Ok(Story {
        number: "1".to_owned(),
        title: "a canary to a good version".to_owned(),
        objects: own_objects("canary.yaml", CANARY, options)?,
        rollout: "web".to_owned(),
        users: vec!["web".to_owned()],
        testers: Vec::new(),
        acts: vec![
            act(Ask::Apply, End::Deployed),
            act(Ask::Image(tagged("shop/web:1.1", chosen)), End::Promoted),
        ],
    })
}

fn bad_canary(options: &Options) -> Result<Story> {
    let version = options.image.unwrap_or(Version::Bad);
    Ok(Story {
        number: "2".to_owned(),
        title: "a canary to a version that fails and is slow".to_owned(),
        objects: own_objects("canary.yaml", CANARY, options)?,
        rollout: "web".to_owned(),
        users: vec!["web".to_owned()],
        testers: Vec::new(),
        acts: vec![
            act(Ask::Apply, End::Deployed),
            act(Ask::Image(tagged("shop/web:1.2", Some(version))), End::TakenBack),
        ],
    })
}

fn blue_green(options: &Options) -> Result<Story> {
    let version = options
        .image
        .filter(|_| options.story == Some(3))
        .unwrap_or(Version::Bad);
    Ok(Story {
        number: "3".to_owned(),
        title: "a blue/green, then a bad preview".to_owned(),
        objects: own_objects("blue-green.yaml", BLUE_GREEN, options)?,
        rollout: "cart".to_owned(),
        users: vec!["cart-active".to_owned()],
        testers: vec!["cart-preview".to_owned()],
        acts: vec![
            act(Ask::Apply, End::Deployed),
            act(Ask::Image("shop/cart:1.1".to_owned()), End::Promoted),
            act(Ask::Image(tagged("shop/cart:1.2", Some(version))), End::TakenBack),
        ],
    })
}

/// What is there to be tried out when the stories are over: a canary that waits for somebody.
///
/// # Errors
/// The manifest is wrong.
pub fn yours(options: &Options) -> Result<Story> {
    Ok(Story {
        number: "yours".to_owned(),
        title: "a canary that waits for you".to_owned(),
        objects: own_objects("yours.yaml", YOURS, options)?,
        rollout: "yours".to_owned(),
        users: vec!["yours".to_owned()],
        testers: Vec::new(),
        acts: vec![act(Ask::Apply, End::Deployed)],
    })
}

fn act(asks: Ask, end: End) -> Act {
    Act { asks, end }
}

/// The tag tells the simulated pods how to behave.
pub fn tagged(image: &str, version: Option<Version>) -> String {
    match version {
        Some(Version::Bad) => format!("{image}-bad"),
        Some(Version::Good) | None => image.to_owned(),
    }
}

/// The objects of a manifest of the demo's own, changed as an honest reader asked.
fn own_objects(name: &str, text: &str, options: &Options) -> Result<Vec<Value>> {
    let source = Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let report = lint_with(&[source], Elsewhere::Nowhere);
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
    Ok(in_order(objects))
}

/// A Rollout is looked at as soon as it is there: what it refers to comes first.
pub fn in_order(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(|object| object["kind"] == "Rollout");
    objects
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
