//! Two controllers on the same rollouts: the second one does not begin.

use controller::config::{Election, Rivals};
use controller::error::Error;
use serde_json::json;

use super::canary;
use super::ring::{NAMESPACE, Ring, replica_sets};

/// A controller that lives in `namespace` and looks for others.
fn start(ring: &mut Ring, agent: &str, namespace: &str, instance_id: &str, beside: &[&str]) {
    let beside = beside.iter().map(|namespace| (*namespace).to_owned()).collect();
    ring.start(agent, |config| {
        config.instance_id = instance_id.to_owned();
        config.election = Some(Election::new(namespace, instance_id, agent));
        config.rivals = Rivals::Refused { beside };
    });
}

/// A ring with a leader in the namespace `argo-rollouts`.
async fn led() -> Ring {
    let mut ring = Ring::new(70);
    ring.create_namespace("argo-rollouts");
    start(&mut ring, "first", "argo-rollouts", "", &[]);
    ring.pass(10).await;
    ring
}

#[tokio::test(start_paused = true)]
async fn a_live_leader_elsewhere_is_named_and_nothing_begins() {
    let mut ring = led().await;
    start(&mut ring, "second", NAMESPACE, "", &[]);
    let ended = ring.last_end().await;
    let Err(error @ Error::Rival { .. }) = ended else {
        panic!("{ended:?}");
    };
    let said = error.to_string();
    for part in [
        "another controller leads: first_",
        "renews the Lease argo-rollouts/argo-rollouts-controller-lock,",
        "kubectl -n argo-rollouts get deployments",
        "--instance-id",
        "--beside argo-rollouts",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    ring.create(&canary("web", 1, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    assert_eq!(ring.writers(), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn who_looks_after_other_rollouts_is_no_rival() {
    for (instance_id, beside) in [("blue", vec![]), ("", vec!["argo-rollouts"])] {
        let mut ring = led().await;
        start(&mut ring, "second", NAMESPACE, instance_id, &beside);
        ring.pass(60).await;
        assert!(ring.stop().await.is_ok(), "{instance_id} {beside:?}: it ran");
    }
}

/// The Lease of one that is gone stays behind: it is waited for once, and then forgotten.
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_gone_is_followed() {
    let mut ring = led().await;
    ring.create(&canary("web", 1, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.kill();
    start(&mut ring, "second", NAMESPACE, "", &[]);
    ring.set_image("web", "web:v2");
    ring.until("the second one goes on", 40, |api| replica_sets(api).len() == 2)
        .await;
}
