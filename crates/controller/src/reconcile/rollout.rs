//! One look at one Rollout.

use engine::plan::{Notice, Plan};
use engine::{audit, show};
use serde_json::Value;

use super::{after, at};
use crate::edge::Edge;
use crate::error::Error;
use crate::kind::Name;
use crate::metrics::Total;
use crate::observe::{self, View};
use crate::queue::Again;
use crate::task::Task;
use crate::{apply, lower, status};

/// How often a decision may ask for more to be read; it names everything at once, so twice is already unusual.
const MOST_READS: usize = 4;

pub(super) async fn look(edge: &Edge, task: &Task, name: &Name) -> Again {
    if let Some(again) = edge.freshen(task).await {
        return again;
    }
    let now = edge.config.clock.now();
    let Some(mut view) = edge.know(|shelves| observe::rollout(shelves, name, now)) else {
        edge.forget(task);
        return Again::Never;
    };
    if let Some(rest) = edge.rest(task, view.fingerprint) {
        return Again::NotNow(rest);
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
            let selector = view.observed.rollout.spec.selector.as_ref();
            let request = lower::read(&view.subject.name.namespace, &read, selector);
            let answer = edge.server.read(&format!("read {read:?}"), request).await?;
            observe::take_read(&mut view.observed, &read, &answer);
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
    let applied = apply::ops(edge, task, &mut subject, &plan.ops).await;
    let (refused, trouble, said) = match applied {
        Ok(()) => (None, None, None),
        Err(refusal) => {
            let trouble = refusal.trouble();
            let said = trouble
                .as_ref()
                .and_then(|_| engine::refused(&observed, &refusal.action, &refusal.cause()));
            (Some(refusal.error), trouble, said)
        }
    };
    edge.tell_once(task, &subject, trouble);
    let put_off = edge.put_off(task, plan).filter(|_| said.is_none());
    // The status records what has been seen and relies on no op of this plan, so it is written after a refusal too.
    let recorded = match plan.status.as_ref().or(said.as_ref()) {
        Some(_) if put_off.is_some() => Ok(()),
        Some(_) if matches!(refused, Some(Error::NotLeading { .. })) => Ok(()),
        Some(difference) => status::write(edge, task, &subject, difference).await,
        None => Ok(()),
    };
    if recorded.is_ok() {
        for notice in &plan.notices {
            edge.tell(&subject, notice);
        }
    }
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
