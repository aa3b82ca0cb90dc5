//! Which AnalysisRun a Rollout asks for, and whether it is there already.
//!
//! Source: wire-contract 4.1 "AnalysisRun objects created by a Rollout".

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::AnalysisRun;
use api::duration::Time;
use api::keys;
use api::rollout::{Rollout, RolloutAnalysis, RolloutAnalysisBackground};
use serde_json::json;

use super::fields;
use super::phase::Phase;
use super::templates::{self, Library};
use crate::plan::{Level, Notice};

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunKind {
    Step { index: i32 },
    Background,
    PrePromotion,
    PostPromotion,
}

impl RunKind {
    /// The value of the `rollout-type` label.
    pub fn label(self) -> &'static str {
        match self {
            RunKind::Step { .. } => "Step",
            RunKind::Background => "Background",
            RunKind::PrePromotion => "PrePromotion",
            RunKind::PostPromotion => "PostPromotion",
        }
    }

    fn suffix(self) -> String {
        match self {
            RunKind::Step { index } => format!("-{index}"),
            RunKind::Background => String::new(),
            RunKind::PrePromotion => "-pre".to_owned(),
            RunKind::PostPromotion => "-post".to_owned(),
        }
    }
}

/// What a run is made from.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// With a `workloadRef` resolved.
    pub rollout: &'a Rollout,
    /// The hash label of the new ReplicaSet.
    pub new_hash: &'a str,
    /// `status.stableRS`.
    pub stable_hash: &'a str,
    /// The Rollout's revision, in decimals.
    pub revision: &'a str,
    pub kind: RunKind,
    pub analysis: &'a RolloutAnalysis,
    pub library: Library<'a>,
}

/// The run as it is created if nothing of its name is in the way; see [`place`].
///
/// # Errors
/// An argument without a value, a template that is missing, templates that cannot be put together.
pub fn build(asked: &Asked<'_>) -> Result<AnalysisRun, String> {
    let Asked {
        rollout,
        new_hash,
        stable_hash,
        revision,
        kind,
        analysis,
        library,
    } = *asked;
    let args = fields::arguments(&analysis.args, rollout, new_hash, stable_hash)?;
    let rules = &analysis.measurement_retention;
    let spec = templates::merge(&analysis.templates, &args, &analysis.dry_run, rules, library)?;

    let metadata = analysis.analysis_run_metadata.clone().unwrap_or_default();
    let own_labels = rollout.metadata.labels.as_ref();
    let mut labels = BTreeMap::from([
        (keys::POD_TEMPLATE_HASH.to_owned(), new_hash.to_owned()),
        (keys::ROLLOUT_TYPE.to_owned(), kind.label().to_owned()),
    ]);
    if let RunKind::Step { index } = kind {
        labels.insert(keys::STEP_INDEX.to_owned(), index.to_string());
    }
    if let Some(instance) = own_labels.and_then(|labels| labels.get(keys::INSTANCE_ID)) {
        labels.insert(keys::INSTANCE_ID.to_owned(), instance.clone());
    }
    labels.extend(metadata.labels);
    labels.extend(
        rollout
            .spec
            .selector
            .iter()
            .flat_map(|selector| selector.match_labels.clone()),
    );
    let mut annotations = BTreeMap::from([(keys::REVISION.to_owned(), revision.to_owned())]);
    annotations.extend(metadata.annotations);

    let owner = rollout.metadata.name.as_deref().unwrap_or_default();
    let mut run = AnalysisRun::new(&format!("{owner}-{new_hash}-{revision}{}", kind.suffix()), spec);
    run.metadata.namespace.clone_from(&rollout.metadata.namespace);
    run.metadata.labels = Some(labels);
    run.metadata.annotations = Some(annotations);
    let reference = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": owner, "uid": rollout.metadata.uid,
        "controller": true, "blockOwnerDeletion": true
    });
    run.metadata.owner_references = Some(vec![serde_json::from_value(reference).map_err(|e| e.to_string())?]);
    Ok(run)
}

/// Background analysis as any other; its starting step is the asker's to look at.
pub fn of_background(background: &RolloutAnalysisBackground) -> RolloutAnalysis {
    RolloutAnalysis {
        templates: background.templates.clone(),
        args: background.args.clone(),
        dry_run: background.dry_run.clone(),
        measurement_retention: background.measurement_retention.clone(),
        analysis_run_metadata: background.analysis_run_metadata.clone(),
    }
}

/// Where a run that is asked for is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// It is there under this name, finished or not.
    Found(String),
    /// It is to be created as it stands here.
    Create(Box<AnalysisRun>),
}

/// Finds a run by the name derived for it: `<base>`, then `<base>.1`, `<base>.2`, ...
///
/// Each name that is taken by another is passed over: a run of someone else (`foreign`: their names), one that is being
/// deleted, one made from another spec, and one of an earlier attempt. Finished runs are found too, so that a crash
/// between the creation of a run and the status that names it never measures twice. `attempt`: when this one began.
pub fn place<'a>(
    mut wanted: AnalysisRun,
    ours: impl IntoIterator<Item = &'a AnalysisRun>,
    foreign: &BTreeSet<String>,
    attempt: Option<Time>,
) -> Place {
    let named = |run: &AnalysisRun| run.metadata.name.clone().unwrap_or_default();
    let ours: BTreeMap<String, &AnalysisRun> = ours.into_iter().map(|run| (named(run), run)).collect();
    let base = named(&wanted);
    let mut name = base.clone();
    // Every pass meets another taken name, of which there are so many.
    for suffix in 1..=ours.len() + foreign.len() + 1 {
        match ours.get(&name) {
            Some(run) if serves(run, &wanted, attempt) => return Place::Found(name),
            None if !foreign.contains(&name) => break,
            Some(_) | None => name = format!("{base}.{suffix}"),
        }
    }
    wanted.metadata.name = Some(name);
    Place::Create(Box::new(wanted))
}

/// The run of this attempt that measures again in place of an inconclusive one that a person has resumed: the next of its
/// names. The run itself while there is none.
pub fn latest<'a>(
    ours: impl Iterator<Item = &'a AnalysisRun>,
    run: &'a AnalysisRun,
    attempt: Option<Time>,
) -> &'a AnalysisRun {
    let (base, first) = turn(run);
    let counts = |run: &&AnalysisRun| run.metadata.deletion_timestamp.is_none() && !is_of_earlier_attempt(run, attempt);
    let later = ours.filter(counts).map(|run| (turn(run), run));
    let mut later: Vec<_> = later.filter(|((of, turn), _)| *of == base && *turn > first).collect();
    later.sort_by_key(|((_, turn), _)| *turn);
    let again = later.into_iter().map(|(_, run)| run);
    again.fold(run, |run, next| match phase_of(run) {
        Phase::Inconclusive => next,
        Phase::Pending | Phase::Running | Phase::Successful | Phase::Failed | Phase::Error => run,
    })
}

/// The names that a run which measures again leaves behind: this run's, and those before it.
pub fn names_up_to(run: &AnalysisRun) -> Vec<String> {
    let (base, last) = turn(run);
    let numbered = (1..=last).map(|turn| format!("{base}.{turn}"));
    numbered.chain([base.to_owned()]).collect()
}

/// A run's name without the number for a name that was taken, and that number. A base ends with a revision, a step or a
/// word, never with a dot and digits.
fn turn(run: &AnalysisRun) -> (&str, u32) {
    let name = run.metadata.name.as_deref().unwrap_or_default();
    let parts = name
        .rsplit_once('.')
        .and_then(|(base, turn)| Some((base, turn.parse().ok()?)));
    parts.unwrap_or((name, 0))
}

fn phase_of(run: &AnalysisRun) -> Phase {
    Phase::of(run.status.as_ref().map_or("", |status| &status.phase))
}

/// The event on a Rollout when a run of it is in another phase than was recorded (`None`: nothing was recorded).
/// Source: wire-contract 4.2 and 8.2.
pub fn transition(kind: RunKind, name: &str, phase: Phase, previous: Option<&str>) -> Notice {
    let level = match phase {
        Phase::Failed | Phase::Error => Level::Warning,
        Phase::Pending | Phase::Running | Phase::Successful | Phase::Inconclusive => Level::Normal,
    };
    let previous = previous.unwrap_or("NoPreviousStatus");
    Notice {
        level,
        reason: format!("AnalysisRun{phase}"),
        message: format!(
            "{} Analysis Run '{name}' Status New: '{phase}' Previous: '{previous}'",
            kind.label()
        ),
    }
}

/// Whether a run that is there is the one that is wanted.
fn serves(run: &AnalysisRun, wanted: &AnalysisRun, attempt: Option<Time>) -> bool {
    let same = run.spec.metrics == wanted.spec.metrics
        && run.spec.args == wanted.spec.args
        && run.spec.dry_run == wanted.spec.dry_run
        && run.spec.measurement_retention == wanted.spec.measurement_retention;
    run.metadata.deletion_timestamp.is_none() && same && !is_of_earlier_attempt(run, attempt)
}

/// Whether a run was begun before this attempt. Both instants are of the clock of the controller, which need not agree with
/// that of the API server; a run that nobody has looked at is of an earlier attempt if it was given up.
pub(crate) fn is_of_earlier_attempt(run: &AnalysisRun, attempt: Option<Time>) -> bool {
    let Some(attempt) = attempt else {
        return false;
    };
    let begun = run.status.as_ref().and_then(|status| status.started_at);
    let begun = begun.map(|at| at.0.timestamp());
    // one that was wrong from the start never began
    let created = run.metadata.creation_timestamp.as_ref().map(|at| at.0.as_second());
    match begun.or(created.filter(|_| phase_of(run).is_completed())) {
        Some(at) => at < attempt.0.timestamp(),
        None => run.spec.terminate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn rollout() -> Rollout {
        serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u-1",
                "labels": {keys::INSTANCE_ID: "blue"}},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
        }))
        .expect("a rollout")
    }

    fn built(kind: RunKind) -> AnalysisRun {
        let templates: templates::Templates = BTreeMap::from([(
            "t".to_owned(),
            Some(std::sync::Arc::new(
                serde_json::from_value(json!({
                    "metrics": [{"name": "m", "provider": {"web": {"url": "{{args.h}}"}}}], "args": [{"name": "h"}]
                }))
                .expect("a template"),
            )),
        )]);
        let analysis: RolloutAnalysis = serde_json::from_value(json!({
            "templates": [{"templateName": "t"}],
            "args": [{"name": "h", "valueFrom": {"podTemplateHashValue": "Latest"}}],
            "analysisRunMetadata": {"labels": {"app": "x", "team": "a"}, "annotations": {"why": "because"}},
        }))
        .expect("an analysis");
        let library = Library {
            templates: &templates,
            cluster_templates: &templates::Templates::new(),
        };
        build(&Asked {
            rollout: &rollout(),
            new_hash: "abc",
            stable_hash: "old",
            revision: "2",
            kind,
            analysis: &analysis,
            library,
        })
        .expect("a run")
    }

    #[test]
    fn the_whole_object() {
        let run = serde_json::to_value(built(RunKind::Step { index: 3 })).expect("json");
        assert_eq!(
            run,
            json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
                "metadata": {
                    "name": "web-abc-2-3", "namespace": "shop",
                    "labels": {
                        "rollouts-pod-template-hash": "abc", "rollout-type": "Step", "step-index": "3",
                        "argo-rollouts.argoproj.io/controller-instance-id": "blue", "app": "web", "team": "a",
                    },
                    "annotations": {"rollout.argoproj.io/revision": "2", "why": "because"},
                    "ownerReferences": [{
                        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u-1",
                        "controller": true, "blockOwnerDeletion": true,
                    }],
                },
                "spec": {
                    "metrics": [{"name": "m", "provider": {"web": {"url": "{{args.h}}"}}}],
                    "args": [{"name": "h", "value": "abc"}],
                },
            })
        );
    }

    #[test]
    fn names() {
        let table = [
            (RunKind::Step { index: 0 }, "web-abc-2-0"),
            (RunKind::Background, "web-abc-2"),
            (RunKind::PrePromotion, "web-abc-2-pre"),
            (RunKind::PostPromotion, "web-abc-2-post"),
        ];
        for (kind, want) in table {
            assert_eq!(built(kind).metadata.name.as_deref(), Some(want));
        }
    }

    #[test]
    fn where_it_is() {
        let there = |name: &str, created: &str, change: Value| {
            let mut run = serde_json::to_value(built(RunKind::Background)).expect("json");
            run["metadata"]["name"] = json!(name);
            run["metadata"]["creationTimestamp"] = json!(created);
            for (pointer, value) in change.as_object().expect("changes") {
                match pointer.as_str() {
                    "phase" => run["status"] = json!({"phase": value, "startedAt": created}),
                    "terminate" => run["spec"]["terminate"] = value.clone(),
                    "args" => run["spec"]["args"] = value.clone(),
                    other => panic!("{other}"),
                }
            }
            serde_json::from_value::<AnalysisRun>(run).expect("a run")
        };
        let (early, abort, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z");
        let found = |name: &str| format!("found {name}");
        let create = |name: &str| format!("create {name}");
        let table = [
            (vec![], None, create("web-abc-2")),
            (vec![there("web-abc-2", early, json!({}))], None, found("web-abc-2")),
            (
                vec![there("web-abc-2", early, json!({"phase": "Failed"}))],
                None,
                found("web-abc-2"),
            ),
            (
                vec![there("web-abc-2", early, json!({"phase": "Failed"}))],
                Some(abort),
                create("web-abc-2.1"),
            ),
            (
                vec![there("web-abc-2", abort, json!({"phase": "Failed"}))],
                Some(abort),
                found("web-abc-2"),
            ),
            (
                vec![there("web-abc-2", abort, json!({"terminate": true}))],
                Some(abort),
                create("web-abc-2.1"),
            ),
            (
                vec![there("web-abc-2", abort, json!({"phase": "Running"}))],
                Some(abort),
                found("web-abc-2"),
            ),
            (
                vec![
                    there("web-abc-2", early, json!({"terminate": true})),
                    there("web-abc-2.1", late, json!({"phase": "Successful"})),
                ],
                Some(abort),
                found("web-abc-2.1"),
            ),
            (
                vec![there("web-abc-2", early, json!({"args": []}))],
                None,
                create("web-abc-2.1"),
            ),
        ];
        for (ours, attempt, want) in table {
            let attempt = attempt.map(|at| at.parse().expect("an instant"));
            let got = match place(built(RunKind::Background), &ours, &BTreeSet::new(), attempt) {
                Place::Found(name) => found(&name),
                Place::Create(run) => create(run.metadata.name.as_deref().unwrap_or_default()),
            };
            assert_eq!(got, want);
        }
        let foreign = BTreeSet::from(["web-abc-2".to_owned(), "web-abc-2.1".to_owned()]);
        let Place::Create(run) = place(built(RunKind::Background), &[], &foreign, None) else {
            panic!("no run")
        };
        assert_eq!(run.metadata.name.as_deref(), Some("web-abc-2.2"));
    }

    #[test]
    fn what_measures_again_in_place_of_an_inconclusive_run() {
        let run = |name: &str, phase: &str, started: &str| {
            let status = json!({"phase": phase, "startedAt": format!("2026-01-01T00:0{started}:00Z")});
            let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": name},
                                "spec": {"metrics": []}, "status": status});
            serde_json::from_value::<AnalysisRun>(object).expect("a run")
        };
        let (doubt, good) = ("Inconclusive", "Successful");
        let attempt = "2026-01-01T00:05:00Z".parse().expect("an instant");
        let table = [
            (vec![run("a-2", doubt, "5")], "a-2"),
            (vec![run("a-2", doubt, "5"), run("a-2.1", good, "6")], "a-2.1"),
            (
                vec![
                    run("a-2", doubt, "5"),
                    run("a-2.1", doubt, "6"),
                    run("a-2.2", good, "7"),
                ],
                "a-2.2",
            ),
            // a verdict stands
            (vec![run("a-2", good, "5"), run("a-2.1", good, "6")], "a-2"),
            // of an earlier attempt, and of another kind
            (vec![run("a-2", doubt, "5"), run("a-2.1", good, "4")], "a-2"),
            (vec![run("a-2", doubt, "5"), run("a-2-pre.1", good, "6")], "a-2"),
        ];
        for (runs, want) in table {
            let found = latest(runs.iter(), &runs[0], Some(attempt));
            assert_eq!(found.metadata.name.as_deref(), Some(want));
        }
        assert_eq!(names_up_to(&run("a-2.2", doubt, "5")), ["a-2.1", "a-2.2", "a-2"]);
    }
}
