//! Which kinds cannot be seen, what to do about it, and which rollouts that holds back.
//!
//! A right that is missing stops what it is for and nothing else; so does a CustomResourceDefinition.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::snapshot::Observed;
use engine::{Cause, Withheld};
use tokio::time::Instant;

use crate::error::Error;
use crate::kind::Kind;
use crate::observe::{self, names_a_template};
use crate::permissions::{self, Verb};

/// Rights that were granted a moment ago are not known everywhere at once: until then a rollout waits in silence.
const GRACE: Duration = Duration::from_secs(30);

/// The kinds that cannot be seen, and since when.
#[derive(Debug, Default)]
pub struct Sight {
    unseen: BTreeMap<Kind, (Withheld, Instant)>,
}

/// Whether a rollout can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeing {
    All,
    /// It cannot, and it is too early to say so.
    NotYet(Duration),
    Not(Withheld),
}

impl Sight {
    /// A kind could not be listed or watched. Returns what people are to be told, when that is news.
    pub fn lost(&mut self, kind: Kind, error: &Error, now: Instant) -> Option<String> {
        let withheld = explain(kind, error)?;
        let news = withheld.message.clone();
        match self.unseen.get_mut(&kind) {
            Some((known, _)) if *known == withheld => None,
            Some((known, _)) => {
                *known = withheld;
                Some(news)
            }
            None => {
                self.unseen.insert(kind, (withheld, now));
                Some(news)
            }
        }
    }

    /// A kind was listed or is watched. Whether that is news.
    pub fn regained(&mut self, kind: Kind) -> bool {
        self.unseen.remove(&kind).is_some()
    }

    /// Whether everything that a rollout needs can be seen.
    pub fn of(&self, observed: &Observed, now: Instant) -> Seeing {
        let needed = self.unseen.iter().filter(|(kind, _)| needs(observed, **kind));
        let mut patience = None;
        for (_, (withheld, since)) in needed {
            let left = GRACE.saturating_sub(now.duration_since(*since));
            if left.is_zero() {
                return Seeing::Not(withheld.clone());
            }
            patience = Some(patience.map_or(left, |known: Duration| known.min(left)));
        }
        patience.map_or(Seeing::All, Seeing::NotYet)
    }
}

/// What a failed listing means, and what to do; `None`: it may work the next time.
fn explain(kind: Kind, error: &Error) -> Option<Withheld> {
    let plural = kind.plural();
    if error.is_not_found() {
        let name = format!("{plural}.{}", kind.group());
        return Some(Withheld {
            cause: Cause::NotInstalled,
            message: format!(
                "the CustomResourceDefinition {name} is not installed: `sluice crds | kubectl apply --server-side -f -` installs it"
            ),
        });
    }
    error.is_forbidden().then(|| Withheld {
        cause: Cause::Forbidden,
        message: format!(
            "{}; grant list and watch on {plural} (the chart's role has them)",
            error.cause()
        ),
    })
}

/// Whether nothing can be decided about a rollout without this kind.
fn needs(observed: &Observed, kind: Kind) -> bool {
    let status = observed.rollout.status.as_ref();
    match kind {
        Kind::Rollout | Kind::ReplicaSet => true,
        Kind::Service => !observed.services.is_empty(),
        Kind::AnalysisRun => {
            names_a_template(&observed.rollout.spec)
                || status.is_some_and(|status| {
                    let (canary, blue_green) = (&status.canary, &status.blue_green);
                    let recorded = [
                        &canary.current_step_analysis_run_status,
                        &canary.current_background_analysis_run_status,
                        &blue_green.pre_promotion_analysis_run_status,
                        &blue_green.post_promotion_analysis_run_status,
                    ];
                    recorded.into_iter().any(Option::is_some)
                })
        }
        Kind::AnalysisTemplate => !observed.templates.is_empty(),
        Kind::ClusterAnalysisTemplate => !observed.cluster_templates.is_empty(),
        Kind::Deployment | Kind::AnyReplicaSet | Kind::PodTemplate => {
            let named = observe::workload(&observed.rollout.spec, "");
            named.is_some_and(|(named, _)| named == kind)
        }
        Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => false,
    }
}

/// What does not work without these kinds being listed and watched.
pub fn without(kind: Kind) -> &'static str {
    let line = permissions::ALL
        .iter()
        .find(|line| line.kind == kind && line.verbs.contains(&Verb::List));
    line.map_or("", |line| line.without)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn refused(code: u16, message: &str) -> Error {
        Error::Refused {
            attempt: "list".to_owned(),
            status: Status::failure(message, "Because").with_code(code).boxed(),
        }
    }

    fn observed(services: &[&str]) -> Observed {
        Observed {
            services: services.iter().map(|name| ((*name).to_owned(), None)).collect(),
            ..Observed::default()
        }
    }

    #[test]
    fn a_kind_that_cannot_be_seen_holds_back_who_needs_it_after_a_while() {
        let (mut sight, start) = (Sight::default(), Instant::now());
        let forbidden = refused(403, "services is forbidden");
        let told = sight.lost(Kind::Service, &forbidden, start);
        assert_eq!(
            told.as_deref(),
            Some("services is forbidden; grant list and watch on services (the chart's role has them)")
        );
        assert_eq!(sight.lost(Kind::Service, &forbidden, start + GRACE), None, "told once");
        assert_eq!(sight.of(&observed(&["stable"]), start), Seeing::NotYet(GRACE));
        let Seeing::Not(withheld) = sight.of(&observed(&["stable"]), start + GRACE) else {
            panic!("it is held");
        };
        assert_eq!(withheld.cause, Cause::Forbidden);
        assert_eq!(sight.of(&observed(&[]), start + GRACE), Seeing::All);
        assert!(sight.regained(Kind::Service) && !sight.regained(Kind::Service));
        assert_eq!(sight.of(&observed(&["stable"]), start + GRACE), Seeing::All);
    }

    #[test]
    fn a_missing_definition_is_named_with_its_remedy_and_a_passing_failure_is_not_told() {
        let mut sight = Sight::default();
        let missing = sight.lost(Kind::AnalysisRun, &refused(404, "404 page not found"), Instant::now());
        assert_eq!(
            missing.as_deref(),
            Some(
                "the CustomResourceDefinition analysisruns.argoproj.io is not installed: \
                 `sluice crds | kubectl apply --server-side -f -` installs it"
            )
        );
        assert_eq!(sight.lost(Kind::Service, &refused(503, "later"), Instant::now()), None);
        assert_eq!(sight.of(&observed(&["stable"]), Instant::now()), Seeing::All);
    }

    #[test]
    fn runs_are_needed_by_who_has_one_or_names_a_template() {
        let rollout = |status: serde_json::Value| Observed {
            rollout: std::sync::Arc::new(
                serde_json::from_value(
                    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {},
                                              "spec": {}, "status": status}),
                )
                .expect("a Rollout"),
            ),
            ..Observed::default()
        };
        let run = json!({"canary": {"currentStepAnalysisRunStatus": {"name": "r", "status": "Running"}}});
        assert!(needs(&rollout(run), Kind::AnalysisRun));
        assert!(!needs(&rollout(json!({})), Kind::AnalysisRun));
    }
}
