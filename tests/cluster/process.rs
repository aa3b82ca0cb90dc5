//! How a process that we start ends: with us, however we end, and with its last words at hand.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A running process. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; what it says goes to `NAME.log` in `directory`. Its standard input stays open as long as we
    /// live: a program that ends with its input (see `tests/controlplane/main.go`) never outlives us, not even a kill -9.
    ///
    /// # Errors
    /// The log could not be created, or the program not started.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &OsStr)],
        directory: &Path,
    ) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let said = || -> Result<Stdio> {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(&log);
            Ok(file
                .with_context(|| format!("could not open {}", log.display()))?
                .into())
        };
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .env("CONTROLPLANE_LEASH", "1")
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(said()?)
            .stderr(said()?)
            .spawn()
            .with_context(|| format!("could not start {name} ({})", program.display()))?;
        Ok(Process {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// The process id, for signals that are sent from outside.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `None` while it runs; else how it ended and its last words.
    pub fn ended(&mut self) -> Option<String> {
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        Some(format!("{} ended ({status}):\n{}", self.name, self.last_words()))
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let said = std::fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Sends a signal by its name (`KILL`, `STOP`, `CONT`, `TERM`) and does not wait.
    ///
    /// # Errors
    /// `kill` says no: the process is gone.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .context("could not run `kill`")?;
        anyhow::ensure!(status.success(), "could not send {name} to {}: {status}", self.name);
        Ok(())
    }

    /// Waits for its end, after a signal for example.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn wait(&mut self) -> Result<std::process::ExitStatus> {
        self.child
            .wait()
            .with_context(|| format!("could not wait for {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then both say so, and that is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
