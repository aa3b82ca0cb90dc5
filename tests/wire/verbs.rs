//! Verbs and lint on a namespace where other objects are malformed (R11; field-lessons A10: one unreadable object made
//! `status` fail for all).

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use serde_json::json;
use sluice::args::Sluice;
use sluice::cluster::Cluster;
use sluice::cmd::Reach;
use sluice::console::Console;
use sluice::lint::{Severity, Source, lint};
use sluice::render::Paint;

use super::canary;
use super::malformed::corpus::{self, Malformed};
use super::ring::{NAMESPACE, Ring};

#[tokio::test(start_paused = true)]
async fn verbs_work_for_sound_rollouts_beside_malformed_ones() {
    let mut ring = Ring::loose(320);
    let corpus: Vec<Malformed> = corpus::rollouts(320, 500).into_iter().step_by(5).collect();
    for malformed in &corpus {
        ring.plant(&malformed.object);
    }
    ring.create(&canary("web", 2, json!([{"setWeight": 50}, {"pause": {}}])));
    ring.start("sluice", |_| {});
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until_phase("web", "Paused", 60).await;

    let (done, said) = said(&ring, "list rollouts").await;
    assert!(done, "{said}");
    let line = said
        .lines()
        .find(|line| line.starts_with("web "))
        .expect("a line for web");
    assert!(line.contains("Paused") && line.contains("Canary"), "{line}");
    for malformed in &corpus {
        let name = malformed.object["metadata"]["name"].as_str().unwrap_or_default();
        assert!(
            said.lines().any(|line| line.starts_with(&format!("{name} "))),
            "{name}: {}",
            malformed.why
        );
        // These need not come to anything; they must only come to an end.
        for verb in ["status --watch=false", "get rollout"] {
            self::said(&ring, &format!("{verb} {name}")).await;
        }
    }
    let (done, said) = self::said(&ring, "status web --watch=false").await;
    assert!(done && said.starts_with("Paused"), "{said}");
    let (done, said) = self::said(&ring, "get rollout web").await;
    assert!(done && said.contains("Paused") && said.contains("revision:2"), "{said}");
    let (done, said) = self::said(&ring, "promote web").await;
    assert!(done, "{said}");
    ring.until_phase("web", "Healthy", 60).await;
    let (done, said) = self::said(&ring, "status web").await;
    assert!(done && said.starts_with("Healthy"), "{said}");
}

/// A file of two documents: what is wrong with the one is not said of the other.
#[test]
fn lint_finds_the_malformed_one_in_a_file_of_two() {
    let sound = canary("web", 2, json!([{"setWeight": 50}]));
    for malformed in corpus::rollouts(321, 500).into_iter().step_by(10) {
        let text = format!("{sound}\n---\n{}\n", malformed.object);
        let source = Source {
            name: "two.yaml".to_owned(),
            text,
        };
        let report = lint(&[source]);
        let errors = report
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error);
        let of_the_sound: Vec<_> = errors
            .filter(|found| found.name == "web" || found.document == 1)
            .collect();
        assert!(of_the_sound.is_empty(), "{}: {of_the_sound:?}", malformed.why);
    }
}

/// What `sluice LINE` says on stdout, and whether it ends well.
async fn said(ring: &Ring, line: &str) -> (bool, String) {
    let typed = Sluice::try_parse_from(std::iter::once("sluice").chain(line.split_whitespace())).expect("a line");
    let client = kube::Client::new(sim::Service::new(ring.shared.clone(), "user"), NAMESPACE);
    let out = Sink::default();
    let mut console = Console {
        out: Box::new(out.clone()),
        err: Box::new(io::sink()),
        clock: || "2026-01-01T01:00:00Z".parse().expect("an instant"),
        paint: Paint::Plain,
    };
    let cluster = Cluster::new(client, "http://test".to_owned(), NAMESPACE.to_owned(), None);
    let done = typed.verb.run(&Reach::Over(cluster), &mut console).await;
    let printed = out.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (done.is_ok(), String::from_utf8_lossy(&printed).into_owned())
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
