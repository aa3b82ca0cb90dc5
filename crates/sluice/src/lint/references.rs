//! What objects do wrong together: names that lead nowhere, Services that select other pods, analyses without an end.

use std::collections::BTreeSet;

use api::analysis::AnalysisTemplate;
use api::rollout::{AnalysisTemplateRef, Rollout};
use api::validate::{self, Scope, Seen, ServiceSeen, TemplateSeen, Usage};

use super::nearest::nearest;
use super::{Diagnostic, Elsewhere, Object, Severity, remedy};

/// Over all objects given.
pub(super) fn diagnostics(objects: &[Object<'_>], elsewhere: Elsewhere) -> Vec<Diagnostic> {
    let mut found = twice(objects);
    for object in objects.iter().filter(|object| is_rollout(object)) {
        // What does not decode is said elsewhere.
        if let Ok(rollout) = serde_json::from_value::<Rollout>(object.value.clone()) {
            found.extend(of_rollout(object, &rollout, objects, elsewhere));
        }
    }
    found
}

fn is_rollout(object: &Object<'_>) -> bool {
    object.kind() == "Rollout" && object.text("apiVersion").starts_with("argoproj.io/")
}

fn of_rollout(object: &Object<'_>, rollout: &Rollout, objects: &[Object<'_>], elsewhere: Elsewhere) -> Vec<Diagnostic> {
    let near: Vec<&Object<'_>> = objects.iter().filter(|other| is_near(object, other)).collect();
    let mut seen = Seen::default();
    for service in near.iter().filter(|o| o.kind() == "Service") {
        seen.services
            .insert(service.name().to_owned(), ServiceSeen::of(&service.value));
    }
    for reference in validate::template_references(&rollout.spec) {
        let template = merged(&near, reference.scope, reference.name, &mut BTreeSet::new());
        let key = (reference.scope, reference.name.to_owned());
        seen.templates.extend(template.map(|template| (key, template)));
    }
    let mut found = Vec::new();
    for reference in validate::service_references(&rollout.spec) {
        if !seen.services.contains_key(reference.name) {
            found.push(absent(
                object,
                reference.path,
                ("Service", reference.name),
                &near,
                elsewhere,
            ));
        }
    }
    for reference in validate::template_references(&rollout.spec) {
        if !seen
            .templates
            .contains_key(&(reference.scope, reference.name.to_owned()))
        {
            found.push(absent(
                object,
                &reference.path,
                (reference.scope.kind(), reference.name),
                &near,
                elsewhere,
            ));
        }
    }
    for error in validate::references(rollout, &seen) {
        let said = error.detail.ends_with("not found");
        // Without the workload's template there are no labels to compare with.
        let unknown = rollout.spec.workload_ref.is_some() && error.detail.contains("unmatch label");
        if !said && !unknown {
            found.push(object.about(Severity::Error, &error.path, error.body(), remedy::of(&error)));
        }
    }
    found.extend(missing_arguments(object, rollout, &seen));
    found
}

/// In the same namespace, as far as the manifests tell; or in none.
fn is_near(rollout: &Object<'_>, other: &Object<'_>) -> bool {
    let (a, b) = (rollout.namespace(), other.namespace());
    a == b || a.is_empty() || b.is_empty() || other.kind() == Scope::Cluster.kind()
}

/// A name that leads nowhere. Whoever gives objects of that kind gives all of them, so then it is an error; where none is
/// given they may be in the cluster.
fn absent(
    object: &Object<'_>,
    path: &str,
    (kind, name): (&str, &str),
    near: &[&Object<'_>],
    elsewhere: Elsewhere,
) -> Diagnostic {
    let given: Vec<&str> = near.iter().filter(|o| o.kind() == kind).map(|o| o.name()).collect();
    let (severity, remedy) = match nearest(name, given.iter().copied()) {
        Some(near) => (Severity::Error, format!("did you mean {near}?")),
        None if given.is_empty() => match elsewhere {
            Elsewhere::Cluster => (
                Severity::Warning,
                format!("give the file that holds {kind} {name} too, or make sure that the cluster has it"),
            ),
            Elsewhere::Nowhere => (
                Severity::Error,
                format!("give the file that holds {kind} {name} too: nothing else is there"),
            ),
        },
        None => (
            Severity::Error,
            format!("add {kind} {name}, or name one that is there: {}", given.join(", ")),
        ),
    };
    let message = format!("{kind} {name} is not among the objects given");
    object.about(severity, path, message, remedy)
}

/// The template and those it is composed of, as far as they are given.
fn merged(
    near: &[&Object<'_>],
    scope: Scope,
    name: &str,
    visited: &mut BTreeSet<(Scope, String)>,
) -> Option<TemplateSeen> {
    if !visited.insert((scope, name.to_owned())) {
        return None;
    }
    let object = near.iter().find(|o| o.kind() == scope.kind() && o.name() == name)?;
    let template: AnalysisTemplate = serde_json::from_value(object.value.clone()).ok()?;
    let mut seen = TemplateSeen {
        metrics: template.spec.metrics,
        args: template.spec.args,
    };
    let nested = |reference: &AnalysisTemplateRef, visited: &mut BTreeSet<(Scope, String)>| {
        merged(near, Scope::of(reference), &reference.template_name, visited)
    };
    for part in template
        .spec
        .templates
        .iter()
        .filter_map(|reference| nested(reference, visited))
    {
        seen.metrics.extend(part.metrics);
        seen.args.extend(part.args);
    }
    Some(seen)
}

/// An awaited analysis starts only when every argument has a value (wire-contract 4.1).
fn missing_arguments(object: &Object<'_>, rollout: &Rollout, seen: &Seen) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for reference in validate::template_references(&rollout.spec) {
        let template = seen.templates.get(&(reference.scope, reference.name.to_owned()));
        let Some(template) = template.filter(|_| reference.usage == Usage::Awaited) else {
            continue;
        };
        let open = template
            .args
            .iter()
            .filter(|arg| arg.value.is_none() && arg.value_from.is_none());
        for arg in open.filter(|arg| !reference.args.iter().any(|given| given.name == arg.name)) {
            let message = format!(
                "args.{} was not resolved: {} {} needs it",
                arg.name,
                reference.scope.kind(),
                reference.name
            );
            let remedy = format!("give {} a value under args of this analysis", arg.name);
            found.push(object.about(Severity::Error, &reference.path, message, remedy));
        }
    }
    found
}

/// The same object twice: the later one would replace the earlier.
fn twice(objects: &[Object<'_>]) -> Vec<Diagnostic> {
    let mut first = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for object in objects.iter().filter(|o| !o.name().is_empty()) {
        let group = object.text("apiVersion").split('/').next().unwrap_or_default();
        let key = (group, object.kind(), object.namespace(), object.name());
        if let Some(earlier) = first.insert(key, object) {
            let message = format!("the same object is in {}, line {}", earlier.file, earlier.root.at.line);
            let remedy = "keep one of the two, or give it another name";
            found.push(object.about(Severity::Warning, "metadata.name", message, remedy));
        }
    }
    found
}
