//! `crds`: the kinds, as the API server learns them.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::console::Console;

/// Print the CustomResourceDefinitions, or write them as files
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice crds | kubectl apply --server-side -f -      install them
  sluice crds --dir crds                              write one file a kind")]
pub struct Args {
    /// Directory to write to, one file a kind; made where it is missing
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, console: &mut Console) -> Result<()> {
        let files = api::crd::files().context("could not write the definitions as YAML")?;
        let Some(dir) = self.dir else {
            let documents: Vec<_> = files.into_iter().map(|(_, text)| text).collect();
            console.write(&documents.join("---\n"))?;
            return Ok(());
        };
        std::fs::create_dir_all(&dir).with_context(|| format!("could not make {}", dir.display()))?;
        for (name, text) in files {
            let path = dir.join(name);
            std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
            console.say(path.display())?;
        }
        Ok(())
    }
}
