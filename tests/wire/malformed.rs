//! A malformed object is its own trouble and nobody else's (field-lessons A10; wire-contract 10.1.11, 10.2.21).

pub(super) mod corpus;
mod others;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sim::ApiServer;

use super::canary;
use super::ring::{self, Ring, looks, replica_sets, status};
use corpus::{Malformed, Meant};

/// How many malformed Rollouts there are.
const ROLLOUTS: usize = 500;

/// R11: they are there when the controller starts. It gets ready, and sound rollouts update beside them as without them.
#[tokio::test(start_paused = true)]
async fn malformed_rollouts_that_were_there_first_concern_nobody_else() {
    let mut ring = Ring::loose(300);
    let corpus = corpus::rollouts(300, ROLLOUTS);
    for malformed in &corpus {
        ring.plant(&malformed.object);
    }
    beside(&ring, &["web0", "web1", "web2"]);
    ring.start("sluice", |_| {});
    sound_ones_update(&ring, &["web0", "web1", "web2"]).await;
    ring.pass(60).await;
    judge(&ring, &corpus);
    rest(&ring, &corpus).await;
    mended(&ring, &corpus).await;
    assert!(ring.stop().await.is_ok());
}

/// They come while sound rollouts are in the middle of an update: half of them new, half of them sound ones until then.
#[tokio::test(start_paused = true)]
async fn malformed_rollouts_that_come_later_concern_nobody_else() {
    let mut ring = Ring::loose(301);
    let mut number = 0;
    let mut corpus = corpus::rollouts(301, ROLLOUTS);
    // A third of them is enough for what differs here; which third is of no matter.
    corpus.retain(|_| {
        number += 1;
        number % 3 == 0
    });
    let (edited, new) = corpus.split_at(corpus.len() / 2);
    beside(&ring, &["web0", "web1", "web2"]);
    for malformed in edited {
        ring.create(&corpus::sound(name(&malformed.object)));
    }
    ring.start("sluice", |_| {});
    for malformed in edited {
        ring.until_phase(name(&malformed.object), "Healthy", 300).await;
    }
    let sizes = ring.shared.with(|api| replica_sets(api));
    for name in ["web0", "web1", "web2"] {
        ring.until_phase(name, "Healthy", 60).await;
        ring.set_image(name, "web:v2");
    }
    for pair in edited.iter().zip(new) {
        ring.plant(&pair.0.object);
        ring.plant(&pair.1.object);
        ring.pass(0).await;
    }
    for name in ["web0", "web1", "web2"] {
        ring.until(&format!("the update of {name}"), 120, |api| is_at(api, name, "2"))
            .await;
    }
    ring.pass(60).await;
    judge(&ring, &corpus);
    let invalid = edited.iter().filter(|malformed| malformed.meant != Meant::Sound);
    let invalid: Vec<String> = invalid
        .map(|malformed| format!("{}-", name(&malformed.object)))
        .collect();
    let of_invalid = |set: &&String| invalid.iter().any(|name| set.starts_with(name));
    let after = ring.shared.with(|api| replica_sets(api));
    let (before, after): (Vec<_>, Vec<_>) = (
        sizes.iter().filter(of_invalid).collect(),
        after.iter().filter(of_invalid).collect(),
    );
    assert_eq!(before, after, "nothing of an invalid one is touched");
    rest(&ring, &corpus).await;
    assert!(ring.stop().await.is_ok());
}

/// Sound rollouts with a canary update before them.
fn beside(ring: &Ring, names: &[&str]) {
    for name in names {
        ring.create(&canary(
            name,
            4,
            json!([{"setWeight": 25}, {"pause": {"duration": 5}}, {"setWeight": 50}]),
        ));
    }
}

/// They get healthy and through an update within the time that it takes without anything beside them.
async fn sound_ones_update(ring: &Ring, names: &[&str]) {
    for name in names {
        ring.until_phase(name, "Healthy", 30).await;
        ring.set_image(name, "web:v2");
    }
    for name in names {
        ring.until(&format!("the update of {name}"), 60, |api| is_at(api, name, "2"))
            .await;
    }
}

/// Whether a rollout has come to the end of its update to this revision.
fn is_at(api: &ApiServer, name: &str, revision: &str) -> bool {
    let rollout = ring::rollout(api, name);
    let status = &rollout["status"];
    status["phase"] == "Healthy"
        && status["stableRS"] == status["currentPodHash"]
        && rollout["metadata"]["annotations"][api::keys::REVISION] == revision
}

/// Each is what the contract says of it, in its status.
fn judge(ring: &Ring, corpus: &[Malformed]) {
    let wrong: Vec<String> = ring
        .shared
        .with(|api| corpus.iter().filter_map(|one| misjudged(api, one)).collect());
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        corpus.len(),
        wrong.join("\n")
    );
}

fn misjudged(api: &ApiServer, malformed: &Malformed) -> Option<String> {
    let status = status(api, name(&malformed.object));
    let message = status["message"].as_str().unwrap_or_default();
    let invalid = status["conditions"][0]["type"] == "InvalidSpec" && status["phase"] == "Degraded";
    let right = match &malformed.meant {
        Meant::Invalid(fields) => invalid && fields.iter().any(|field| message.contains(field.as_str())),
        Meant::Sound => status["phase"] == "Healthy",
    };
    let Malformed { why, meant, .. } = malformed;
    let said: String = message.chars().take(300).collect();
    (!right).then(|| {
        format!(
            "{}: {why}: meant {meant:?}, is {} {said}",
            name(&malformed.object),
            status["phase"]
        )
    })
}

/// Nothing is written any more, and an invalid one is looked at every ten seconds and no more often.
async fn rest(ring: &Ring, corpus: &[Malformed]) {
    const SECONDS: u64 = 100;
    let (writes, before) = (ring.writes(), looks(ring));
    ring.pass(SECONDS).await;
    assert_eq!(ring.writes(), writes, "a hot loop");
    let after = looks(ring);
    for malformed in corpus {
        let name = name(&malformed.object);
        let count = |looks: &BTreeMap<String, u64>| looks.get(name).copied().unwrap_or_default();
        let looked = count(&after) - count(&before);
        let expected = match malformed.meant {
            Meant::Invalid(_) => SECONDS / 10 - 1..=SECONDS / 10 + 1,
            Meant::Sound => 0..=1,
        };
        assert!(
            expected.contains(&looked),
            "{name}: {looked} looks in {SECONDS} s: {}",
            malformed.why
        );
    }
    let page = ring.page();
    assert!(page.contains("sluice_panics_total 0\n"), "no look panicked");
}

/// Whoever is put right goes on.
async fn mended(ring: &Ring, corpus: &[Malformed]) {
    let some: Vec<&Malformed> = corpus.iter().step_by(7).collect();
    for malformed in &some {
        let sound = corpus::sound(name(&malformed.object));
        ring.shared.with(|api| {
            let mut mended = ring::rollout(api, name(&malformed.object));
            mended["spec"] = sound["spec"].clone();
            api.restore(&mended).expect("a Rollout");
        });
    }
    for malformed in &some {
        ring.until_phase(name(&malformed.object), "Healthy", 60).await;
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}
