//! What `sluice lint` says: a manifest beside its answer.

use sluice::lint::{Source, lint};

/// The answer to one file, without its name.
fn said(text: &str) -> String {
    let name = "f".to_owned();
    let text = text.trim_start_matches('\n').to_owned();
    lint(&[Source { name, text }])
        .to_text()
        .replace("f:", "")
        .trim_end()
        .to_owned()
}

/// A sound canary with `strategy` as its strategy, and its Services.
fn canary(strategy: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: web}}
spec:
  replicas: 5
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: web:1}}]}}
  strategy:
    canary:
{}",
        strategy
            .lines()
            .map(|line| format!("      {line}\n"))
            .collect::<String>()
    )
}

const STABLE: &str = "---
apiVersion: v1
kind: Service
metadata: {name: web-stable}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

#[test]
fn a_sound_manifest_is_not_objected_to() {
    assert_eq!(said(&canary("steps: [{setWeight: 20}, {pause: {}}]")), "");
    assert_eq!(said(&format!("{}{STABLE}", canary("stableService: web-stable"))), "");
    assert_eq!(said("apiVersion: apps/v1\nkind: Deployment\nanything: goes\n"), "");
}

#[test]
fn an_unknown_field_is_named_with_what_was_meant() {
    assert_eq!(
        said(&canary("stepz:\n- setWeight: 5")),
        "\
12:7: error: Rollout web: spec.strategy.canary.stepz: unknown field
    did you mean steps?"
    );
    assert_eq!(
        said(&canary("maxSurge: 1").replace("  replicas: 5", "  steps: []\n  replicas: 5")),
        "\
5:3: error: Rollout web: spec.steps: unknown field
    remove it; the fields here are analysis, minReadySeconds, paused, progressDeadlineAbort, progressDeadlineSeconds, \
replicas, restartAt, revisionHistoryLimit, rollbackWindow, selector, strategy, template, workloadRef"
    );
    assert_eq!(
        said(&canary("{}").replace("    canary:\n      {}", "    steps: []\n    canary: {}")),
        "\
11:5: error: Rollout web: spec.strategy.steps: unknown field
    it belongs under canary"
    );
    assert_eq!(
        said(&canary("{}").replace("image: web:1", "image: web:1, pports: []")),
        "\
9:51: error: Rollout web: spec.template.spec.containers[0].pports: unknown field
    did you mean ports?"
    );
}

#[test]
fn a_duplicate_field_is_an_error() {
    assert_eq!(
        said(&canary("maxSurge: 1\nmaxSurge: 2")),
        "\
13:7: error: spec.strategy.canary.maxSurge: duplicate field: it is already there in line 12
    keep one of the two; a parser would silently drop the other"
    );
}

#[test]
fn a_wrong_type_says_what_is_wanted() {
    for (strategy, want) in [
        (
            "steps: [{setWeight: '5'}]",
            "12:16: error: Rollout web: spec.strategy.canary.steps[0].setWeight: wrong type: a whole number is wanted, \
             not the string \"5\"\n    write 5 without quotes",
        ),
        (
            "steps: {setWeight: 5}",
            "12:7: error: Rollout web: spec.strategy.canary.steps: wrong type: a list is wanted, not an object\n    \
             put a dash before each element",
        ),
        (
            "stableService: 5",
            "12:7: error: Rollout web: spec.strategy.canary.stableService: wrong type: a string is wanted, not the \
             number 5\n    put quotes around it: \"5\"",
        ),
        (
            "minPodsPerReplicaSet: 3000000000",
            "12:7: error: Rollout web: spec.strategy.canary.minPodsPerReplicaSet: 3000000000 does not fit 32 bits\n    \
             write a smaller number",
        ),
    ] {
        assert_eq!(said(&canary(strategy)), want, "{strategy}");
    }
    assert_eq!(
        said(&canary("{}").replace("labels: {app: web}", "labels: {app: web, new: yes}")),
        "\
8:35: error: Rollout web: spec.template.metadata.labels.new: wrong type: a string is wanted, not the truth value true
    put quotes around it"
    );
}

#[test]
fn broken_yaml_names_the_line() {
    let text = said("apiVersion: v1\nkind: [Service\n");
    assert!(text.contains("error: broken YAML: "), "{text}");
    assert!(text.ends_with("look at the indentation, colons, quotes and brackets of this line and the one before"));
}

#[test]
fn rules_stand_where_the_field_stands() {
    for (strategy, want) in [
        (
            "steps:\n- setWeight: 5\n- setWeight: -1",
            "14:9: error: Rollout web: spec.strategy.canary.steps[1].setWeight: Invalid value: -1: SetWeight needs to be \
             between 0 and 100\n    write a weight from 0 to 100",
        ),
        (
            "steps:\n- pause: {duration: soon}",
            "13:17: error: Rollout web: spec.strategy.canary.steps[0].pause.duration: Invalid value: -1: Duration needs \
             to be greater than 0\n    write seconds (30) or a duration (5m, 1h30m); leave it out to wait for a promotion",
        ),
        (
            "trafficRouting:\n  plugins: {a/b: {}}",
            "13:9: error: Rollout web: spec.strategy.canary.trafficRouting.plugins: Forbidden: traffic routing by a plugin is \
             not supported by this version of Sluice; nothing is changed\n    remove it, or run this rollout with a \
             controller that has it",
        ),
    ] {
        assert_eq!(said(&canary(strategy)), want, "{strategy}");
    }
    assert_eq!(
        said(&canary("{}\nblueGreen: {activeService: a}").replace("      blueGreen", "    blueGreen")),
        "\
10:3: error: Rollout web: spec.strategy: Invalid value: \"blueGreen: true canary: true\": Multiple Strategies can not be \
listed
    keep canary or blueGreen, and remove the other
13:17: warning: Rollout web: spec.strategy.blueGreen.activeService: Service a is not among the objects given
    give the file that holds Service a too, or make sure that the cluster has it"
    );
}

#[test]
fn what_argo_accepts_but_should_not_is_a_warning() {
    assert_eq!(
        said(&canary("maxSurge: ten")),
        "\
12:7: warning: Rollout web: spec.strategy.canary.maxSurge: \"ten\" is no number: maxSurge and maxUnavailable both count as \
0 and nothing can move
    write a number of pods (3) or a percentage (\"25%\")"
    );
}

#[test]
fn a_service_that_is_not_there() {
    let named = canary("stableService: web-stabel");
    assert_eq!(
        said(&named),
        "\
12:7: warning: Rollout web: spec.strategy.canary.stableService: Service web-stabel is not among the objects given
    give the file that holds Service web-stabel too, or make sure that the cluster has it"
    );
    assert_eq!(
        said(&format!("{named}{STABLE}")),
        "\
12:7: error: Rollout web: spec.strategy.canary.stableService: Service web-stabel is not among the objects given
    did you mean web-stable?"
    );
    let other = STABLE.replace("selector: {app: web}", "selector: {app: shop}");
    assert_eq!(
        said(&format!("{}{other}", canary("stableService: web-stable"))),
        "\
12:7: error: Rollout web: spec.strategy.canary.stableService: Invalid value: \"web-stable\": Service \"web-stable\" has \
unmatch label \"app\" in rollout
    let the Service select labels that the template has"
    );
}

const TEMPLATE: &str = "---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors}
spec:
  args: [{name: hash}]
  metrics:
  - name: rate
    interval: 10s
    successCondition: result[0] < 0.1
    provider: {prometheus: {query: 'errors{hash=\"{{ args.hash }}\"}'}}
";

#[test]
fn an_awaited_analysis_must_end_and_have_its_arguments() {
    let analysis = "steps:\n- analysis: {templates: [{templateName: errors}]}";
    assert_eq!(
        said(&format!("{}{TEMPLATE}", canary(analysis))),
        "\
13:20: error: Rollout web: spec.strategy.canary.steps[0].analysis.templates: Invalid value: \"errors\": AnalysisTemplate \
errors has metric rate which runs indefinitely. Invalid value for count: <nil>
    give the metric a count, or remove its interval
13:20: error: Rollout web: spec.strategy.canary.steps[0].analysis.templates: args.hash was not resolved: AnalysisTemplate \
errors needs it
    give hash a value under args of this analysis"
    );
    let background = "analysis:\n  templates: [{templateName: errors}]\n  args: [{name: hash, value: x}]";
    assert_eq!(said(&format!("{}{TEMPLATE}", canary(background))), "");
}

#[test]
fn a_template_by_itself() {
    for (from, to, want) in [
        (
            "interval: 10s",
            "count: 5",
            "8:5: error: AnalysisTemplate errors: spec.metrics[0]: interval must be specified when count > 1\n    add an \
             interval such as 1m",
        ),
        (
            "args.hash",
            "args.hsah",
            "8:5: error: AnalysisTemplate errors: spec.metrics[0]: failed to resolve {{args.hsah}}\n    did you mean \
             {{args.hash}}?",
        ),
        (
            "prometheus: {query: 'errors{hash=\"{{ args.hash }}\"}'}",
            "job: {spec: {template: {}}}",
            "11:16: error: AnalysisTemplate errors: spec.metrics[0].provider.job: Forbidden: the metric provider job is not \
             supported by this version of Sluice; nothing is changed\n    remove it, or run this rollout with a controller \
             that has it",
        ),
        (
            "    successCondition: result[0] < 0.1\n",
            "",
            "8:5: warning: AnalysisTemplate errors: spec.metrics[0]: without a condition every measurement that yields a \
             value is successful\n    add a successCondition or a failureCondition, such as result[0] < 0.05",
        ),
    ] {
        assert_eq!(said(&TEMPLATE.replace(from, to)), want, "{to}");
    }
}

#[test]
fn an_object_of_no_kind_we_know() {
    assert_eq!(
        said("apiVersion: argoproj.io/v1alpha1\nkind: Rolout\nmetadata: {name: web}\n"),
        "\
2:1: error: Rolout web: kind: there is no Rolout in argoproj.io/v1alpha1
    did you mean apiVersion: argoproj.io/v1alpha1, kind: Rollout?"
    );
    assert_eq!(
        said("apiVersion: argoproj.io/v1beta1\nkind: Rollout\nmetadata: {name: web}\n"),
        "\
1:1: error: Rollout web: apiVersion: there is no Rollout in argoproj.io/v1beta1
    did you mean apiVersion: argoproj.io/v1alpha1, kind: Rollout?"
    );
    assert_eq!(
        said("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\n"),
        ""
    );
    assert_eq!(
        said("a: 1\n"),
        "1:1: error: apiVersion: no Kubernetes object: apiVersion is missing\n    add apiVersion"
    );
}

#[test]
fn many_files_many_documents_one_report() {
    let source = |name: &str, text: String| Source {
        name: name.to_owned(),
        text,
    };
    let report = lint(&[
        source("rollout.yaml", canary("stableService: web-stable\nmaxSurge: '3'")),
        source(
            "objects.json",
            "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [{\"a\": 1}]}".to_owned(),
        ),
        source("services.yaml", STABLE.repeat(2)),
    ]);
    assert_eq!(report.summary(), "3 files, 4 objects: 1 error, 2 warnings");
    let places: Vec<String> = report
        .diagnostics
        .iter()
        .map(|d| format!("{} {} {} {}", d.file, d.document, d.kind, d.path))
        .collect();
    assert_eq!(
        places,
        [
            "objects.json 1  apiVersion",
            "rollout.yaml 1 Rollout spec.strategy.canary.maxSurge",
            "services.yaml 2 Service metadata.name",
        ]
    );
    let json = report.to_json();
    assert_eq!(
        (&json["errors"], &json["diagnostics"][0]["severity"]),
        (&1.into(), &"error".into())
    );
}

/// The verb itself: what is printed, and whether the process would end with 1.
fn typed(line: &str) -> (String, Result<(), String>) {
    use clap::Parser as _;
    let sluice = sluice::args::Sluice::try_parse_from(std::iter::once("sluice").chain(line.split(' ')));
    let sluice = sluice.expect("a command line");
    let printed = Printed::default();
    let mut console = sluice::console::Console {
        out: Box::new(printed.clone()),
        err: Box::new(std::io::sink()),
        clock: Default::default,
        paint: sluice::render::Paint::Plain,
    };
    let reach = sluice::cmd::Reach::Flags(Box::new(sluice.connection));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let done = runtime.block_on(sluice.verb.run(&reach, &mut console));
    let text = printed.0.lock().expect("what was printed").clone();
    (
        String::from_utf8(text).expect("text"),
        done.map_err(|e| format!("{e:#}")),
    )
}

#[derive(Clone, Default)]
struct Printed(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("what was printed").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn errors_end_with_1_and_warnings_do_not() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let (text, done) = typed(&format!("lint {examples} --format text"));
    assert_eq!(text, "6 files, 23 objects: no errors, no warnings\n");
    assert_eq!(done, Ok(()));
    let (text, done) = typed(&format!("lint -f {examples}/canary.yaml --format json"));
    assert!(text.contains("\"errors\": 0"), "{text}");
    assert_eq!(done, Ok(()));
    let (_, done) = typed(&format!("lint {examples}/../Cargo.toml"));
    assert!(done.is_err_and(|e| e.starts_with("1 file, ")));
    let (_, done) = typed("lint /nowhere.yaml");
    assert!(done.is_err_and(|e| e.starts_with("could not read /nowhere.yaml")));
}

#[test]
fn what_is_missing_is_said_once() {
    assert_eq!(
        said(&canary("steps: [{}]").replace("containers: [{name: web, image: web:1}]", "nodeName: a")),
        "\
9:5: error: Rollout web: spec.template.spec.containers: required field is missing
    add containers
12:15: error: Rollout web: spec.strategy.canary.steps[0]: Invalid value: \"step.Experiment: true step.Pause: true \
step.SetWeight: true step.Analysis: true step.SetCanaryScale: true step.SetHeaderRoute: true step.SetMirrorRoute: true \
step.Plugin: true\": Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause
    write setWeight, pause or analysis into the step, or remove it"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Whatever is handed in, there is an answer; a cut or scribbled manifest too.
    #[test]
    fn nothing_makes_it_fall_over(at in 0usize..2000, cut in 0usize..40, scribble in "[\\PC\\n]{0,12}") {
        let text = format!("{}{STABLE}{TEMPLATE}", canary("steps:\n- setWeight: 5\n- pause: {duration: 5m}"));
        let characters: Vec<char> = text.chars().collect();
        let at = at.min(characters.len());
        let rest = &characters[(at + cut).min(characters.len())..];
        let text: String = characters[..at].iter().copied().chain(scribble.chars()).chain(rest.iter().copied()).collect();
        said(&text);
    }
}
