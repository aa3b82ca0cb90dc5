//! The demo as a newcomer runs it: the built program, in real time, its exit code believed only because it can be other
//! than 0.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};

fn demo(flags: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(["demo", "--plain"]).args(flags.split_whitespace());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    command.spawn().expect("the program starts")
}

/// Both outputs and the exit code, once it has ended.
fn ended(child: Child) -> (String, Option<i32>) {
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout) + &text(&output.stderr), output.status.code())
}

#[test]
fn every_story_ends_as_it_should_and_no_story_for_the_honest_reader_does() {
    let table = [
        ("--story 1", 0, "as it should: wholly shop/web:1.1"),
        ("--story 2", 0, "as it should: shop/web:1.2-bad taken back because of"),
        ("--story 3", 0, "as it should: shop/cart:1.2-bad taken back because of"),
        (
            "--story 2 --image good",
            1,
            "shop/web:1.2 should have been taken back, but it was promoted",
        ),
        (
            "--story 2 --without-analysis",
            1,
            "should have been taken back, but it was promoted",
        ),
        (
            "--story 2 --lying-metrics",
            1,
            "should have been taken back, but it was promoted",
        ),
        ("--story 3 --without-analysis", 1, "but no analysis has looked at it"),
    ];
    // At once: each of them waits most of its time.
    let running: Vec<_> = table.map(|(flags, code, says)| (demo(flags), flags, code, says)).into();
    for (child, flags, code, says) in running {
        let (text, got) = ended(child);
        assert_eq!(got, Some(code), "{flags}\n{text}");
        assert!(text.contains(says), "{flags}: it does not say {says:?}\n{text}");
        assert!(
            text.contains("0 failed on their way"),
            "{flags}: no line about the traffic\n{text}"
        );
    }
}

#[test]
fn ctrl_c_ends_it_in_the_middle() {
    let mut child = demo("--story 1");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    assert!(
        lines.any(|line| line.contains("Scaled up ReplicaSet")),
        "the story begins"
    );
    assert!(interrupt(&child).success());
    assert_eq!(lines.last().as_deref(), Some("Stopped; nothing is left running."));
    let mut complaint = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut complaint)
        .expect("text");
    assert_eq!(
        (child.wait().expect("an end").code(), complaint.as_str()),
        (Some(130), "")
    );
}

fn interrupt(child: &Child) -> ExitStatus {
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill is there")
}

#[test]
fn a_wrong_manifest_is_named_before_anything_starts() {
    let path = format!("{}/wrong.yaml", env!("CARGO_TARGET_TMPDIR"));
    let manifest = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n  replicas: -1\n";
    std::fs::write(&path, manifest).expect("written");
    let (text, code) = ended(demo(&format!("-f {path}")));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&format!("{path}:5:3: error: Rollout web: spec.replicas:")),
        "{text}"
    );
}
