//! The analysis runs of a rollout: which ones it should have, and what their verdicts do to it.
//!
//! Source: wire-contract 4.1 and 4.2. A run is found again by its derived name, finished ones too, unless it was created
//! before the current attempt; so a crash between creating it and recording it repeats nothing.

use api::analysis::{AnalysisRun, phase};
use api::duration::Time;
use api::rollout::{BlueGreenStrategy, CanaryStrategy, RolloutAnalysis, RolloutAnalysisRunStatus, RolloutStatus};
use chrono::{DateTime, Duration, Utc};

use crate::analysis::Phase;
use crate::analysis::retention::runs_to_delete;
use crate::analysis::runs::{
    Asked, Place, RunKind, build, is_of_earlier_attempt, latest, names_up_to, of_background, place, transition,
};
use crate::draft::{AbortChange, Draft, PauseReason, Resumption};
use crate::gate::{Behind, new_pods_behind};
use crate::mutant::{Mutant, is};
use crate::plan::{Action, Reason};
use crate::promote::{PostPromotion, Rollback, rollback};
use crate::refusal::{Cause, Withheld};
use crate::snapshot::{Abort, Deleting, Resume};

/// Steps and background of a canary.
pub(crate) fn canary(d: &mut Draft<'_>, canary: &CanaryStrategy) {
    if is_skipped(d) {
        cancel_but(d, &[]);
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
    let kind = RunKind::Step {
        index: i32::try_from(index).ok()?,
    };
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
    let analysis = of_background(background);
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
        let kept = d.recorded.blue_green.pre_promotion_analysis_run_status.clone();
        let name = kept.as_ref().map(|run| run.name.clone());
        d.next.blue_green.pre_promotion_analysis_run_status = kept;
        return name;
    }
    let count = strategy.preview_replica_count;
    let ready = d.seen.new_revision().is_some_and(|new| match count {
        Some(count) => new.size == count && new.available == count,
        None => new.is_saturated(d.seen.replicas),
    });
    tend_when_ready(d, RunKind::PrePromotion, analysis, ready, &strategy.preview_service)
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
    tend_when_ready(d, RunKind::PostPromotion, analysis, ready, &strategy.active_service)
}

/// A run begins when the whole new revision is there and its pods alone are behind the Service that users of it go by.
fn tend_when_ready(
    d: &mut Draft<'_>,
    kind: RunKind,
    analysis: &RolloutAnalysis,
    ready: bool,
    service: &str,
) -> Option<String> {
    let what = || format!("{} analysis", kind.label());
    let begun = current(d, kind, analysis).is_some();
    if !begun && !ready {
        d.hold(what(), Reason::NotSeenYet("the whole new revision".to_owned()));
        return None;
    }
    let kept = d.has_pause(PauseReason::InconclusiveRun);
    if !begun && !kept && new_pods_behind(d, what(), service) == Behind::NotYet {
        return None;
    }
    attend(d, kind, analysis, if kept { Upkeep::Keep } else { Upkeep::Tend })
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
    let run = current(d, kind, analysis);
    let known = run.map(summary);
    if let Some(known) = &known {
        *slot(d, kind) = Some(known.clone());
    }
    let name = known.as_ref().map(|known| known.name.clone());
    if upkeep == Upkeep::Keep {
        return name;
    }
    let inconclusive = known.as_ref().is_some_and(|known| known.status == phase::INCONCLUSIVE);
    if known.is_none() {
        start(d, kind, analysis, None);
    } else if inconclusive && d.seen.controls.resume == Resume::Asked {
        d.pause.resumption = Resumption::Pending;
        start(d, kind, analysis, run);
    } else {
        judge(d, kind, known);
    }
    name
}

fn judge(d: &mut Draft<'_>, kind: RunKind, run: Option<RolloutAnalysisRunStatus>) {
    let Some(run) = run else {
        return;
    };
    match run.status.as_str() {
        phase::INCONCLUSIVE if is(Mutant::PromoteOnInconclusive) => {}
        phase::INCONCLUSIVE => d.pause.added.push(PauseReason::InconclusiveRun),
        phase::FAILED | phase::ERROR if is(Mutant::FailedRunIgnored) => {}
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

/// Creates the run under the next free name, after that of the run it measures again; finished ones of this attempt are not
/// taken up again.
fn start(d: &mut Draft<'_>, kind: RunKind, analysis: &RolloutAnalysis, again: Option<&AnalysisRun>) {
    let wanted = match wanted(d, kind, analysis) {
        Ok(wanted) => wanted,
        Err(why) => return stop(d, kind, why),
    };
    let finished = |run: &&AnalysisRun| phase::is_completed(run_phase(run));
    let mut taken = d.seen.foreign_runs.clone();
    taken.extend(
        d.seen
            .runs()
            .filter(finished)
            .filter_map(|run| run.metadata.name.clone()),
    );
    taken.extend(again.into_iter().flat_map(names_up_to));
    let ours = d.seen.runs().filter(|run| !finished(run));
    let since = attempt_start(&d.recorded, d.seen.now);
    if let Place::Create(run) = place(wanted, ours, &taken, since) {
        let name = run.metadata.name.clone().unwrap_or_default();
        match serde_json::to_value(&*run) {
            Ok(body) => {
                d.hold(
                    format!("{} analysis", kind.label()),
                    Reason::NotSeenYet(format!("AnalysisRun {name}")),
                );
                d.act(Action::CreateRun { name, body });
            }
            Err(why) => stop(d, kind, why.to_string()),
        }
    }
}

/// A run that cannot be made keeps everything where it is: no update goes on without its analysis.
fn stop(d: &mut Draft<'_>, kind: RunKind, why: String) {
    let message = format!("the {} analysis cannot be started: {why}", kind.label());
    d.withheld = Some(Withheld {
        cause: Cause::AnalysisRunCreateError,
        message,
    });
}

fn wanted(d: &Draft<'_>, kind: RunKind, analysis: &RolloutAnalysis) -> Result<AnalysisRun, String> {
    build(&Asked {
        rollout: &d.seen.rollout,
        new_hash: d.seen.new_hash(),
        stable_hash: &d.recorded.stable_rs,
        revision: &d.seen.rollout_revision().to_string(),
        kind,
        analysis,
        library: d.seen.library(),
    })
}

/// The run of this kind in the current attempt: the recorded one, or the one its derived name finds.
pub(crate) fn current<'s>(d: &Draft<'s>, kind: RunKind, analysis: &RolloutAnalysis) -> Option<&'s AnalysisRun> {
    let since = attempt_start(&d.recorded, d.seen.now);
    let named = recorded(d, kind).and_then(|run| d.seen.run(&run.name));
    // what an abort has left recorded is of the attempt before
    let since_abort = since.filter(|_| d.recorded.aborted_at.is_some());
    if let Some(run) = named.filter(|run| is_of_step(run, kind) && !is_of_earlier_attempt(run, since_abort)) {
        return Some(latest(d.seen.runs(), run, since));
    }
    match place(
        wanted(d, kind, analysis).ok()?,
        d.seen.runs(),
        &d.seen.foreign_runs,
        since,
    ) {
        Place::Found(name) => d.seen.run(&name).map(|run| latest(d.seen.runs(), run, since)),
        Place::Create(_) => None,
    }
}

/// Whether a recorded run belongs to this step.
fn is_of_step(run: &AnalysisRun, kind: RunKind) -> bool {
    let labels = run.metadata.labels.as_ref();
    match kind {
        RunKind::Step { index } => {
            labels.and_then(|labels| labels.get(api::keys::STEP_INDEX)) == Some(&index.to_string())
        }
        RunKind::Background | RunKind::PrePromotion | RunKind::PostPromotion => true,
    }
}

/// When the attempt began: after the abort that a person retries, or with the update. An instant to come is another
/// controller's, whose clock was ahead, and says nothing.
pub(crate) fn attempt_start(recorded: &RolloutStatus, now: DateTime<Utc>) -> Option<Time> {
    let update = recorded.duration.as_ref().filter(|clock| clock.finished_at.is_none());
    let retried = recorded.aborted_at.map(after);
    let start = retried.or(update.and_then(|clock| clock.rollout_started_at));
    start.filter(|start| start.0 <= now)
}

/// Until when a retry waits, so that its runs can be told from those of the attempt that was aborted: instants have whole
/// seconds.
pub(crate) fn retry_waits(d: &Draft<'_>) -> Option<DateTime<Utc>> {
    let retried = d.recorded.aborted_at.filter(|_| d.seen.controls.abort == Abort::No)?;
    let same = d.recorded.current_pod_hash == d.seen.new_hash() && d.seen.runs().next().is_some();
    let soon = d.seen.now..=d.seen.now + Duration::seconds(1);
    Some(after(retried).0).filter(|at| same && soon.contains(at) && *at > d.seen.now)
}

/// The next second.
fn after(at: Time) -> Time {
    Time::new(at.0 + Duration::seconds(1))
}

fn recorded<'d>(d: &'d Draft<'_>, kind: RunKind) -> Option<&'d RolloutAnalysisRunStatus> {
    let (canary, blue_green) = (&d.recorded.canary, &d.recorded.blue_green);
    match kind {
        RunKind::Step { .. } => canary.current_step_analysis_run_status.as_ref(),
        RunKind::Background => canary.current_background_analysis_run_status.as_ref(),
        RunKind::PrePromotion => blue_green.pre_promotion_analysis_run_status.as_ref(),
        RunKind::PostPromotion => blue_green.post_promotion_analysis_run_status.as_ref(),
    }
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
    let previous = before.as_ref().filter(|run| run.name == now.name);
    if previous.is_some_and(|previous| previous.status == now.status) {
        return;
    }
    d.say(transition(
        kind,
        &now.name,
        Phase::of(&now.status),
        previous.map(|run| run.status.as_str()),
    ));
}

/// Ends every unfinished run that is not current.
fn cancel_but(d: &mut Draft<'_>, current: &[String]) {
    for run in d.seen.runs() {
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
    let (seen, spec) = (d.seen, d.seen.spec());
    let staying = seen
        .revisions
        .iter()
        .filter(|revision| revision.deleting == Deleting::No);
    let hashes = staying.map(|revision| revision.hash.clone()).collect();
    let others = seen
        .runs()
        .filter(|run| run.metadata.name.as_ref().is_some_and(|name| !current.contains(name)));
    let (good, bad) = (
        spec.successful_run_history_limit(),
        spec.unsuccessful_run_history_limit(),
    );
    for run in runs_to_delete(others, &hashes, good, bad) {
        let name = run.metadata.name.clone().unwrap_or_default();
        d.act(Action::DeleteRun {
            name,
            uid: run.metadata.uid.clone().unwrap_or_default(),
        });
    }
}

/// Whether the analysis before the switch, if there is one, is through.
pub(crate) fn pre_promotion_passed(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> bool {
    d.is_promote_full() || passed(d, RunKind::PrePromotion, strategy.pre_promotion_analysis.as_ref())
}

/// Whether the analysis after the switch, if there is one, is through.
pub(crate) fn post_promotion(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> PostPromotion {
    if passed(d, RunKind::PostPromotion, strategy.post_promotion_analysis.as_ref()) {
        PostPromotion::Passed
    } else {
        PostPromotion::NotYet
    }
}

fn passed(d: &Draft<'_>, kind: RunKind, analysis: Option<&RolloutAnalysis>) -> bool {
    let Some(analysis) = analysis.filter(|analysis| !analysis.templates.is_empty()) else {
        return true;
    };
    current(d, kind, analysis).is_some_and(|run| run_phase(run) == phase::SUCCESSFUL)
}

/// Whether old pods must stay because the new revision has been switched to and the analysis of that is not through.
pub(crate) fn post_promotion_pending(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> bool {
    let switched = d.next.blue_green.active_selector == d.seen.new_hash() && d.recorded.stable_rs != d.seen.new_hash();
    switched && !is_skipped(d) && post_promotion(d, strategy) == PostPromotion::NotYet
}

/// Whether what a person resumes is an inconclusive analysis of a blue/green: it is measured again, and nothing else is
/// resumed by that.
pub(crate) fn resumes_analysis(d: &Draft<'_>) -> bool {
    let recorded = &d.recorded.blue_green;
    let runs = [
        &recorded.pre_promotion_analysis_run_status,
        &recorded.post_promotion_analysis_run_status,
    ];
    let mut runs = runs.into_iter().flatten();
    d.seen.controls.resume == Resume::Asked && runs.any(|run| run.status == phase::INCONCLUSIVE)
}
