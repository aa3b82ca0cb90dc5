//! Which controllers are there already, and which of them leads.

use super::{Finding, Seen};

/// A Lease of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    pub namespace: String,
    pub lease: String,
    pub holder: String,
    /// Whether it was renewed while we looked.
    pub is_live: bool,
}

/// A Deployment that looks like one of a rollouts controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub namespace: String,
    pub name: String,
    pub image: String,
    pub replicas: i64,
}

impl Deployment {
    /// Whether it is Sluice itself.
    pub fn is_ours(&self) -> bool {
        let name = self.image.rsplit('/').next().unwrap_or_default();
        name.split([':', '@']).next() == Some("sluice")
    }
}

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let own = &seen.intent.own;
    let mut found = Vec::new();
    for leader in &seen.leaders {
        let Leader {
            namespace,
            lease,
            holder,
            is_live,
        } = leader;
        found.push(match (is_live, namespace == own) {
            (true, true) => Finding::note(format!("{holder} leads by Lease {namespace}/{lease}: the new controller would wait for it")),
            (true, false) => Finding::stop(format!(
                "{holder} leads by Lease {namespace}/{lease}: two controllers on the same rollouts undo each other's work; stop it \
                 first (below), or give one of them an --instance-id"
            )),
            (false, _) => Finding::note(format!("Lease {namespace}/{lease} of {holder} is not renewed any more")),
        });
    }
    let leads_nobody = !seen.leaders.iter().any(|leader| leader.is_live);
    for deployment in &seen.deployments {
        let Deployment {
            namespace,
            name,
            image,
            replicas,
        } = deployment;
        let text = format!("Deployment {namespace}/{name} runs {replicas} of {image}");
        // One that has not begun to lead yet will, as soon as it can.
        found.push(match (*replicas > 0 && leads_nobody, deployment.is_ours()) {
            (true, false) => Finding::stop(format!("{text} without a live Lease: stop it first (below)")),
            (true, true) | (false, _) => Finding::note(text),
        });
    }
    if found.is_empty() {
        found.push(Finding::fine("no other controller was found"));
    }
    found
}
