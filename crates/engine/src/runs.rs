//! The analysis runs of a rollout: which ones it should have, and what their verdicts do to it.
//!
//! Source: wire-contract 4.1 and 4.2. A run is found again by its derived name, finished ones too, unless it was created
//! before the current attempt; so a crash between creating it and recording it repeats nothing.

use api::analysis::{AnalysisRun, phase};
use api::duration::Time;
use api::keys;
use api::rollout::{
    BlueGreenStrategy, CanaryStrategy, RolloutAnalysis, RolloutAnalysisBackground, RolloutAnalysisRunStatus,
};

use crate::draft::{AbortChange, Draft, PauseReason};
use crate::plan::{Action, Notice, Reason};
use crate::promote::{PostPromotion, Rollback, rollback};
use crate::shim::{RunKind, build};
use crate::snapshot::{Abort, Resume};

/// Steps and background of a canary.
pub(crate) fn canary(d: &mut Draft<'_>, canary: &CanaryStrategy) {
    if is_skipped(d) {
        cancel_but(d, &[]);
        collect(d, &[]);
        return;
    }
    let step = step(d);
    let background = background(d, canary);
    let current: Vec<String> = [&step, &background].into_iter().flatten().cloned().collect();
    cancel_but(d, &current);
    collect(d, &current);
    let recorded = d.recorded.canary.clone();
    announce(
        d,
        RunKind::Step { index: 0 },
        &recorded.current_step_analysis_run_status,
    );
    announce(d, RunKind::Background, &recorded.current_background_analysis_run_status);
}

/// Before and after the switch of a blue/green.
pub(crate) fn blue_green(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    let recorded = d.recorded.blue_green.clone();
    if is_skipped(d) {
        d.next.blue_green.pre_promotion_analysis_run_status = recorded.pre_promotion_analysis_run_status;
        d.next.blue_green.post_promotion_analysis_run_status = recorded.post_promotion_analysis_run_status;
        cancel_but(d, &[]);
        collect(d, &[]);
        return;
    }
    let pre = pre(d, strategy);
    let post = post(d, strategy);
    let current: Vec<String> = [&pre, &post].into_iter().flatten().cloned().collect();
    cancel_but(d, &current);
    collect(d, &current);
    announce(d, RunKind::PostPromotion, &recorded.post_promotion_analysis_run_status);
    announce(d, RunKind::PrePromotion, &recorded.pre_promotion_analysis_run_status);
}

/// No analysis now: nothing to compare, nothing to decide, or a person decided already.
fn is_skipped(d: &Draft<'_>) -> bool {
    d.is_fully_promoted()
        || d.is_aborted()
        || d.is_promote_full()
        || matches!(rollback(d), Rollback::Fast(_))
        || d.recorded.stable_rs.is_empty()
}

fn step(d: &mut Draft<'_>) -> Option<String> {
    let seen = d.seen;
    let (index, step) = crate::canary::current_step(seen, &d.recorded)?;
    let analysis = step
        .analysis
        .as_ref()
        .filter(|analysis| !analysis.templates.is_empty())?;
    let kind = RunKind::Step { index };
    let frozen = !d.recorded.pause_conditions.is_empty() || seen.controls.abort == Abort::Asked;
    attend(d, kind, analysis, if frozen { Upkeep::Keep } else { Upkeep::Tend })
}

fn background(d: &mut Draft<'_>, canary: &CanaryStrategy) -> Option<String> {
    let background = canary
        .analysis
        .as_ref()
        .filter(|analysis| !analysis.templates.is_empty())?;
    let before_start = d
        .recorded
        .current_step_index
        .is_some_and(|index| index < background.starting_step.unwrap_or(0));
    if d.recorded.current_pod_hash.is_empty() || before_start {
        return None;
    }
    let inconclusive = d.has_pause(PauseReason::InconclusiveRun);
    let analysis = plain(background);
    attend(
        d,
        RunKind::Background,
        &analysis,
        if inconclusive { Upkeep::Keep } else { Upkeep::Tend },
    )
}

fn pre(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) -> Option<String> {
    let analysis = strategy
        .pre_promotion_analysis
        .as_ref()
        .filter(|analysis| !analysis.templates.is_empty())?;
    let hash = d.seen.new_hash().to_owned();
    let active = d.next.blue_green.active_selector.clone();
    if d.recorded.stable_rs == hash || active.is_empty() || active == hash {
        d.next.blue_green.pre_promotion_analysis_run_status =
            d.recorded.blue_green.pre_promotion_analysis_run_status.clone();
        return None;
    }
    let count = strategy.preview_replica_count;
    let ready = d.seen.new_revision().is_some_and(|new| match count {
        Some(count) => new.size == count && new.available == count,
        None => new.is_saturated(d.seen.replicas),
    });
    tend_when_ready(d, RunKind::PrePromotion, analysis, ready)
}

fn post(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) -> Option<String> {
    let analysis = strategy
        .post_promotion_analysis
        .as_ref()
        .filter(|analysis| !analysis.templates.is_empty())?;
    let hash = d.seen.new_hash().to_owned();
    if d.recorded.stable_rs == hash || d.next.blue_green.active_selector != hash {
        return None;
    }
    let ready = d
        .seen
        .new_revision()
        .is_some_and(|new| new.is_saturated(d.seen.replicas));
    tend_when_ready(d, RunKind::PostPromotion, analysis, ready)
}

fn tend_when_ready(d: &mut Draft<'_>, kind: RunKind, analysis: &RolloutAnalysis, ready: bool) -> Option<String> {
    let kept = d.has_pause(PauseReason::InconclusiveRun);
    let begun = current(d, kind).is_some();
    match (begun, ready, kept) {
        (false, false, _) => {
            d.hold(
                format!("{} analysis", kind.label()),
                Reason::NotSeenYet("the whole new revision".to_owned()),
            );
            None
        }
        (_, _, true) => attend(d, kind, analysis, Upkeep::Keep),
        (_, _, false) => attend(d, kind, analysis, Upkeep::Tend),
    }
}

/// Whether a run may be started and judged in this pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upkeep {
    /// Only recorded.
    Keep,
    Tend,
}

/// Records the current run, starts one where there is none, and acts on its verdict. Tells its name.
fn attend(d: &mut Draft<'_>, kind: RunKind, analysis: &RolloutAnalysis, upkeep: Upkeep) -> Option<String> {
    let run = current(d, kind).cloned();
    if let Some(run) = &run {
        record(d, kind, run);
    }
    let name = run.as_ref().map(|run| run.metadata.name.clone().unwrap_or_default());
    if upkeep == Upkeep::Keep {
        return name;
    }
    let state = run.as_ref().map(|run| run_phase(run).to_owned());
    let asked_again = d.seen.controls.resume == Resume::Asked && state.as_deref() == Some(phase::INCONCLUSIVE);
    if run.is_none() || asked_again {
        start(d, kind, analysis);
        return name;
    }
    judge(d, kind, run.as_ref().map(summary));
    name
}

fn judge(d: &mut Draft<'_>, kind: RunKind, run: Option<RolloutAnalysisRunStatus>) {
    let Some(run) = run else {
        return;
    };
    match run.status.as_str() {
        phase::INCONCLUSIVE => d.pause.added.push(PauseReason::InconclusiveRun),
        phase::FAILED | phase::ERROR => {
            let prefix = match kind {
                RunKind::Step { .. } => "Step-based analysis phase error/failed",
                RunKind::Background => "Background analysis phase error/failed",
                RunKind::PrePromotion => "Blue/green pre-promotion analysis phase error/failed",
                RunKind::PostPromotion => "Blue/green post-promotion analysis phase error/failed",
            };
            if d.abort == AbortChange::Keep {
                let tail = if run.message.is_empty() {
                    String::new()
                } else {
                    format!(": {}", run.message)
                };
                d.abort = AbortChange::Add(format!("{prefix}{tail}"));
            }
        }
        _ => d.hold(
            format!("{} analysis", kind.label()),
            Reason::AnalysisRunning { run: run.name },
        ),
    }
}

/// Creates the run under the next free name of this attempt.
fn start(d: &mut Draft<'_>, kind: RunKind, analysis: &RolloutAnalysis) {
    let base = base_name(d, kind);
    let taken = |name: &str| d.seen.run(name).is_some() || d.seen.foreign_runs.contains(name);
    let name = std::iter::once(base.clone())
        .chain((1..).map(|n| format!("{base}.{n}")))
        .find(|name| !taken(name))
        .unwrap_or(base);
    match build(d.seen, kind, analysis, &name) {
        Ok(body) => d.act(Action::CreateRun {
            name: name.clone(),
            body,
        }),
        Err(why) => d.hold(format!("{} analysis", kind.label()), Reason::InvalidSpec(why)),
    }
}

/// The run of this kind in the current attempt: the recorded one, or the newest of its name.
pub(crate) fn current<'s>(d: &Draft<'s>, kind: RunKind) -> Option<&'s AnalysisRun> {
    let base = base_name(d, kind);
    let since = attempt_start(d);
    let in_attempt = |run: &&AnalysisRun| since.is_none_or(|since| created(run).is_none_or(|at| at >= since));
    let suffix = |run: &AnalysisRun| -> Option<u32> {
        let rest = run.metadata.name.as_deref()?.strip_prefix(&base)?;
        if rest.is_empty() {
            Some(0)
        } else {
            rest.strip_prefix('.')?.parse().ok()
        }
    };
    let ours = d.seen.runs.iter().map(AsRef::as_ref).filter(in_attempt);
    ours.filter_map(|run| suffix(run).map(|n| (n, run)))
        .max_by_key(|(n, _)| *n)
        .map(|(_, run)| run)
}

/// When the attempt began: a retry after the abort, or the update itself.
fn attempt_start(d: &Draft<'_>) -> Option<Time> {
    let update = d.recorded.duration.as_ref().filter(|clock| clock.finished_at.is_none());
    let update = update.and_then(|clock| clock.rollout_started_at);
    // the run whose failure aborted the rollout is at most as young as the abort
    let retry = d
        .recorded
        .aborted_at
        .map(|at| Time(at.0 + chrono::Duration::seconds(1)));
    update.max(retry)
}

fn base_name(d: &Draft<'_>, kind: RunKind) -> String {
    kind.name(&d.seen.name, d.seen.new_hash(), d.seen.rollout_revision())
}

fn created(run: &AnalysisRun) -> Option<Time> {
    let at = run.metadata.creation_timestamp.as_ref()?;
    at.0.to_string().parse().ok()
}

fn run_phase(run: &AnalysisRun) -> &str {
    run.status.as_ref().map_or("", |status| status.phase.as_str())
}

/// A run as the Rollout's status holds it.
fn summary(run: &AnalysisRun) -> RolloutAnalysisRunStatus {
    let status = run.status.clone().unwrap_or_default();
    RolloutAnalysisRunStatus {
        name: run.metadata.name.clone().unwrap_or_default(),
        status: status.phase,
        message: status.message,
    }
}

fn record(d: &mut Draft<'_>, kind: RunKind, run: &AnalysisRun) {
    *slot(d, kind) = Some(summary(run));
}

fn slot<'d>(d: &'d mut Draft<'_>, kind: RunKind) -> &'d mut Option<RolloutAnalysisRunStatus> {
    match kind {
        RunKind::Step { .. } => &mut d.next.canary.current_step_analysis_run_status,
        RunKind::Background => &mut d.next.canary.current_background_analysis_run_status,
        RunKind::PrePromotion => &mut d.next.blue_green.pre_promotion_analysis_run_status,
        RunKind::PostPromotion => &mut d.next.blue_green.post_promotion_analysis_run_status,
    }
}

/// Says what became of a run since it was last recorded.
fn announce(d: &mut Draft<'_>, kind: RunKind, before: &Option<RolloutAnalysisRunStatus>) {
    let Some(now) = slot(d, kind).clone().filter(|run| !run.status.is_empty()) else {
        return;
    };
    let previous = before
        .as_ref()
        .filter(|run| run.name == now.name && !run.status.is_empty());
    if previous.is_some_and(|previous| previous.status == now.status) {
        return;
    }
    let old = previous.map_or("NoPreviousStatus", |run| run.status.as_str());
    let message = format!(
        "{} Analysis Run '{}' Status New: '{}' Previous: '{old}'",
        kind.label(),
        now.name,
        now.status
    );
    let reason = format!("AnalysisRun{}", now.status);
    let notice = match now.status.as_str() {
        phase::FAILED | phase::ERROR => Notice::warning(&reason, message),
        _ => Notice::normal(&reason, message),
    };
    d.say(notice);
}

/// Ends every unfinished run that is not current.
fn cancel_but(d: &mut Draft<'_>, current: &[String]) {
    for run in &d.seen.runs {
        let name = run.metadata.name.clone().unwrap_or_default();
        if current.contains(&name) || phase::is_completed(run_phase(run)) || run.spec.terminate {
            continue;
        }
        d.act(Action::TerminateRun {
            name,
            uid: run.metadata.uid.clone().unwrap_or_default(),
        });
    }
}

/// Deletes finished runs beyond the limits. Source: wire-contract 4.2.
fn collect(d: &mut Draft<'_>, current: &[String]) {
    let spec = d.seen.spec();
    let live: Vec<&str> = d
        .seen
        .revisions
        .iter()
        .filter(|revision| revision.deleting == crate::snapshot::Deleting::No)
        .map(|revision| revision.hash.as_str())
        .collect();
    let mut others: Vec<&AnalysisRun> = d
        .seen
        .runs
        .iter()
        .map(AsRef::as_ref)
        .filter(|run| run.metadata.name.as_ref().is_some_and(|name| !current.contains(name)))
        .collect();
    others.sort_by(|a, b| {
        created(b)
            .cmp(&created(a))
            .then_with(|| b.metadata.name.cmp(&a.metadata.name))
    });
    let (mut good, mut bad) = (
        spec.successful_run_history_limit(),
        spec.unsuccessful_run_history_limit(),
    );
    for run in others {
        let labels = run.metadata.labels.as_ref();
        let hash = labels.and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH));
        let orphan = hash.is_none_or(|hash| !live.contains(&hash.as_str()));
        let left = match run_phase(run) {
            phase::SUCCESSFUL => Some(&mut good),
            phase::FAILED | phase::ERROR | phase::INCONCLUSIVE => Some(&mut bad),
            _ => None,
        };
        let surplus = left.is_some_and(|left| {
            *left -= 1;
            *left < 0
        });
        if (orphan || surplus) && run.metadata.deletion_timestamp.is_none() {
            let name = run.metadata.name.clone().unwrap_or_default();
            d.act(Action::DeleteRun {
                name,
                uid: run.metadata.uid.clone().unwrap_or_default(),
            });
        }
    }
}

/// Whether the analysis before the switch, if there is one, is through.
pub(crate) fn pre_promotion_passed(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> bool {
    let configured = strategy
        .pre_promotion_analysis
        .as_ref()
        .is_some_and(|analysis| !analysis.templates.is_empty());
    !configured
        || d.is_promote_full()
        || current(d, RunKind::PrePromotion).is_some_and(|run| run_phase(run) == phase::SUCCESSFUL)
}

/// Whether the analysis after the switch, if there is one, is through.
pub(crate) fn post_promotion(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> PostPromotion {
    let configured = strategy
        .post_promotion_analysis
        .as_ref()
        .is_some_and(|analysis| !analysis.templates.is_empty());
    let passed = || current(d, RunKind::PostPromotion).is_some_and(|run| run_phase(run) == phase::SUCCESSFUL);
    if !configured || passed() {
        PostPromotion::Passed
    } else {
        PostPromotion::NotYet
    }
}

/// Whether old pods must stay because the analysis after the switch is not through.
pub(crate) fn post_promotion_pending(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> bool {
    !is_skipped(d) && post_promotion(d, strategy) == PostPromotion::NotYet
}

fn plain(background: &RolloutAnalysisBackground) -> RolloutAnalysis {
    RolloutAnalysis {
        templates: background.templates.clone(),
        args: background.args.clone(),
        dry_run: background.dry_run.clone(),
        measurement_retention: background.measurement_retention.clone(),
        analysis_run_metadata: background.analysis_run_metadata.clone(),
    }
}
