//! Whether the Services and analysis templates a spec names are there and fit it.
//!
//! Pure: the caller looks the objects up and hands in what it saw. Routers check their own objects; merging templates is
//! the analysis engine's. Source: wire-contract 3.2 and 7.7, "References".

use std::collections::BTreeMap;

use serde_json::Value;

use super::metrics::{MetricRules, metrics, without_arguments};
use super::{FieldError, quote, template};
use crate::amount::IntOrString;
use crate::analysis::{Argument, Metric};
use crate::keys;
use crate::rollout::{AnalysisRunArgument, AnalysisTemplateRef, Rollout, RolloutSpec};
use crate::template::Template;

/// What was found of the objects a Rollout names.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// By name, in the Rollout's namespace.
    pub services: BTreeMap<String, ServiceSeen>,
    /// By scope and name.
    pub templates: BTreeMap<(Scope, String), TemplateSeen>,
}

/// The parts of a Service that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSeen {
    pub selector: BTreeMap<String, String>,
    /// The Rollout its annotation names.
    pub managed_by: Option<String>,
}

/// A template with its nested templates merged in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateSeen {
    pub metrics: Vec<Metric>,
    pub args: Vec<Argument>,
}

/// Where a template lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Namespace,
    Cluster,
}

/// A background analysis may run without end; every other one must come to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Background,
    Awaited,
}

/// A field that names a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceReference<'a> {
    pub path: &'static str,
    pub name: &'a str,
}

/// An entry of a list that names an analysis template.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateReference<'a> {
    /// Of the list.
    pub path: String,
    pub name: &'a str,
    pub scope: Scope,
    pub usage: Usage,
    /// What the Rollout hands to the analysis.
    pub args: &'a [AnalysisRunArgument],
}

/// Every error, Services first, what is missing before what does not fit; the controller reports the first.
pub fn references(rollout: &Rollout, seen: &Seen) -> Vec<FieldError> {
    let name = rollout.metadata.name.as_deref().unwrap_or_default();
    let labels = rollout.spec.template.as_ref().map(Template::labels).unwrap_or_default();
    let (mut missing, mut unfit) = (Vec::new(), Vec::new());
    for reference in service_references(&rollout.spec) {
        match seen.services.get(reference.name) {
            Some(service) => unfit.extend(service_errors(&reference, service, name, &labels)),
            None => {
                let detail = format!("service {} not found", quote(reference.name));
                missing.push(FieldError::invalid(reference.path, reference.name, detail));
            }
        }
    }
    for reference in template_references(&rollout.spec) {
        match seen.templates.get(&(reference.scope, reference.name.to_owned())) {
            Some(template) => unfit.extend(template_errors(&reference, template)),
            None => {
                let detail = format!("{} '{}' not found", reference.scope.kind(), reference.name);
                missing.push(FieldError::invalid(&reference.path, reference.name, detail));
            }
        }
    }
    missing.extend(unfit);
    missing
}

/// The Services a spec names, empty names left out.
pub fn service_references(spec: &RolloutSpec) -> Vec<ServiceReference<'_>> {
    let mut named = Vec::new();
    if let Some(blue_green) = &spec.strategy.blue_green {
        named.push(("spec.strategy.blueGreen.activeService", &blue_green.active_service));
        named.push(("spec.strategy.blueGreen.previewService", &blue_green.preview_service));
    }
    if let Some(canary) = &spec.strategy.canary {
        named.push(("spec.strategy.canary.stableService", &canary.stable_service));
        named.push(("spec.strategy.canary.canaryService", &canary.canary_service));
        if let Some(ping_pong) = &canary.ping_pong {
            named.push(("spec.strategy.canary.pingPong.pingService", &ping_pong.ping_service));
            named.push(("spec.strategy.canary.pingPong.pongService", &ping_pong.pong_service));
        }
    }
    named
        .into_iter()
        .filter(|(_, name)| !name.is_empty())
        .map(|(path, name)| ServiceReference { path, name })
        .collect()
}

/// The analysis templates a spec names, in the order of the spec; those of experiments are the experiment's.
pub fn template_references(spec: &RolloutSpec) -> Vec<TemplateReference<'_>> {
    let mut named = Vec::new();
    if let Some(blue_green) = &spec.strategy.blue_green {
        for (field, analysis) in [
            ("prePromotionAnalysis", &blue_green.pre_promotion_analysis),
            ("postPromotionAnalysis", &blue_green.post_promotion_analysis),
        ] {
            let path = format!("spec.strategy.blueGreen.{field}.templates");
            named.extend(
                analysis
                    .iter()
                    .map(|a| (path.clone(), Usage::Awaited, &a.templates, &a.args)),
            );
        }
    }
    if let Some(canary) = &spec.strategy.canary {
        for (i, step) in canary.steps.iter().enumerate() {
            let path = format!("spec.strategy.canary.steps[{i}].analysis.templates");
            let analysis = step.analysis.iter();
            named.extend(analysis.map(|a| (path.clone(), Usage::Awaited, &a.templates, &a.args)));
        }
        let path = "spec.strategy.canary.analysis.templates".to_owned();
        let background = canary.analysis.iter();
        named.extend(background.map(|a| (path.clone(), Usage::Background, &a.templates, &a.args)));
    }
    let references = named.into_iter().flat_map(|(path, usage, templates, args)| {
        templates
            .iter()
            .map(move |template: &AnalysisTemplateRef| TemplateReference {
                path: path.clone(),
                name: &template.template_name,
                scope: Scope::of(template),
                usage,
                args: args.as_slice(),
            })
    });
    references.collect()
}

impl Scope {
    /// Of a reference; a template of the namespace unless it says otherwise.
    pub fn of(reference: &AnalysisTemplateRef) -> Scope {
        match reference.cluster_scope {
            Some(true) => Scope::Cluster,
            Some(false) | None => Scope::Namespace,
        }
    }

    /// The kind of template that lives there.
    pub fn kind(self) -> &'static str {
        match self {
            Scope::Namespace => "AnalysisTemplate",
            Scope::Cluster => "ClusterAnalysisTemplate",
        }
    }
}

impl ServiceSeen {
    /// Reads a Service as the API server gives it.
    pub fn of(service: &Value) -> ServiceSeen {
        let annotation = &service["metadata"]["annotations"][keys::MANAGED_BY];
        ServiceSeen {
            selector: template::strings(&service["spec"]["selector"]),
            managed_by: annotation.as_str().map(str::to_owned),
        }
    }
}

fn service_errors(
    reference: &ServiceReference<'_>,
    service: &ServiceSeen,
    rollout: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<FieldError> {
    let unmatched = service
        .selector
        .iter()
        .filter(|(key, value)| *key != keys::POD_TEMPLATE_HASH && labels.get(*key) != Some(value))
        .map(|(key, _)| {
            format!(
                "Service {} has unmatch label {} in rollout",
                quote(reference.name),
                quote(key)
            )
        });
    let managed = service
        .managed_by
        .iter()
        .filter(|manager| *manager != rollout)
        .map(|_| format!("Service {} is managed by another Rollout", quote(reference.name)));
    unmatched
        .chain(managed)
        .map(|detail| FieldError::invalid(reference.path, reference.name, detail))
        .collect()
}

fn template_errors(reference: &TemplateReference<'_>, template: &TemplateSeen) -> Vec<FieldError> {
    let details = match reference.usage {
        Usage::Awaited => awaited_faults(reference.name, template),
        Usage::Background => missing_arguments(reference.args, template),
    };
    details
        .into_iter()
        .map(|detail| FieldError::invalid(&reference.path, reference.name, detail))
        .collect()
}

fn awaited_faults(name: &str, template: &TemplateSeen) -> Vec<String> {
    let judged: Vec<Metric> = template.metrics.iter().map(without_arguments).collect();
    let rules = MetricRules {
        metrics: &judged,
        dry_run: &[],
        measurement_retention: &[],
    };
    if let Some(fault) = metrics(rules).into_iter().next() {
        return vec![format!("AnalysisTemplate {name}: {fault}")];
    }
    let endless = template
        .metrics
        .iter()
        .zip(&judged)
        .filter(|(_, judged)| judged.effective_count().is_none());
    endless
        .map(|(metric, _)| {
            let count = metric.count.as_ref().map_or("<nil>".to_owned(), IntOrString::to_string);
            format!(
                "AnalysisTemplate {name} has metric {} which runs indefinitely. Invalid value for count: {count}",
                metric.name
            )
        })
        .collect()
}

fn missing_arguments(given: &[AnalysisRunArgument], template: &TemplateSeen) -> Vec<String> {
    let missing = template
        .args
        .iter()
        .filter(|arg| arg.value.is_none() && arg.value_from.is_none())
        .filter(|arg| !given.iter().any(|g| g.name == arg.name))
        .map(|arg| arg.name.clone());
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() && given.is_empty() {
        return vec!["missing analysis arguments in rollout spec".to_owned()];
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(strategy: Value) -> Rollout {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web"},
            "spec": {"template": {"metadata": {"labels": {"app": "web"}}}, "strategy": strategy},
        }))
        .expect("a Rollout")
    }

    fn service(selector: Value, managed_by: Option<&str>) -> ServiceSeen {
        let annotations = managed_by.map(|name| serde_json::json!({ keys::MANAGED_BY: name }));
        ServiceSeen::of(&serde_json::json!({"metadata": {"annotations": annotations}, "spec": {"selector": selector}}))
    }

    fn errors(rollout: &Rollout, seen: &Seen) -> Vec<String> {
        references(rollout, seen).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn services_are_there_match_and_are_ours() {
        let rollout = rollout(serde_json::json!({"canary": {"stableService": "s", "canaryService": "c"}}));
        let of = |name: &str| format!("spec.strategy.canary.{name}Service: Invalid value");
        assert_eq!(
            errors(&rollout, &Seen::default()),
            [
                format!("{}: \"s\": service \"s\" not found", of("stable")),
                format!("{}: \"c\": service \"c\" not found", of("canary")),
            ]
        );
        let mut seen = Seen::default();
        let hashed = serde_json::json!({"app": "web", keys::POD_TEMPLATE_HASH: "abc"});
        seen.services.insert("s".to_owned(), service(hashed, Some("web")));
        seen.services.insert(
            "c".to_owned(),
            service(serde_json::json!({"app": "x", "a": "b"}), Some("other")),
        );
        assert_eq!(
            errors(&rollout, &seen),
            [
                format!(
                    "{}: \"c\": Service \"c\" has unmatch label \"a\" in rollout",
                    of("canary")
                ),
                format!(
                    "{}: \"c\": Service \"c\" has unmatch label \"app\" in rollout",
                    of("canary")
                ),
                format!("{}: \"c\": Service \"c\" is managed by another Rollout", of("canary")),
            ]
        );
    }

    #[test]
    fn awaited_templates_are_there_and_come_to_an_end() {
        let rollout = rollout(serde_json::json!({"blueGreen": {
            "prePromotionAnalysis": {"templates": [{"templateName": "t"}]},
            "postPromotionAnalysis": {"templates": [{"templateName": "c", "clusterScope": true}]},
        }}));
        let path = |field: &str| format!("spec.strategy.blueGreen.{field}PromotionAnalysis.templates: Invalid value");
        assert_eq!(
            errors(&rollout, &Seen::default()),
            [
                format!("{}: \"t\": AnalysisTemplate 't' not found", path("pre")),
                format!("{}: \"c\": ClusterAnalysisTemplate 'c' not found", path("post")),
            ]
        );
        let metrics = |extra: Value| -> TemplateSeen {
            let mut metric = serde_json::json!({"name": "m", "provider": {"web": {"url": "u"}}});
            let fields = extra.as_object().cloned().unwrap_or_default();
            metric.as_object_mut().expect("an object").extend(fields);
            TemplateSeen {
                metrics: vec![serde_json::from_value(metric).expect("a metric")],
                args: Vec::new(),
            }
        };
        let mut seen = Seen::default();
        let endless = metrics(serde_json::json!({"interval": "10s"}));
        seen.templates.insert((Scope::Namespace, "t".to_owned()), endless);
        let wrong = metrics(serde_json::json!({"count": 2}));
        seen.templates.insert((Scope::Cluster, "c".to_owned()), wrong);
        assert_eq!(
            errors(&rollout, &seen),
            [
                format!(
                    "{}: \"t\": AnalysisTemplate t has metric m which runs indefinitely. Invalid value for count: <nil>",
                    path("pre")
                ),
                format!(
                    "{}: \"c\": AnalysisTemplate c: metrics[0]: interval must be specified when count > 1",
                    path("post")
                ),
            ]
        );
    }

    #[test]
    fn a_background_analysis_gets_its_arguments() {
        let with = |args: Value| {
            rollout(serde_json::json!({"canary": {"analysis": {"templates": [{"templateName": "t"}], "args": args}}}))
        };
        let declared = |name: &str, value: Option<&str>| Argument {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            value_from: None,
        };
        let mut seen = Seen::default();
        let template = TemplateSeen {
            metrics: Vec::new(),
            args: vec![declared("a", None), declared("b", Some("1")), declared("c", None)],
        };
        seen.templates.insert((Scope::Namespace, "t".to_owned()), template);
        let path = "spec.strategy.canary.analysis.templates: Invalid value: \"t\"";
        assert_eq!(
            errors(&with(serde_json::json!([])), &seen),
            [format!("{path}: missing analysis arguments in rollout spec")]
        );
        let one = serde_json::json!([{"name": "a", "value": "1"}]);
        assert_eq!(errors(&with(one), &seen), [format!("{path}: c")]);
    }
}
