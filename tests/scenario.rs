//! Scenario files: one behaviour each, as prose, manifests, steps and the trace they must leave.
//!
//! The same file runs in every ring; each ring implements [`Stage`].

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// A scenario as its file has it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub file: PathBuf,
    pub title: String,
    pub covers: Vec<String>,
    pub manifests: Vec<Value>,
    pub steps: Vec<(usize, Step)>,
    /// The expected trace of the model ring; empty when the file has none.
    pub trace: String,
}

/// One line of a scenario's steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `apply`: creates every object of the manifest.
    Apply,
    /// `image V`: sets the image of the first container of the rollout.
    Image(String),
    /// `image KIND/NAME V`: the same of the workload that a Rollout refers to.
    ImageOf(String, String, String),
    /// `patch PATCH` / `patch status PATCH`: a merge patch of the rollout.
    Patch(Value),
    PatchStatus(Value),
    /// `patch KIND/NAME PATCH`: a merge patch of another object.
    PatchOther(String, String, Value),
    /// `delete KIND/NAME`.
    Delete(String, String),
    /// `promote`, `promote full`, `abort`, `retry`: what the plugin sends (wire-contract 7.1, 7.2).
    Promote,
    PromoteFull,
    Abort,
    Retry,
    /// `skip`, `skip all`: one step, or all that are left, without their pauses (wire-contract 7.2).
    Skip(Skip),
    /// `undo`, `undo 3`: the template of the revision before, or of this one, becomes the rollout's again.
    Undo(Option<i64>),
    /// `until PHASE [MESSAGE]`: lets time go on until the rollout is in this phase (and its message contains this).
    Until(String, String),
    /// `advance 90s`: lets time pass.
    Advance(Duration),
    /// `metric NAME VALUE...`: what the metric gives from now on.
    Metric(String, Vec<Value>),
    /// `expect PATH = VALUE`: a field of the rollout, as a JSON pointer; `absent` for none.
    Expect(String, String),
    /// `pods TEXT`: `v1=9 v2=1`, running pods by image tag; `pods role: canary=1 stable=4`, by the value of that label.
    Pods(PodGroup, String),
    /// `service NAME TAG`: the Service names the ReplicaSet with this image tag.
    Service(String, String),
    /// `restart`: the controller is killed and starts again.
    Restart,
    /// `quiet`: from here to the end of the next `advance` the controller writes nothing.
    Quiet(Duration),
    /// `kill N TAG`: deletes N pods of this image tag.
    Kill(usize, String),
    /// `fault stale 3s`: watches hear nothing for so long; `fault none`: all is well again.
    Stale(Option<Duration>),
    /// `resize TAG N`: a person resizes the ReplicaSet with this image tag by hand.
    Resize(String, i32),
    /// `restart-pods`: sets spec.restartAt to now.
    RestartPods,
    /// `crash N`: the controller dies before its write number N + 1 from here; `restart` brings it back.
    Crash(u64),
    /// `object KIND/NAME PATH = VALUE`: a field of another object, as `expect` does.
    Object(String, String, String, String),
    /// `runs TEXT`: `Failed=1 Successful=2`, the analysis runs by phase; `none`.
    Runs(String),
    /// `event REASON N`: so many events of this reason were said.
    Event(String, usize),
    /// `load 2000m`: the CPU that the pods of the Rollout which users reach use together from now on, evenly: of a blue/green
    /// those behind the active Service, of a canary all. In thousandths.
    LoadCpu(i64),
    /// `load NAME VALUE`: the value of an external metric from now on, in thousandths.
    LoadValue(String, i64),
    /// `sizes 10..11`: what the Rollout's `spec.replicas` has been at any time.
    Sizes(i64, i64),
}

impl Scenario {
    /// Reads a file; the error names the line.
    pub fn read(file: PathBuf) -> Result<Self, String> {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let title = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ")
            .to_owned();
        let covers = text
            .lines()
            .find_map(|line| line.strip_prefix("Covers:"))
            .unwrap_or_default();
        let covers = covers
            .split(',')
            .map(|clause| clause.trim().to_owned())
            .filter(|c| !c.is_empty())
            .collect();
        let mut manifests = Vec::new();
        for (_, block) in blocks(&text, "yaml") {
            for document in block.split("\n---") {
                let document = document.trim_start_matches("---");
                if document.trim().is_empty() {
                    continue;
                }
                let value = serde_saphyr::from_str::<Value>(document);
                manifests.push(value.map_err(|e| format!("{}: {e}", file.display()))?);
            }
        }
        let mut steps = Vec::new();
        for (first, block) in blocks(&text, "steps") {
            for (offset, line) in block.lines().enumerate() {
                let line = line.split(" #").next().unwrap_or_default().trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let number = first + offset;
                let step = Step::parse(line).ok_or_else(|| format!("{}:{number}: no step: {line}", file.display()))?;
                steps.push((number, step));
            }
        }
        let trace = blocks(&text, "trace").map(|(_, block)| block).collect();
        Ok(Scenario {
            file,
            title,
            covers,
            manifests,
            steps,
            trace,
        })
    }

    /// The Rollout of the manifest.
    pub fn rollout(&self) -> &Value {
        let found = self.manifests.iter().find(|manifest| manifest["kind"] == "Rollout");
        found.expect("a scenario has a Rollout")
    }
}

/// Every scenario file, sorted by name.
pub fn all() -> Vec<PathBuf> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(&directory).expect("the scenarios");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "md"));
    files.sort();
    files
}

impl Step {
    fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        let duration = |text: &str| api::duration::parse_go_duration(text).ok()?.to_std().ok();
        Some(match (word, rest) {
            ("apply", "") => Step::Apply,
            ("image", rest) => match rest.split_once(' ') {
                None => Step::Image(rest.to_owned()),
                Some((object, image)) => {
                    let (kind, name) = object.split_once('/')?;
                    Step::ImageOf(kind.to_owned(), name.to_owned(), image.trim().to_owned())
                }
            },
            ("promote", "") => Step::Promote,
            ("promote", "full") => Step::PromoteFull,
            ("skip", "") => Step::Skip(Skip::One),
            ("skip", "all") => Step::Skip(Skip::All),
            ("undo", "") => Step::Undo(None),
            ("undo", revision) => Step::Undo(Some(revision.parse().ok()?)),
            ("abort", "") => Step::Abort,
            ("retry", "") => Step::Retry,
            ("restart", "") => Step::Restart,
            ("scale", n) => Step::Patch(serde_json::json!({ "spec": { "replicas": n.parse::<i32>().ok()? } })),
            ("pause", "") => Step::Patch(serde_json::json!({ "spec": { "paused": true } })),
            ("resume", "") => Step::Patch(serde_json::json!({ "spec": { "paused": false } })),
            ("patch", rest) if rest.starts_with('{') => Step::Patch(json(rest)?),
            ("patch", rest) => match rest.split_once(' ')? {
                ("status", patch) => Step::PatchStatus(json(patch)?),
                (object, patch) => {
                    let (kind, name) = object.split_once('/')?;
                    Step::PatchOther(kind.to_owned(), name.to_owned(), json(patch)?)
                }
            },
            ("delete", object) => {
                let (kind, name) = object.split_once('/')?;
                Step::Delete(kind.to_owned(), name.to_owned())
            }
            ("until", rest) => {
                let (phase, message) = rest.split_once(' ').unwrap_or((rest, ""));
                Step::Until(phase.to_owned(), message.trim().to_owned())
            }
            ("advance", rest) => Step::Advance(duration(rest)?),
            ("quiet", rest) => Step::Quiet(duration(rest)?),
            ("metric", rest) => {
                let (name, values) = rest.split_once(' ')?;
                let values = values.split('|').map(|value| {
                    let value = value.trim();
                    json(value).unwrap_or_else(|| Value::from(value))
                });
                Step::Metric(name.to_owned(), values.collect())
            }
            ("expect", rest) => {
                let (path, value) = rest.split_once(" = ")?;
                Step::Expect(path.trim().to_owned(), value.trim().to_owned())
            }
            ("pods", rest) => match rest.split_once(": ") {
                Some((label, wanted)) => Step::Pods(PodGroup::Label(label.to_owned()), wanted.to_owned()),
                None => Step::Pods(PodGroup::Tag, rest.to_owned()),
            },
            ("service", rest) => {
                let (name, tag) = rest.split_once(' ')?;
                Step::Service(name.to_owned(), tag.trim().to_owned())
            }
            ("kill", rest) => {
                let (count, tag) = rest.split_once(' ')?;
                Step::Kill(count.parse().ok()?, tag.trim().to_owned())
            }
            ("fault", "none") => Step::Stale(None),
            ("fault", rest) => Step::Stale(Some(duration(rest.strip_prefix("stale ")?)?)),
            ("resize", rest) => {
                let (tag, size) = rest.split_once(' ')?;
                Step::Resize(tag.to_owned(), size.parse().ok()?)
            }
            ("restart-pods", "") => Step::RestartPods,
            ("crash", writes) => Step::Crash(writes.parse().ok()?),
            ("object", rest) => {
                let (object, rest) = rest.split_once(' ')?;
                let (kind, name) = object.split_once('/')?;
                let (path, value) = rest.split_once(" = ")?;
                let [kind, name, path, value] = [kind, name, path, value].map(|text| text.trim().to_owned());
                Step::Object(kind, name, path, value)
            }
            ("runs", rest) => Step::Runs(rest.to_owned()),
            ("event", rest) => {
                let (reason, count) = rest.rsplit_once(' ')?;
                Step::Event(reason.trim().to_owned(), count.parse().ok()?)
            }
            ("load", rest) => match rest.split_once(' ') {
                None => Step::LoadCpu(sim::load::thousandths(rest)?),
                Some((name, value)) => Step::LoadValue(name.to_owned(), sim::load::thousandths(value.trim())?),
            },
            ("sizes", rest) => {
                let (least, most) = rest.split_once("..")?;
                Step::Sizes(least.parse().ok()?, most.parse().ok()?)
            }
            _ => return None,
        })
    }
}

/// How many steps are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    One,
    All,
}

/// What pods are counted by.
#[derive(Clone, Debug, PartialEq)]
pub enum PodGroup {
    /// The tag of their first image.
    Tag,
    /// The value of this label; `none` without it.
    Label(String),
}

impl PodGroup {
    /// The group of a pod.
    pub fn of(&self, pod: &Value) -> String {
        match self {
            PodGroup::Tag => tag(&pod["spec"]),
            PodGroup::Label(label) => pod["metadata"]["labels"][label].as_str().unwrap_or("none").to_owned(),
        }
    }
}

/// The tag of the first image of a pod's spec.
pub fn tag(pod_spec: &Value) -> String {
    let image = pod_spec["containers"][0]["image"].as_str().unwrap_or_default();
    image.rsplit_once(':').map_or(image, |(_, tag)| tag).to_owned()
}

/// The fenced blocks of a language, with the number of their first line.
fn blocks<'t>(text: &'t str, language: &'t str) -> impl Iterator<Item = (usize, String)> + 't {
    let opening = format!("```{language}");
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (start, _) = lines.by_ref().find(|(_, line)| line.trim_end() == opening)?;
        let block: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        Some((start + 2, block.join("\n")))
    })
}
