//! What was asked of the demo.

use std::path::PathBuf;

/// How to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// One story instead of all.
    pub story: Option<u8>,
    /// The version a story ends with, instead of its own.
    pub image: Option<Version>,
    pub analysis: Analysis,
    pub metrics: Metrics,
    pub shown: Shown,
    pub afterwards: Afterwards,
    /// Manifests of the user's own, to be played instead of the stories.
    pub files: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Version {
    Good,
    /// One answer in ten is a 5xx, and some take half a second.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Analysis {
    Measured,
    /// The manifests are stripped of it.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    Honest,
    /// Every pod claims that all is well.
    Lying,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    End,
    /// Go on serving until Ctrl-C.
    Keep,
}

/// How it is shown where there is a terminal; elsewhere always as lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Screen,
    Lines,
}
