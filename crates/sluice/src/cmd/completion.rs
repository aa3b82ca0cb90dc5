//! `completion`: a shell learns the verbs.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Sluice;
use crate::console::Console;

/// Print the completion script of a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  source <(sluice completion bash)
  sluice completion zsh > \"${fpath[1]}/_sluice\"
  sluice completion fish | source
  sluice completion powershell | Out-String | Invoke-Expression")]
pub struct Args {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Args {
    pub(super) fn run(self, console: &mut Console) -> Result<()> {
        // Into memory first: the generator panics where a pipe is closed.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Sluice::command(), crate::program(), &mut script);
        console.write(&String::from_utf8_lossy(&script))?;
        Ok(())
    }
}
