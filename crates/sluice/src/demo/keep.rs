//! A cluster that stays: a kubeconfig for it, and things to try.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A kubeconfig file of the demo's own, gone when the demo is.
#[derive(Debug)]
pub struct Kubeconfig(PathBuf);

impl Kubeconfig {
    /// Writes one for a server at `address`.
    ///
    /// # Errors
    /// The directory for temporary files cannot be written to.
    pub fn write(address: SocketAddr) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("sluice-demo-{}", std::process::id()));
        let path = directory.join("kubeconfig");
        let written =
            std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, sim::http::kubeconfig(address)));
        written.with_context(|| format!("could not write {}", path.display()))?;
        Ok(Kubeconfig(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        let gone = std::fs::remove_file(&self.0).and_then(|()| match self.0.parent() {
            Some(directory) => std::fs::remove_dir(directory),
            None => Ok(()),
        });
        if let Err(error) = gone
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "the kubeconfig was not removed");
        }
    }
}

/// What there is to try, with the rollout that waits for somebody.
pub fn things_to_try(kubeconfig: &Path) -> String {
    let sluice = program();
    format!(
        r#"
The cluster stays until Ctrl-C. In another terminal:

  export KUBECONFIG={kubeconfig}
  kubectl get ro,rs,pods,svc,ar
  kubectl get rollout yours -w

A canary that waits for you:

  kubectl patch rollout yours --type json \
    -p '[{{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"shop/yours:2.0"}}]'
  {sluice} get rollout yours --watch
  {sluice} promote yours                  # or: {sluice} abort yours

The same with nothing but kubectl:

  kubectl patch rollout yours --subresource status --type merge -p '{{"status":{{"pauseConditions":null}}}}'
  kubectl patch rollout yours --subresource status --type merge -p '{{"status":{{"abort":true}}}}'
  kubectl wait rollout/yours --for=jsonpath='{{.status.phase}}'=Healthy --timeout=60s

Break something: a tag with `bad` answers 5xx, `slow` is slow, `crash` crashes, `never-ready` never gets ready.

  {sluice} set image web web=shop/web:3.0-bad
  kubectl delete pod -l app=web
"#,
        kubeconfig = kubeconfig.display()
    )
}

/// This program, as short as it can be typed here.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else {
        return "sluice".to_owned();
    };
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(&path).display().to_string()
}
