//! Defaults of an Experiment.

use crate::experiment::{ExperimentSpec, TemplateSpec};

impl ExperimentSpec {
    /// 600 seconds.
    pub fn progress_deadline_seconds(&self) -> i32 {
        self.progress_deadline_seconds.unwrap_or(600)
    }

    /// 30 seconds.
    pub fn scale_down_delay_seconds(&self) -> i32 {
        self.scale_down_delay_seconds.unwrap_or(30)
    }
}

impl TemplateSpec {
    /// 1.
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(1)
    }
}
