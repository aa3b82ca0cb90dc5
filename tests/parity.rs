//! The simulator and a real API server answer alike: one table of calls, in `parity/*.calls`, with a real Kubernetes'
//! answers beside the calls. Every `cargo test` holds the simulator to it; the cluster ring holds the table to a real
//! control plane, and has kubectl's sessions on both. Times, uids, versions and generated names are not compared.
//!
//! `just parity` records the answers anew from a real control plane. [`table`] says how a call is written.

mod plain;
mod play;
mod servers;
mod simulated;
mod table;

use std::path::{Path, PathBuf};

use play::{Server, play};
use simulated::Simulated;
use table::Entry;

/// A file of the table.
struct Topic {
    name: String,
    file: PathBuf,
    entries: Vec<Entry>,
}

/// All topics, by name; `sessions`: those with kubectl, which need a port to talk to.
fn topics(sessions: Sessions) -> Vec<Topic> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("parity");
    let files = std::fs::read_dir(&directory).expect("the table is in tests/parity");
    let mut topics: Vec<Topic> = files
        .map(|file| file.expect("a file").path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "calls"))
        .map(|file| Topic {
            name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            entries: table::parse(&std::fs::read_to_string(&file).expect("text")),
            file,
        })
        .filter(|topic| topic.entries.iter().any(|entry| entry.command().is_some()) == (sessions == Sessions::Kubectl))
        .collect();
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    topics
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sessions {
    Requests,
    Kubectl,
}

/// Where a server answers otherwise than the table says, as text; how many calls there were, and how many are listed as
/// different.
fn compare(topic: &Topic, server: &mut dyn Server, whose: Whose) -> (String, usize, usize) {
    let heard = match play(&topic.name, &topic.entries, server) {
        Ok(heard) => heard,
        Err(error) => return (format!("{error:#}\n"), 0, 0),
    };
    let mut wrong = String::new();
    let mut listed = 0;
    for (wanted, heard) in topic.entries.iter().zip(heard) {
        // The control plane of a test is too young to have forgotten anything.
        if wanted.is_aged() && whose == Whose::Kubernetes {
            listed += 1;
            continue;
        }
        if wanted.differs.is_some() && whose == Whose::Simulator {
            // A difference that is none any more is to be taken off the list.
            if wanted.answer == heard.answer {
                wrong.push_str(&format!("{}: {}\n  does not differ\n", topic.name, wanted.line));
            }
            listed += 1;
        } else if wanted.answer != heard.answer {
            let diff = similar::TextDiff::from_lines(wanted.answer.join("\n"), heard.answer.join("\n"))
                .unified_diff()
                .context_radius(1)
                .to_string();
            let body = wanted.body.join("\n  ");
            wrong.push_str(&format!("{}: {}\n  {body}\n{diff}\n", topic.name, wanted.line));
        }
    }
    (wrong, topic.entries.len(), listed)
}

/// Whose answers are compared with the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Simulator,
    Kubernetes,
}

fn verdict(what: &str, outcomes: Vec<(String, usize, usize)>) {
    let (mut wrong, mut calls, mut listed) = (String::new(), 0, 0);
    for (more, of_them, differ) in outcomes {
        wrong.push_str(&more);
        calls += of_them;
        listed += differ;
    }
    println!("{what}: {calls} calls answered, {listed} of them listed as different");
    assert!(calls > 0 || !wrong.is_empty(), "there is nothing to ask");
    assert!(wrong.is_empty(), "{what} answers otherwise:\n{wrong}");
}

#[test]
fn the_simulator_answers_as_kubernetes_did() {
    let play_one = |topic: &Topic| {
        let mut simulated = Simulated::new().expect("our CRDs");
        compare(topic, &mut simulated, Whose::Simulator)
    };
    verdict(
        "the simulator",
        topics(Sessions::Requests).iter().map(play_one).collect(),
    );
}

/// The part that needs a control plane.
mod on_a_cluster {
    use super::servers::{Real, Served};
    use super::{Sessions, Topic, Whose, compare, play, table, topics, verdict};
    use crate::cluster::Cluster;

    fn against_kubernetes(sessions: Sessions) {
        let cluster = Cluster::shared();
        let play_one = |topic: &Topic| {
            let mut real = Real(&cluster);
            if std::env::var_os("SLUICE_WRITE_PARITY").is_some() {
                let heard = play(&topic.name, &topic.entries, &mut real);
                let mut heard = heard.unwrap_or_else(|error| panic!("{error:#}"));
                for (heard, before) in heard
                    .iter_mut()
                    .zip(&topic.entries)
                    .filter(|(_, before)| before.is_aged())
                {
                    heard.answer.clone_from(&before.answer);
                }
                std::fs::write(&topic.file, table::print(&heard)).expect("the table is written");
                return (String::new(), heard.len(), 0);
            }
            compare(topic, &mut real, Whose::Kubernetes)
        };
        verdict("Kubernetes", topics(sessions).iter().map(play_one).collect());
    }

    #[test]
    #[ignore = "needs a control plane: `just cluster`"]
    fn kubernetes_answers_as_it_did() {
        against_kubernetes(Sessions::Requests);
    }

    #[test]
    #[ignore = "needs a control plane: `just cluster`"]
    fn kubernetes_and_kubectl_answer_as_they_did() {
        against_kubernetes(Sessions::Kubectl);
    }

    #[test]
    #[ignore = "needs the kubectl of a control plane: `just cluster`"]
    fn kubectl_finds_in_the_simulator_what_it_finds_in_kubernetes() {
        let play_one = |topic: &Topic| {
            let mut served = Served::start().expect("a port");
            compare(topic, &mut served, Whose::Simulator)
        };
        verdict(
            "the simulator",
            topics(Sessions::Kubectl).iter().map(play_one).collect(),
        );
    }
}
