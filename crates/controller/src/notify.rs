//! Where notices go besides Events: the seam that notifications will be built on.

use engine::plan::Notice;

use crate::lower::Subject;

/// Hears every notice, after the effect it tells of was accepted.
pub trait Listener: Send + Sync {
    /// A notice about a subject. Must not block.
    fn hear(&self, subject: &Subject, notice: &Notice);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence;

impl Listener for Silence {
    fn hear(&self, _: &Subject, _: &Notice) {}
}
