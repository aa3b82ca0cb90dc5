//! shim
pub(crate) fn validate(_: &api::rollout::Rollout) -> Vec<String> {
    vec![]
}
pub(crate) fn unsupported(_: &api::rollout::RolloutSpec) -> Option<String> {
    None
}
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunKind {
    Step { index: usize },
    Background,
    PrePromotion,
    PostPromotion,
}
impl RunKind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            RunKind::Step { .. } => "Step",
            RunKind::Background => "Background",
            RunKind::PrePromotion => "PrePromotion",
            RunKind::PostPromotion => "PostPromotion",
        }
    }
    pub(crate) fn name(self, rollout: &str, hash: &str, revision: i64) -> String {
        format!(
            "{rollout}-{hash}-{revision}{}",
            match self {
                RunKind::Step { index } => format!("-{index}"),
                RunKind::Background => String::new(),
                RunKind::PrePromotion => "-pre".into(),
                RunKind::PostPromotion => "-post".into(),
            }
        )
    }
}
pub(crate) fn build(
    _: &crate::Snapshot,
    _: RunKind,
    _: &api::rollout::RolloutAnalysis,
    _: &str,
) -> Result<serde_json::Value, String> {
    Err("x".into())
}
