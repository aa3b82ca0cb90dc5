//! The way there and back, with the names of this cluster in it.

use std::fmt::Write as _;

use super::{Deployment, Seen};

/// The steps, as text.
pub fn runbook(seen: &Seen) -> String {
    format!("There\n{}Back\n{}", there(seen), back(seen))
}

fn there(seen: &Seen) -> String {
    let own = &seen.intent.own;
    let mut steps = Steps::default();
    let stop: Vec<String> = others(seen).flat_map(stop).collect();
    steps.say(
        if stop.is_empty() {
            "Stop the other controller, if there is one."
        } else {
            "Stop the other controller, and keep what brings it back. GitOps must not scale it up again."
        },
        stop,
    );
    steps.say(
        "Install this one. The definitions that are there are taken over; no object of theirs is touched.",
        [install(seen)],
    );
    let lease = controller::config::lease_name(&seen.intent.instance_id);
    steps.say(
        "See it lead, and every rollout where it was: no pod is replaced.",
        [
            format!("kubectl -n {own} get lease {lease}"),
            "sluice list rollouts -A".to_owned(),
        ],
    );
    steps.text
}

fn back(seen: &Seen) -> String {
    let own = &seen.intent.own;
    let mut steps = Steps::default();
    steps.say(
        "Stop this one.",
        [
            format!("kubectl -n {own} scale deployment sluice --replicas=0"),
            format!("kubectl -n {own} wait --for=delete pod -l app.kubernetes.io/name=sluice --timeout=60s"),
        ],
    );
    let start = others(seen).map(|one| {
        let Deployment { namespace, name, .. } = one;
        let replicas = one.replicas.max(1);
        format!("kubectl -n {namespace} scale deployment {name} --replicas={replicas}")
    });
    steps.say(
        "Start the other one again. What this one leaves is what it continues.",
        start,
    );
    steps.say(
        "For good: the definitions and all rollouts stay.",
        [format!("helm uninstall sluice -n {own}")],
    );
    steps.text
}

/// Numbered steps, their commands below them.
#[derive(Default)]
struct Steps {
    count: usize,
    text: String,
}

impl Steps {
    fn say(&mut self, what: &str, commands: impl IntoIterator<Item = String>) {
        self.count += 1;
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "  {}. {what}", self.count);
        for command in commands {
            let _ = writeln!(self.text, "       {command}");
        }
    }
}

fn others(seen: &Seen) -> impl Iterator<Item = &Deployment> {
    seen.deployments.iter().filter(|one| !one.is_ours())
}

fn stop(one: &Deployment) -> [String; 2] {
    let Deployment { namespace, name, .. } = one;
    [
        format!("kubectl -n {namespace} scale deployment {name} --replicas=0"),
        format!("kubectl -n {namespace} rollout status deployment {name} --timeout=60s"),
    ]
}

fn install(seen: &Seen) -> String {
    let intent = &seen.intent;
    let mut command = format!(
        "helm upgrade --install sluice charts/sluice -n {} --create-namespace --take-ownership --set image.repository=REGISTRY/sluice",
        intent.own
    );
    if !intent.watched.is_empty() {
        let _ = write!(
            command,
            " --set namespaced=true --set watchNamespace={}",
            intent.watched
        );
    }
    if !intent.instance_id.is_empty() {
        let _ = write!(command, " --set instanceId={}", intent.instance_id);
    }
    command
}
