//! What runs in a pod: an HTTP server on a loopback port, or, where the pod is one that ends, its command.

use std::collections::BTreeMap;
use std::process::Stdio;

use sim::kubelet::behaviour::Answers;
use sim::kubelet::dial::DialTable;
use sim::kubelet::serve::Servers;
use sim::kubelet::{Commands, Pod, Processes};
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

/// A command has ended by itself.
pub(super) struct Exit {
    pub(super) uid: String,
    pub(super) code: i32,
}

/// The exit code of a shell that does not find the command.
const NOT_FOUND: i32 = 127;

/// Servers for pods that run for ever, children of this process for those that end. Dropping it ends them all.
pub(super) struct Loopback {
    runtime: Handle,
    servers: Servers,
    commands: BTreeMap<String, JoinHandle<()>>,
    exits: UnboundedSender<Exit>,
}

impl Loopback {
    pub(super) fn new(runtime: Handle, dial: DialTable, exits: UnboundedSender<Exit>) -> Self {
        Loopback {
            servers: Servers::new(runtime.clone(), dial),
            runtime,
            commands: BTreeMap::new(),
            exits,
        }
    }
}

impl Processes for Loopback {
    fn start(&mut self, pod: &Pod, answers: &Answers) {
        let Some((program, arguments)) = pod.command.split_first() else {
            return self.servers.start(pod, answers);
        };
        let mut command = Command::new(program);
        command.args(arguments).envs(pod.environment.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let (uid, exits) = (pod.uid.clone(), self.exits.clone());
        let running = async move {
            let code = match command.status().await {
                // Without a code it was killed by a signal, as a container runtime reports it: 128 and the number.
                Ok(status) => status.code().unwrap_or(137),
                Err(_) => NOT_FOUND,
            };
            // Nobody listens when the kubelet is ending.
            let _ = exits.send(Exit { uid, code });
        };
        self.commands.insert(pod.uid.clone(), self.runtime.spawn(running));
    }

    fn stop(&mut self, uid: &str) {
        self.servers.stop(uid);
        if let Some(command) = self.commands.remove(uid) {
            command.abort();
        }
    }

    fn commands(&self) -> Commands {
        Commands::Run
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        for command in self.commands.values() {
            command.abort();
        }
    }
}
