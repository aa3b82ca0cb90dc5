//! The Helm chart: its generated files are as the code says, its values are all in the schema, its dashboard asks for what there is.
//!
//! With `SLUICE_WRITE_CHART` set the generated files are written (`just chart`). What needs `helm` is `.ci/run chart`, which
//! renders the chart and hands it to the last test here in `SLUICE_RENDERED`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use controller::kind::Kind;
use controller::permissions::{ALL, Permission, Place, Verb};
use serde_json::{Value, json};

/// What Helm keeps of a release is a Secret, and a Secret is at most 1 MiB.
const LARGEST_RELEASE: usize = 600_000;

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/sluice")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(chart().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

#[test]
fn generated_files_are_as_the_code_says() {
    for (path, text) in generated() {
        if std::env::var_os("SLUICE_WRITE_CHART").is_some() {
            std::fs::write(chart().join(&path), &text).expect("a writable file");
        }
        let committed = std::fs::read_to_string(chart().join(&path)).unwrap_or_default();
        assert!(
            committed == text,
            "charts/sluice/{path} is not what the code says: run `just chart`"
        );
    }
    let packed = std::fs::read_dir(chart().join("files/crds"))
        .expect("files/crds")
        .count();
    assert_eq!(packed, api::crd::all().len(), "one file a kind, and nothing else");
}

/// Path and text of every generated file.
fn generated() -> Vec<(String, String)> {
    let mut files = vec![("templates/_rules.tpl".to_owned(), rules())];
    for crd in api::crd::all() {
        let plural = crd["spec"]["names"]["plural"].as_str().expect("a plural");
        // On one line: Helm keeps the file and what became of it in one Secret.
        files.push((format!("files/crds/{plural}.json"), format!("{crd}\n")));
    }
    files
}

/// The rules of the roles, one named template for each place.
fn rules() -> String {
    let mut text =
        "{{- /* Generated from crates/controller/src/permissions.rs by `just chart`. Do not edit. */ -}}\n".to_owned();
    for (name, place) in [
        ("sluice.rules", Place::Watched),
        ("sluice.clusterRules", Place::Cluster),
        ("sluice.ownRules", Place::Own),
    ] {
        let _ = write!(text, "\n{{{{- define {name:?} -}}}}\n");
        for resource in resources(place) {
            let of = || {
                ALL.iter()
                    .filter(|line| line.place == place && line.resource() == resource)
            };
            write_rules(&mut text, &resource, &of().collect::<Vec<_>>());
        }
        text.push_str("{{- end }}\n");
    }
    text
}

/// The resources of a place, in the order of the list.
fn resources(place: Place) -> Vec<String> {
    let mut seen = Vec::new();
    for line in ALL.iter().filter(|line| line.place == place) {
        if !seen.contains(&line.resource()) {
            seen.push(line.resource());
        }
    }
    seen
}

fn write_rules(text: &mut String, resource: &str, lines: &[&Permission]) {
    let Some(first) = lines.first() else { return };
    for line in lines {
        let verbs: Vec<&str> = line.verbs.iter().map(|verb| verb.as_str()).collect();
        let _ = writeln!(text, "# {}: {}", verbs.join(", "), line.why);
    }
    let verbs: BTreeSet<Verb> = lines.iter().flat_map(|line| line.verbs.iter().copied()).collect();
    // A name cannot be a condition for creating, where it is not known yet when the right is checked, nor for seeing all.
    let nameless = |verb: &&Verb| [Verb::Create, Verb::List, Verb::Watch].contains(verb);
    let (any, named): (Vec<Verb>, Vec<Verb>) = verbs.iter().partition(nameless);
    let mut rule = |verbs: &[Verb], names: &str| {
        // The API server refuses a rule without a verb.
        if verbs.is_empty() {
            return;
        }
        let verbs: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
        let _ = write!(
            text,
            "- apiGroups: [{:?}]\n  resources: [{resource:?}]\n{names}  verbs: [{}]\n",
            first.kind.group(),
            verbs.join(", ")
        );
    };
    match first.kind {
        Kind::Lease => {
            rule(&any, "");
            rule(&named, "  resourceNames: [{{ include \"sluice.lease\" . | quote }}]\n");
        }
        Kind::Secret => {
            let names = "  {{- with .Values.rbac.secretNames }}\n  resourceNames: {{ toJson . }}\n  {{- end }}\n";
            rule(&verbs.into_iter().collect::<Vec<_>>(), names);
        }
        Kind::Rollout
        | Kind::ReplicaSet
        | Kind::Service
        | Kind::AnalysisRun
        | Kind::AnalysisTemplate
        | Kind::ClusterAnalysisTemplate
        | Kind::EndpointSlice
        | Kind::Pod
        | Kind::Deployment
        | Kind::AnyReplicaSet
        | Kind::PodTemplate
        | Kind::Event => rule(&verbs.into_iter().collect::<Vec<_>>(), ""),
    }
}

#[test]
fn secrets_are_read_by_name_only() {
    let secrets = ALL.iter().filter(|line| line.kind == Kind::Secret);
    let verbs: Vec<Verb> = secrets.flat_map(|line| line.verbs.iter().copied()).collect();
    assert_eq!(verbs, [Verb::Get]);
}

#[test]
fn versions_move_together() {
    let chart = yaml(&read("Chart.yaml"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_schema_has_every_value_and_no_other() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    let mut wrong = Vec::new();
    compare(&yaml(&read("values.yaml")), &schema, "", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(values: &Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let known: BTreeSet<&String> = values.as_object().into_iter().flatten().map(|(key, _)| key).collect();
    if schema["additionalProperties"] != false {
        wrong.push(format!("{path}: takes a misspelt value"));
    }
    // Helm hands `global` to every chart.
    for key in properties.keys().filter(|key| *key != "global" && !known.contains(key)) {
        wrong.push(format!("{path}.{key} is in the schema and not in values.yaml"));
    }
    for key in known {
        match properties.get(key) {
            None => wrong.push(format!("{path}.{key} is in values.yaml and not in the schema")),
            Some(inner) => compare(&values[key], inner, &format!("{path}.{key}"), wrong),
        }
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_are_served() {
    let (metrics, beside) = (
        controller::metrics::Metrics::default(),
        controller::metrics::Beside::default(),
    );
    let page = metrics.page(&controller::cache::Shelves::default(), &beside);
    let served: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let dashboard: Value = serde_json::from_str(&read("files/dashboard.json")).expect("JSON");
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            asked.extend(metrics_of(target["expr"].as_str().expect("an expression")));
        }
    }
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        let family = name.strip_suffix("_bucket").unwrap_or(&name);
        assert!(
            served.contains(family),
            "{name} is on the dashboard and not served: {served:?}"
        );
    }
}

/// The names of metrics in a query: words with an underscore that no call, label or string is.
fn metrics_of(query: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut outside = String::new();
    let mut depth = 0;
    for letter in query.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    let mut word = String::new();
    for letter in outside.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
        } else {
            let name = std::mem::take(&mut word);
            if letter != '(' && name.contains('_') {
                names.push(name);
            }
        }
    }
    names
}

/// What `helm template` has rendered, a file for each set of values: every object is one that an API server takes.
#[test]
fn what_is_rendered_is_taken_by_the_api_server() {
    let Some(rendered) = std::env::var_os("SLUICE_RENDERED") else {
        return;
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(rendered)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file");
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let objects: Vec<Value> = objects.into_iter().filter(Value::is_object).collect();
        println!("{name}: {} objects, {} bytes", objects.len(), text.len());
        assert!(text.len() < LARGEST_RELEASE, "{name}: {} bytes", text.len());
        check_roles(&name, &objects);
        check_pod(&name, &objects);
        apply(&name, &objects);
    }
}

/// The roles grant what the list says, and nothing else.
fn check_roles(name: &str, objects: &[Value]) {
    let granted: BTreeSet<(String, String)> = objects
        .iter()
        .filter(|object| ["Role", "ClusterRole"].contains(&object["kind"].as_str().unwrap_or_default()))
        .filter(|role| {
            !role["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .contains("-aggregate-to-")
        })
        .flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default())
        .flat_map(|rule| {
            let resource = format!("{}/{}", text(&rule["apiGroups"][0]), text(&rule["resources"][0]));
            let verbs = rule["verbs"].as_array().cloned().unwrap_or_default();
            verbs.into_iter().map(move |verb| (resource.clone(), text(&verb)))
        })
        .collect();
    let namespaced = !objects.iter().any(|object| object["kind"] == "ClusterRoleBinding");
    let listed: BTreeSet<(String, String)> = ALL
        .iter()
        .filter(|line| !(namespaced && line.place == Place::Cluster))
        .flat_map(|line| {
            let resource = format!("{}/{}", line.kind.group(), line.resource());
            line.verbs.iter().map(move |verb| (resource.clone(), verb.to_string()))
        })
        .collect();
    assert_eq!(granted, listed, "{name}");
}

/// The pod has no right it does not need.
fn check_pod(name: &str, objects: &[Value]) {
    let deployment = objects
        .iter()
        .find(|object| object["kind"] == "Deployment")
        .expect("a Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
        "{name}"
    );
    let expected =
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
    assert_eq!(container["securityContext"], expected, "{name}");
    let flags = container["args"].as_array().expect("args").iter().map(text);
    let typed =
        <sluice::args::Sluice as clap::Parser>::try_parse_from(std::iter::once("sluice".to_owned()).chain(flags));
    assert!(
        typed.is_ok(),
        "{name}: {}",
        typed.err().map(|error| error.to_string()).unwrap_or_default()
    );
}

/// Creates every object on a cluster that knows the kinds of each.
fn apply(name: &str, objects: &[Value]) {
    let mut server = sim::ApiServer::new(sim::Clock::new(), 1);
    let mut taken = 0;
    for object in objects {
        let kind = server
            .kinds()
            .of_object(&text(&object["apiVersion"]), &text(&object["kind"]))
            .cloned();
        // The simulated server does not know every kind; a real one is asked in the cluster ring.
        let Some(kind) = kind else { continue };
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("/namespaces/{namespace}"),
            None => String::new(),
        };
        let space =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": object["metadata"]["namespace"]}});
        server.handle(sim::Request::post("/api/v1/namespaces", &space));
        let root = if kind.group.is_empty() {
            "/api/v1".to_owned()
        } else {
            format!("/apis/{}", kind.api_version())
        };
        let request = sim::Request::post(&format!("{root}{namespace}/{}", kind.plural), object);
        let answer = server.handle(request).object();
        let answer = answer
            .unwrap_or_else(|refusal| panic!("{name}: {} {}: {refusal}", object["kind"], object["metadata"]["name"]));
        assert_eq!(answer["metadata"]["name"], object["metadata"]["name"]);
        taken += 1;
    }
    assert!(taken > 5, "{name}: {taken}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
