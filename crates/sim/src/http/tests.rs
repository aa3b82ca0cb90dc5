//! The real kubectl against the simulated server: what a person types and reads. Skipped where kubectl is missing.

use super::{kubeconfig, serve};
use crate::apiserver::ApiServer;
use crate::clock::Clock;
use crate::world::Shared;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

/// A running server and where kubectl finds it. Time stands still, so that every age is `0s`.
struct Live {
    shared: Shared,
    home: PathBuf,
}

impl Live {
    async fn start(name: &str) -> Self {
        let mut server = ApiServer::new(Clock::new(), 1);
        for crd in api::crd::all() {
            server.install(&crd).unwrap();
        }
        let shared = Shared::new(server);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let home = std::env::temp_dir().join(format!("sim-kubectl-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("config"), kubeconfig(listener.local_addr().unwrap())).unwrap();
        tokio::spawn(serve(shared.clone(), listener, std::future::pending()));
        Live { shared, home }
    }

    /// What kubectl prints on both outputs.
    async fn kubectl(&self, line: &str, input: &str) -> String {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .args(line.split_whitespace())
            .env("HOME", &self.home)
            .env("KUBECONFIG", self.home.join("config"));
        kubectl
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = kubectl.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        let lines = String::from_utf8_lossy(&text)
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n");
        lines.trim().to_owned()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.home);
    }
}

const OBJECTS: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: 'web:1'}]}
  strategy: {canary: {}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: main, image: 'web:1'}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_does_what_it_does_with_a_real_server() {
    if Command::new("kubectl").arg("--help").output().await.is_err() {
        eprintln!("skipped: there is no kubectl");
        return;
    }
    let live = Live::start("all").await;
    let misspelt = OBJECTS.replace("image: 'web:1'", "imag: 'web:1'");
    let ready = r#"{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}"#;
    let steps: &[(&str, &str, &str)] = &[
        (
            "apply -f -",
            OBJECTS,
            "rollout.argoproj.io/web created\nservice/web created\npod/web-1 created",
        ),
        (
            "apply -f -",
            OBJECTS,
            "rollout.argoproj.io/web unchanged\nservice/web unchanged\npod/web-1 unchanged",
        ),
        (
            "get ro,svc,pods,ar",
            "",
            "NAME                      DESIRED   CURRENT   UP-TO-DATE   AVAILABLE   AGE\n\
             rollout.argoproj.io/web   2                                            0s\n\n\
             NAME          TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE\n\
             service/web   ClusterIP   10.96.0.3    <none>        80/TCP    0s\n\n\
             NAME        READY   STATUS    RESTARTS   AGE\n\
             pod/web-1   0/1     Pending   0          0s",
        ),
        (
            "apply -f -",
            &OBJECTS.replace("replicas: 2", "replicas: 3"),
            "rollout.argoproj.io/web configured\nservice/web unchanged\npod/web-1 unchanged",
        ),
        (
            "patch ro web --type=merge -p {\"spec\":{\"paused\":true}}",
            "",
            "rollout.argoproj.io/web patched",
        ),
        (
            "patch svc web -p {\"spec\":{\"selector\":{\"hash\":\"x\"}}}",
            "",
            "service/web patched",
        ),
        ("scale ro/web --replicas=5", "", "rollout.argoproj.io/web scaled"),
        ("get ro/web -o jsonpath={.spec.replicas},{.spec.paused}", "", "5,true"),
        (
            "get svc/web -o jsonpath={.spec.selector}",
            "",
            r#"{"app":"web","hash":"x"}"#,
        ),
        (
            &format!("patch pod web-1 --subresource=status --type=merge -p {ready}"),
            "",
            "pod/web-1 patched",
        ),
        (
            "wait pod/web-1 --for=condition=Ready --timeout=30s",
            "",
            "pod/web-1 condition met",
        ),
        (
            "get pods --field-selector status.phase=Running -l app=web -o name",
            "",
            "pod/web-1",
        ),
        ("label ro web a=b", "", "rollout.argoproj.io/web labeled"),
        (
            "create -f -",
            &misspelt.replace("name: web", "name: other"),
            "service/other created\n\
             Error from server (BadRequest): error when creating \"STDIN\": Rollout in version \"v1alpha1\" cannot be handled as a \
             Rollout: strict decoding error: unknown field \"spec.template.spec.containers[0].imag\"\n\
             Error from server (BadRequest): error when creating \"STDIN\": Pod in version \"v1\" cannot be handled as a Pod: strict \
             decoding error: unknown field \"spec.containers[0].imag\"",
        ),
        (
            "delete pod web-1 --grace-period=0 --force",
            "",
            "Warning: Immediate deletion does not wait for confirmation that the running \
            resource has been terminated. The resource may continue to run on the cluster indefinitely.\npod \"web-1\" force deleted",
        ),
        (
            "delete ro,svc web",
            "",
            "rollout.argoproj.io \"web\" deleted\nservice \"web\" deleted",
        ),
        ("get ro", "", "No resources found in default namespace."),
        ("auth can-i delete pods", "", "yes"),
        ("create namespace shop", "", "namespace/shop created"),
        ("create configmap c --from-literal=k=v", "", "configmap/c created"),
        ("get configmap c -o jsonpath={.data}", "", r#"{"k":"v"}"#),
        (
            "create deployment d --image=web:1 --replicas=0 --port=80",
            "",
            "deployment.apps/d created",
        ),
        (
            "get deployment d -o jsonpath={.spec.replicas},{..image},{..containerPort}",
            "",
            "0,web:1,80",
        ),
        ("create service clusterip s --tcp=80:8080", "", "service/s created"),
        (
            "get service s -o jsonpath={.spec.ports[0].targetPort},{.spec.selector}",
            "",
            r#"8080,{"app":"s"}"#,
        ),
        ("create job j --image=web:1 -- sleep 1", "", "job.batch/j created"),
        ("get job j -o jsonpath={..command}", "", r#"["sleep","1"]"#),
        (
            "create role r --verb=get --resource=pods",
            "",
            "Error from server (UnsupportedMediaType): the body of the request was in an unknown format - accepted media types include: \
             application/json (protobuf is not read for Role)",
        ),
    ];
    for (line, input, expected) in steps {
        let printed = live.kubectl(line, input).await;
        let same = sorted(&printed) == sorted(expected);
        assert!(same, "$ kubectl {line}\n{printed}\n--- expected\n{expected}");
    }
    let explained = live.kubectl("explain rollout.spec.replicas", "").await;
    assert!(explained.contains("FIELD: replicas <integer>"), "{explained}");
    let described = live.kubectl("describe svc other", "").await;
    assert!(described.contains("Selector:                 app=web"), "{described}");
    assert!(live.shared.with(|server| {
        server
            .trace
            .entries()
            .iter()
            .all(|entry| entry.agent.starts_with("kubectl") || entry.agent == "kube-apiserver")
    }));
}

/// kubectl's two outputs come in no fixed order; within a table nothing moves that matters.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}
