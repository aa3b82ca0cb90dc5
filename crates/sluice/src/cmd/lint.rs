//! `lint`: what is wrong with manifests, before a cluster sees them.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::console::Console;
use crate::lint::{Source, lint};

/// Check manifests without a cluster
///
/// Reads YAML and JSON strictly (unknown and duplicate fields, wrong types), holds Rollouts, analysis templates and
/// runs against the controller's own rules, and compares them with the Services and templates given beside them. Errors
/// are what the controller would refuse and end with exit code 1; warnings are worth a look and do not.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  sluice lint rollout.yaml services.yaml     objects may refer to each other across files
  sluice lint deploy/                        every .yaml, .yml and .json below
  kustomize build . | sluice lint -          what comes in on stdin
  sluice lint rollout.yaml --format json     for programs")]
pub struct Args {
    /// Files and directories; - is stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The same, as kubectl spells it
    #[arg(short, long = "filename", value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// How to print what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    pub(super) fn run(self, console: &mut Console) -> Result<()> {
        let given: Vec<PathBuf> = self.files.into_iter().chain(self.filename).collect();
        ensure!(!given.is_empty(), "name a file, a directory, or - for stdin");
        let mut sources = Vec::new();
        for path in given {
            sources.extend(read(&path)?);
        }
        ensure!(!sources.is_empty(), "there is no .yaml, .yml or .json file there");
        let report = lint(&sources);
        match self.format {
            Format::Text => console.write(&report.to_text())?,
            Format::Json => console.write(&format!("{:#}\n", report.to_json()))?,
        }
        match (report.errors(), self.format) {
            (0, Format::Text) => console.say(report.summary())?,
            (0, Format::Json) => {}
            (1.., Format::Text | Format::Json) => bail!("{}", report.summary()),
        }
        Ok(())
    }
}

/// The files below a directory, sorted, hidden ones left out; a file; or stdin.
pub(crate) fn read(path: &Path) -> Result<Vec<Source>> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("could not read stdin")?;
        let name = "<stdin>".to_owned();
        return Ok(vec![Source { name, text }]);
    }
    let attempt = || format!("could not read {}", path.display());
    if !std::fs::metadata(path).with_context(attempt)?.is_dir() {
        let bytes = std::fs::read(path).with_context(attempt)?;
        let text = String::from_utf8(bytes).with_context(attempt)?;
        let name = path.display().to_string();
        return Ok(vec![Source { name, text }]);
    }
    let entries = std::fs::read_dir(path).with_context(attempt)?;
    let mut below: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .with_context(attempt)?;
    below.sort();
    let is_manifest = |path: &Path| {
        let extension = path.extension().and_then(|e| e.to_str());
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden && (path.is_dir() || extension.is_some_and(|e| ["yaml", "yml", "json"].contains(&e)))
    };
    let mut sources = Vec::new();
    for path in below.iter().filter(|path| is_manifest(path)) {
        sources.extend(read(path)?);
    }
    Ok(sources)
}
