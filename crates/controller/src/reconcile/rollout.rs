//! One look at one Rollout.

use engine::plan::{Notice, Plan};
use engine::{Cause, Withheld, audit, show};
use serde_json::Value;

use super::{after, at};
use crate::edge::Edge;
use crate::error::{Error, reconciliation_error, trouble_of};
use crate::kind::Name;
use crate::metrics::Total;
use crate::observe::{self, View};
use crate::queue::Again;
use crate::sight::Seeing;
use crate::task::Task;
use crate::{apply, lower, status};

/// How often a decision may ask for more to be read; it names everything at once, so twice is already unusual.
const MOST_READS: usize = 4;

pub(super) async fn look(edge: &Edge, task: &Task, name: &Name) -> Again {
    if let Some(again) = edge.freshen(task).await {
        return again;
    }
    if let Some((kind, place)) = edge.know(|shelves| shelves.lacking(name))
        && let Err(error) = edge.reread(kind, &place).await
    {
        return after(task, &error);
    }
    let now = edge.config.clock.now();
    let Some(mut view) = edge.know(|shelves| observe::rollout(shelves, name, now)) else {
        edge.forget(task);
        return Again::Never;
    };
    if let Some(rest) = edge.rest(task, view.fingerprint) {
        return Again::NotNow(rest);
    }
    match edge.seeing(&view.observed) {
        Seeing::All => {}
        Seeing::NotYet(wait) => return Again::NotNow(wait),
        Seeing::Not(withheld) => view.observed.withheld = Some(withheld),
    }
    let plan = match decide(edge, &mut view).await {
        Ok(plan) => plan,
        Err(error) => return after(task, &error),
    };
    if let Err(violation) = audit::check(&view.observed, &plan) {
        edge.metrics.count(Total::RefusedPlans, 1);
        tracing::error!(%task, %violation, plan = show::plan(&plan), "a plan was refused, and nothing of it is applied");
        let message = format!("Reconciliation failed with error: the plan was refused: {violation}");
        edge.tell_once(
            task,
            &view.subject,
            Some(Notice::warning("ReconciliationError", message)),
        );
        return Again::Failed;
    }
    carry_out(edge, task, view, &plan).await
}

/// Decides, reading what the decision asks for.
async fn decide(edge: &Edge, view: &mut View) -> Result<Plan, Error> {
    let mut plan = engine::decide(&view.observed);
    for _ in 0..MOST_READS {
        if plan.reads.is_empty() {
            break;
        }
        for read in std::mem::take(&mut plan.reads) {
            let request = lower::read(&view.subject.name.namespace, &read, view.observed.selector());
            match edge.server.read(&format!("read {read:?}"), request).await {
                Ok(answer) => observe::take_read(&mut view.observed, &read, &answer),
                Err(error) if error.is_forbidden() => {
                    let (cause, message) = (Cause::Forbidden, error.cause());
                    view.observed.withheld = Some(Withheld { cause, message });
                }
                Err(error) => return Err(error),
            }
        }
        plan = engine::decide(&view.observed);
    }
    Ok(plan)
}

async fn carry_out(edge: &Edge, task: &Task, view: View, plan: &Plan) -> Again {
    let View {
        mut subject, observed, ..
    } = view;
    say(task, plan);
    // The status records what has been seen and relies on no op of this plan, so it is written after a refusal too.
    let (refused, difference) = match apply::ops(edge, task, &mut subject, &plan.ops).await {
        Ok(()) => (None, plan.status.clone()),
        Err(refusal) => {
            let difference = refusal.status(&observed, plan);
            (Some(refusal), difference)
        }
    };
    let put_off = edge.put_off(task, plan).filter(|_| refused.is_none());
    let recorded = match &difference {
        Some(_) if put_off.is_some() => Ok(()),
        Some(_) if refused.as_ref().is_some_and(|refusal| refusal.is_not_leading()) => Ok(()),
        Some(difference) => status::write(edge, task, &subject, difference).await,
        None => Ok(()),
    };
    let withheld = observed.withheld.as_ref().map(|withheld| withheld.message.clone());
    let trouble = refused.as_ref().and_then(|refusal| refusal.trouble());
    let trouble = trouble.or_else(|| recorded.as_ref().err().and_then(trouble_of));
    edge.tell_once(task, &subject, trouble.or_else(|| withheld.map(reconciliation_error)));
    if recorded.is_ok() {
        if let Some(difference) = plan.status.as_ref().filter(|_| put_off.is_none()) {
            edge.metrics.recorded(observed.rollout.status.as_ref(), difference);
        }
        for notice in &plan.notices {
            edge.tell(&subject, notice);
        }
    }
    let refused = refused.map(|refusal| refusal.error);
    match (refused.or(recorded.err()), put_off) {
        (Some(error), _) => after(task, &error),
        (None, Some(wait)) => Again::NotNow(wait),
        (None, None) => at(plan.wake, observed.now),
    }
}

/// One line for a plan that does something; what waits, and why, is part of it.
fn say(task: &Task, plan: &Plan) {
    if plan.is_quiet() {
        tracing::debug!(%task, plan = show::plan(plan), "nothing to write");
        return;
    }
    let ops: Vec<String> = plan.ops.iter().map(|op| show::action(&op.action)).collect();
    let recorded: Vec<&str> = plan
        .status
        .iter()
        .filter_map(Value::as_object)
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    let held: Vec<String> = plan
        .held
        .iter()
        .map(|held| format!("{}: {}", held.what, held.why))
        .collect();
    tracing::info!(%task, ops = ops.join("; "), status = recorded.join(" "), held = held.join("; "), "plan");
}
