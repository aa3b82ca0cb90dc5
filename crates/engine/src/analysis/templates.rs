//! Which templates an analysis means, and what they come to when they are put together.
//!
//! Source: wire-contract 4.1 "Template merging". Unlike the incumbent we notice templates that refer to themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::analysis::{AnalysisRunSpec, AnalysisTemplateSpec, Argument, DryRun, MeasurementRetention, Metric};
use api::rollout::AnalysisTemplateRef;

/// Templates by name; `None`: there is none of that name.
pub type Templates = BTreeMap<String, Option<Arc<AnalysisTemplateSpec>>>;

/// What has been read so far. A name that is in neither map has not been asked for yet.
#[derive(Clone, Copy, Debug)]
pub struct Library<'a> {
    pub templates: &'a Templates,
    pub cluster_templates: &'a Templates,
}

/// A template by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    AnalysisTemplate(String),
    ClusterAnalysisTemplate(String),
}

impl Reference {
    /// What a ref in a spec means.
    pub fn of(written: &AnalysisTemplateRef) -> Reference {
        let name = written.template_name.clone();
        match written.cluster_scope {
            Some(true) => Reference::ClusterAnalysisTemplate(name),
            Some(false) | None => Reference::AnalysisTemplate(name),
        }
    }

    fn look_up<'a>(&self, library: Library<'a>) -> Option<&'a Arc<AnalysisTemplateSpec>> {
        match self {
            Reference::AnalysisTemplate(name) => library.templates.get(name)?.as_ref(),
            Reference::ClusterAnalysisTemplate(name) => library.cluster_templates.get(name)?.as_ref(),
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reference::AnalysisTemplate(name) => write!(f, "AnalysisTemplate '{name}'"),
            Reference::ClusterAnalysisTemplate(name) => write!(f, "ClusterAnalysisTemplate '{name}'"),
        }
    }
}

/// Every template that these refs mean, nested ones too as far as the library knows them. What is named here and not
/// in the library is to be read; then ask again, until nothing new is named.
pub fn references(refs: &[AnalysisTemplateRef], library: Library<'_>) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Reference> = refs.iter().map(Reference::of).collect();
    while let Some(reference) = open.pop() {
        if let Some(template) = reference.look_up(library).filter(|_| !found.contains(&reference)) {
            open.extend(template.templates.iter().map(Reference::of));
        }
        found.insert(reference);
    }
    found
}

/// Metrics and arguments of these templates put together, before any argument has a value.
///
/// # Errors
/// A template that is missing or refers to itself, and metrics and arguments that contradict each other.
pub fn joined(refs: &[AnalysisTemplateRef], library: Library<'_>) -> Result<(Vec<Metric>, Vec<Argument>), String> {
    let templates = flatten(refs, library)?;
    Ok((metrics(&templates)?, declared(&templates)?))
}

/// The spec of a run of these templates. `args`, `dry_run` and `retention` are the asker's own.
///
/// # Errors
/// A template that is missing or refers to itself, and the contract's words for what cannot be put together.
pub fn merge(
    refs: &[AnalysisTemplateRef],
    args: &[Argument],
    dry_run: &[DryRun],
    retention: &[MeasurementRetention],
    library: Library<'_>,
) -> Result<AnalysisRunSpec, String> {
    let templates = flatten(refs, library)?;
    let of_templates =
        |field: fn(&AnalysisTemplateSpec) -> &[DryRun]| templates.iter().flat_map(move |t| field(t)).cloned();
    let dry_run: Vec<DryRun> = dry_run.iter().cloned().chain(of_templates(|t| &t.dry_run)).collect();
    if let Some(name) = twice(dry_run.iter().map(|rule| &rule.metric_name)) {
        return Err(format!("two Dry-Run metric rules have the same name '{name}'"));
    }
    let kept = templates.iter().flat_map(|template| &template.measurement_retention);
    let measurement_retention: Vec<MeasurementRetention> = retention.iter().chain(kept).cloned().collect();
    if let Some(name) = twice(measurement_retention.iter().map(|rule| &rule.metric_name)) {
        return Err(format!(
            "two Measurement Retention metric rules have the same name '{name}'"
        ));
    }
    let metrics = metrics(&templates)?;
    let args = fill(declared(&templates)?, args)?;
    Ok(AnalysisRunSpec {
        metrics,
        args,
        dry_run,
        measurement_retention,
        ..AnalysisRunSpec::default()
    })
}

/// The templates in the order they count in: each before those it names, no one twice, those of the cluster last.
fn flatten<'a>(refs: &[AnalysisTemplateRef], library: Library<'a>) -> Result<Vec<&'a AnalysisTemplateSpec>, String> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for written in refs {
        visit(&Reference::of(written), library, &mut Vec::new(), &mut seen, &mut order)?;
    }
    let (cluster, own): (Vec<_>, Vec<_>) = order
        .into_iter()
        .partition(|(reference, _)| matches!(reference, Reference::ClusterAnalysisTemplate(_)));
    Ok(own.into_iter().chain(cluster).map(|(_, template)| template).collect())
}

fn visit<'a>(
    reference: &Reference,
    library: Library<'a>,
    path: &mut Vec<Reference>,
    seen: &mut BTreeSet<Reference>,
    order: &mut Vec<(Reference, &'a AnalysisTemplateSpec)>,
) -> Result<(), String> {
    if let Some(start) = path.iter().position(|earlier| earlier == reference) {
        let circle: Vec<String> = path[start..]
            .iter()
            .chain([reference])
            .map(ToString::to_string)
            .collect();
        return Err(format!(
            "templates refer to each other in a circle: {}",
            circle.join(" -> ")
        ));
    }
    if !seen.insert(reference.clone()) {
        return Ok(());
    }
    let template = reference
        .look_up(library)
        .ok_or_else(|| format!("{reference} not found"))?;
    order.push((reference.clone(), template));
    path.push(reference.clone());
    for nested in &template.templates {
        visit(&Reference::of(nested), library, path, seen, order)?;
    }
    path.pop();
    Ok(())
}

/// The metrics of the templates, in their order.
fn metrics(templates: &[&AnalysisTemplateSpec]) -> Result<Vec<Metric>, String> {
    let metrics: Vec<Metric> = templates
        .iter()
        .flat_map(|template| &template.metrics)
        .cloned()
        .collect();
    match twice(metrics.iter().map(|metric| &metric.name)) {
        Some(name) => Err(format!("two metrics have the same name '{name}'")),
        None => Ok(metrics),
    }
}

/// The arguments that the templates declare, each once.
fn declared(templates: &[&AnalysisTemplateSpec]) -> Result<Vec<Argument>, String> {
    let mut declared: Vec<Argument> = Vec::new();
    for arg in templates.iter().flat_map(|template| &template.args) {
        let Some(earlier) = declared.iter_mut().find(|earlier| earlier.name == arg.name) else {
            declared.push(arg.clone());
            continue;
        };
        match (&earlier.value, &arg.value) {
            (Some(a), Some(b)) if a != b => {
                return Err(format!(
                    "Argument `{}` specified multiple times with different values: '{a}', '{b}'",
                    arg.name
                ));
            }
            (Some(_), _) => {}
            // A later declaration that says nothing takes nothing away.
            (None, None) if arg.value_from.is_none() => {}
            (None, _) => *earlier = arg.clone(),
        }
    }
    Ok(declared)
}

/// The declared arguments with what the asker gives them; what it gives beyond those is not looked at.
fn fill(mut declared: Vec<Argument>, given: &[Argument]) -> Result<Vec<Argument>, String> {
    for arg in given {
        let Some(slot) = declared.iter_mut().find(|slot| slot.name == arg.name) else {
            continue;
        };
        if arg.value.is_some() {
            (slot.value, slot.value_from) = (arg.value.clone(), None);
        } else if arg.value_from.is_some() {
            (slot.value, slot.value_from) = (None, arg.value_from.clone());
        }
    }
    match declared
        .iter()
        .find(|slot| slot.value.is_none() && slot.value_from.is_none())
    {
        Some(slot) => Err(format!("args.{} was not resolved", slot.name)),
        None => Ok(declared),
    }
}

fn twice<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn templates(raw: Value) -> Templates {
        let raw: BTreeMap<String, Option<AnalysisTemplateSpec>> = serde_json::from_value(raw).expect("templates");
        raw.into_iter().map(|(name, spec)| (name, spec.map(Arc::new))).collect()
    }

    fn refs(names: &str) -> Vec<AnalysisTemplateRef> {
        let one = |name: &str| AnalysisTemplateRef {
            template_name: name.trim_start_matches('*').to_owned(),
            cluster_scope: name.starts_with('*').then_some(true),
        };
        names.split_whitespace().map(one).collect()
    }

    fn nested(names: &[&str]) -> Value {
        json!(names.iter().map(|n| json!({"templateName": n})).collect::<Vec<_>>())
    }

    fn metrics(names: &[&str]) -> Value {
        json!(
            names
                .iter()
                .map(|n| json!({"name": n, "provider": {}}))
                .collect::<Vec<_>>()
        )
    }

    /// The metrics, then the arguments, of the merged spec.
    fn merged(own: Value, names: &str, given: Value) -> String {
        let cluster = templates(json!({"c": {"metrics": metrics(&["mc"])}}));
        let own = templates(own);
        let library = Library {
            templates: &own,
            cluster_templates: &cluster,
        };
        let given: Vec<Argument> = serde_json::from_value(given).expect("arguments");
        match merge(&refs(names), &given, &[], &[], library) {
            Err(why) => why,
            Ok(spec) => {
                let metrics: Vec<String> = spec.metrics.into_iter().map(|m| m.name).collect();
                let args = spec
                    .args
                    .into_iter()
                    .map(|a| format!("{}={}", a.name, a.value.unwrap_or_default()));
                format!("{} {}", metrics.join(","), args.collect::<Vec<_>>().join(","))
                    .trim()
                    .to_owned()
            }
        }
    }

    #[test]
    fn metrics_of_templates() {
        let own = json!({
            "a": {"metrics": metrics(&["ma"]), "templates": nested(&["b"])},
            "b": {"metrics": metrics(&["mb"])},
            "same": {"metrics": metrics(&["ma"])},
            "self": {"templates": nested(&["self"])},
            "x": {"templates": nested(&["y"])}, "y": {"templates": nested(&["x"])},
            "gone": null,
            "diamond": {"templates": nested(&["a", "b"])},
        });
        let table = [
            ("a", "ma,mb"),
            ("b a", "mb,ma"),
            ("*c a", "ma,mb,mc"),
            ("a a b", "ma,mb"),
            ("diamond", "ma,mb"),
            ("a same", "two metrics have the same name 'ma'"),
            ("gone", "AnalysisTemplate 'gone' not found"),
            ("*none", "ClusterAnalysisTemplate 'none' not found"),
            (
                "self",
                "templates refer to each other in a circle: AnalysisTemplate 'self' -> AnalysisTemplate 'self'",
            ),
            (
                "x",
                "templates refer to each other in a circle: AnalysisTemplate 'x' -> AnalysisTemplate 'y' -> AnalysisTemplate 'x'",
            ),
        ];
        for (names, want) in table {
            assert_eq!(merged(own.clone(), names, json!([])), want, "{names}");
        }
    }

    #[test]
    fn arguments_of_templates() {
        let arg = |name: &str, value: Value| json!({"args": [{"name": name, "value": value}]});
        let given = |name: &str, value: &str| json!([{"name": name, "value": value}]);
        let table = [
            (json!({"a": arg("x", json!("1")), "b": {}}), json!([]), "x=1"),
            (
                json!({"a": arg("x", json!("1")), "b": arg("x", json!("1"))}),
                json!([]),
                "x=1",
            ),
            (
                json!({"a": arg("x", json!(null)), "b": arg("x", json!("2"))}),
                json!([]),
                "x=2",
            ),
            (
                json!({"a": arg("x", json!("1")), "b": arg("x", json!(null))}),
                json!([]),
                "x=1",
            ),
            (
                json!({"a": arg("x", json!("1")), "b": arg("x", json!("2"))}),
                json!([]),
                "Argument `x` specified multiple times with different values: '1', '2'",
            ),
            (json!({"a": arg("x", json!("1")), "b": {}}), given("x", "9"), "x=9"),
            (
                json!({"a": arg("x", json!(null)), "b": {}}),
                given("y", "9"),
                "args.x was not resolved",
            ),
            (json!({"a": {}, "b": {}}), given("y", "9"), ""),
        ];
        for (own, given, want) in table {
            assert_eq!(merged(own.clone(), "a b", given), want, "{own}");
        }
    }

    #[test]
    fn rules_of_templates() {
        let own = templates(json!({"a": {
            "dryRun": [{"metricName": "m"}], "measurementRetention": [{"metricName": "m", "limit": 2}]
        }}));
        let library = Library {
            templates: &own,
            cluster_templates: &Templates::new(),
        };
        let dry = [DryRun {
            metric_name: "m".to_owned(),
        }];
        let kept = [MeasurementRetention {
            metric_name: "m".to_owned(),
            limit: 1,
        }];
        assert_eq!(
            merge(&refs("a"), &[], &dry, &[], library).unwrap_err(),
            "two Dry-Run metric rules have the same name 'm'"
        );
        assert_eq!(
            merge(&refs("a"), &[], &[], &kept, library).unwrap_err(),
            "two Measurement Retention metric rules have the same name 'm'"
        );
        let spec = merge(&refs("a"), &[], &[], &[], library).expect("a spec");
        assert_eq!((spec.dry_run.len(), spec.measurement_retention.len()), (1, 1));
    }

    #[test]
    fn what_is_to_be_read() {
        let own = templates(json!({"a": {"templates": [
            {"templateName": "b"}, {"templateName": "c", "clusterScope": true}, {"templateName": "a"}
        ]}}));
        let empty = Templates::new();
        let named = |templates| {
            let library = Library {
                templates,
                cluster_templates: &empty,
            };
            references(&refs("a"), library)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(named(&empty), "AnalysisTemplate 'a'");
        assert_eq!(
            named(&own),
            "AnalysisTemplate 'a', AnalysisTemplate 'b', ClusterAnalysisTemplate 'c'"
        );
    }
}
