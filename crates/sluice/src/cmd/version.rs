//! `version`: which build this is.

use anyhow::Result;

use crate::console::Console;

/// Show the version
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only the first line
    #[arg(long)]
    short: bool,
}

impl Args {
    pub(super) fn run(self, console: &mut Console) -> Result<()> {
        console.say(format_args!("{}: v{}", crate::program(), env!("CARGO_PKG_VERSION")))?;
        if self.short {
            return Ok(());
        }
        // Release builds set these; a build from a working tree does not know them.
        console.say(format_args!(
            "  BuildDate: {}",
            option_env!("SLUICE_BUILD_DATE").unwrap_or("unknown")
        ))?;
        console.say(format_args!(
            "  GitCommit: {}",
            option_env!("SLUICE_GIT_COMMIT").unwrap_or("unknown")
        ))?;
        console.say(format_args!(
            "  GitTreeState: {}",
            option_env!("SLUICE_GIT_TREE_STATE").unwrap_or("unknown")
        ))?;
        console.say(format_args!(
            "  RustVersion: {} or newer",
            env!("CARGO_PKG_RUST_VERSION")
        ))?;
        console.say("  Compiler: rustc")?;
        console.say(format_args!(
            "  Platform: {}/{}",
            std::env::consts::OS,
            std::env::consts::ARCH
        ))?;
        Ok(())
    }
}
