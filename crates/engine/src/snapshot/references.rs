//! Whether the Services and analysis templates a spec names are there, fit it, and can be carried out.
//!
//! Source: wire-contract 3.2 (order) and 7.7 "References".

use api::rollout::{AnalysisTemplateRef, Rollout};
use api::validate::{
    FieldError, Scope, Seen, ServiceSeen, TemplateReference, TemplateSeen, references, template_references,
    unsupported_metric,
};

use super::Observed;
use crate::analysis::templates::{Library, joined};

/// The first error, if there is one; `rollout` has its template.
pub(super) fn check(observed: &Observed, rollout: &Rollout) -> Option<FieldError> {
    let library = Library {
        templates: &observed.templates,
        cluster_templates: &observed.cluster_templates,
    };
    let mut seen = Seen::default();
    for (name, service) in &observed.services {
        let Some(service) = service else {
            continue;
        };
        let found = ServiceSeen {
            selector: service.spec.selector.clone(),
            managed_by: service.metadata.annotations.get(api::keys::MANAGED_BY).cloned(),
        };
        seen.services.insert(name.clone(), found);
    }
    let mut contradictions = Vec::new();
    let wanted = template_references(&rollout.spec);
    for reference in wanted.iter().filter(|reference| is_there(observed, reference)) {
        match joined(&[as_written(reference)], library) {
            Ok((metrics, args)) => {
                let refused = metrics
                    .iter()
                    .find_map(|metric| unsupported_metric(metric, &reference.path));
                contradictions.extend(refused);
                seen.templates.insert(
                    (reference.scope, reference.name.to_owned()),
                    TemplateSeen { metrics, args },
                );
            }
            Err(why) => {
                contradictions.push(FieldError::invalid(&reference.path, reference.name, why));
                seen.templates
                    .insert((reference.scope, reference.name.to_owned()), TemplateSeen::default());
            }
        }
    }
    for together in wanted.chunk_by(|a, b| a.path == b.path).filter(|refs| refs.len() > 1) {
        let names: Vec<&str> = together.iter().map(|reference| reference.name).collect();
        let refs: Vec<AnalysisTemplateRef> = together.iter().map(as_written).collect();
        if together.iter().all(|reference| is_there(observed, reference))
            && let Err(why) = joined(&refs, library)
        {
            contradictions.push(FieldError::invalid(&together[0].path, names.join(", "), why));
        }
    }
    references(rollout, &seen).into_iter().chain(contradictions).next()
}

fn as_written(reference: &TemplateReference<'_>) -> AnalysisTemplateRef {
    AnalysisTemplateRef {
        template_name: reference.name.to_owned(),
        cluster_scope: (reference.scope == Scope::Cluster).then_some(true),
    }
}

fn is_there(observed: &Observed, reference: &TemplateReference<'_>) -> bool {
    let shelf = match reference.scope {
        Scope::Namespace => &observed.templates,
        Scope::Cluster => &observed.cluster_templates,
    };
    shelf.get(reference.name).is_some_and(Option::is_some)
}
