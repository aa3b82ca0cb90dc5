//! Whether a canary step is one, and whether the routers can do it.
//!
//! Source: wire-contract 7.7, rule 12.

use serde::Serialize;

use super::{FieldError, Shown, names};
use crate::rollout::{
    AnalysisRunArgument, CanaryStep, RolloutPause, SetHeaderRoute, SetMirrorRoute, StringMatch, TrafficRouting,
};

const ONE_OF: &str = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
const HEADER_ROUTERS: &str = "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix";
const MIRROR_ROUTERS: &str = "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins";
const NO_MATCH: &str = "StringMatch value missed, match value must have one of the following: exact, regex, prefix";
const TWO_MATCHES: &str = "StringMatch match value must have exactly one of the following: exact, regex, prefix";
const ALB_MATCH: &str = "SetHeaderRoute match value invalid. ALB supports 'exact' value only";
const NO_MANAGED_ROUTES: &str = "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'";
const UNKNOWN_ROUTE: &str =
    "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes";
const WEIGHT_UNROUTED: &str = "Experiment template weight cannot be set unless TrafficRouting is enabled";
const WEIGHT_ROUTERS: &str = "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and \
    Plugins at this time";
const ARGS: &str = "Analyses arguments must refer to valid object metadata supported by downwardAPI";

/// All errors of the step at `path`; none hides another.
pub(super) fn errors(step: &CanaryStep, routing: Option<&TrafficRouting>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(member_count(step, path));
    let max_weight = routing.map_or(100, TrafficRouting::max_traffic_weight);
    if let Some(weight) = step.set_weight.filter(|w| *w < 0 || *w > max_weight) {
        let detail = format!("SetWeight needs to be between 0 and {max_weight}");
        errors.push(FieldError::invalid(format!("{path}.setWeight"), weight, detail));
    }
    if let Some(seconds) = step.pause.as_ref().and_then(RolloutPause::seconds).filter(|s| *s < 0) {
        let detail = "Duration needs to be greater than 0";
        errors.push(FieldError::invalid(format!("{path}.pause.duration"), seconds, detail));
    }
    if step.set_canary_scale.is_some() && routing.is_none() {
        let detail = "SetCanaryScale requires TrafficRouting to be set";
        errors.push(FieldError::required("spec.strategy.trafficRouting", detail));
    }
    if let Some(route) = &step.set_header_route {
        errors.extend(header_route(route, routing, &format!("{path}.setHeaderRoute")));
    }
    if let Some(route) = &step.set_mirror_route {
        errors.extend(mirror_route(route, routing, &format!("{path}.setMirrorRoute")));
    }
    errors.extend(managed_routes(step, routing, path));
    errors.extend(experiment_weights(step, routing, path));
    errors.extend(arguments(step, path));
    errors
}

/// One of four kinds, or at least one of eight; the other four may be combined with anything.
fn member_count(step: &CanaryStep, path: &str) -> Option<FieldError> {
    let exclusive = [
        step.experiment.is_some(),
        step.pause.is_some(),
        step.set_weight.is_some(),
        step.analysis.is_some(),
    ];
    let [experiment, pause, set_weight, analysis] = exclusive;
    let several = exclusive.iter().filter(|set| **set).count() > 1;
    let none = !exclusive.contains(&true)
        && step.set_canary_scale.is_none()
        && step.set_header_route.is_none()
        && step.set_mirror_route.is_none()
        && step.plugin.is_none();
    let value = if several {
        format!(
            "step.Experiment: {experiment} step.Pause: {pause} step.SetWeight: {set_weight} step.Analysis: {analysis}"
        )
    } else if none {
        "step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true \
         step.SetHeaderRoute: true step.SetMirrorRoute: true step.Plugin: true"
            .to_owned()
    } else {
        return None;
    };
    Some(FieldError::invalid(path, value, ONE_OF))
}

fn header_route(route: &SetHeaderRoute, routing: Option<&TrafficRouting>, path: &str) -> Vec<FieldError> {
    let able =
        |r: &&TrafficRouting| r.istio.is_some() || r.alb.is_some() || r.apisix.is_some() || !r.plugins.is_empty();
    let Some(routing) = routing.filter(able) else {
        return vec![FieldError::invalid(path, header_route_shown(route), HEADER_ROUTERS)];
    };
    let mut errors = Vec::new();
    for (j, header) in route.r#match.iter().enumerate() {
        let path = format!("{path}.match[{j}]");
        let Some(value) = &header.header_value else {
            errors.push(FieldError::invalid(path, Shown::null(), NO_MATCH));
            continue;
        };
        let fault = if routing.alb.is_some() {
            let exact_only = !value.exact.is_empty() && value.regex.is_empty() && value.prefix.is_empty();
            (!exact_only).then_some(ALB_MATCH)
        } else {
            match_fault(value)
        };
        errors.extend(fault.map(|detail| FieldError::invalid(path, Shown::json(value), detail)));
    }
    errors
}

fn mirror_route(route: &SetMirrorRoute, routing: Option<&TrafficRouting>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !routing.is_some_and(|r| r.istio.is_some() || !r.plugins.is_empty()) {
        errors.push(FieldError::invalid(path, Shown::json(route), MIRROR_ROUTERS));
    }
    for (j, matched) in route.r#match.iter().enumerate() {
        // The method is looked at twice, so a bad one is reported twice (7.7).
        for value in [&matched.method, &matched.path, &matched.method].into_iter().flatten() {
            let path = format!("{path}.match[{j}]");
            errors.extend(match_fault(value).map(|detail| FieldError::invalid(path, Shown::json(value), detail)));
        }
    }
    errors
}

fn match_fault(value: &StringMatch) -> Option<&'static str> {
    match [&value.exact, &value.regex, &value.prefix]
        .iter()
        .filter(|text| !text.is_empty())
        .count()
    {
        0 => Some(NO_MATCH),
        1 => None,
        2.. => Some(TWO_MATCHES),
    }
}

fn managed_routes(step: &CanaryStep, routing: Option<&TrafficRouting>, path: &str) -> Vec<FieldError> {
    let header = step.set_header_route.as_ref().map(|r| ("setHeaderRoute", &r.name));
    let mirror = step.set_mirror_route.as_ref().map(|r| ("setMirrorRoute", &r.name));
    let Some(routing) = routing.filter(|_| header.is_some() || mirror.is_some()) else {
        return Vec::new();
    };
    if routing.managed_routes.is_empty() {
        let path = "spec.strategy.trafficRouting.managedRoutes";
        return vec![FieldError::required(path, NO_MANAGED_ROUTES)];
    }
    let listed = |name: &String| routing.managed_routes.iter().any(|route| route.name == *name);
    [header, mirror]
        .into_iter()
        .flatten()
        .filter(|(_, name)| !listed(name))
        .map(|(member, name)| FieldError::invalid(format!("{path}.{member}"), name, UNKNOWN_ROUTE))
        .collect()
}

fn experiment_weights(step: &CanaryStep, routing: Option<&TrafficRouting>, path: &str) -> Vec<FieldError> {
    let detail = match routing {
        None => WEIGHT_UNROUTED,
        Some(r) if r.smi.is_none() && r.alb.is_none() && r.istio.is_none() && r.plugins.is_empty() => WEIGHT_ROUTERS,
        Some(_) => return Vec::new(),
    };
    let templates = step.experiment.iter().flat_map(|e| e.templates.iter().enumerate());
    templates
        .filter_map(|(j, template)| template.weight.map(|weight| (j, weight)))
        .map(|(j, weight)| FieldError::invalid(format!("{path}.experiment.templates[{j}].weight"), weight, detail))
        .collect()
}

fn arguments(step: &CanaryStep, path: &str) -> Vec<FieldError> {
    let of_experiment = step.experiment.iter().flat_map(|e| &e.analyses).flat_map(|a| &a.args);
    let of_analysis = step.analysis.iter().flat_map(|a| &a.args);
    let args: Vec<&AnalysisRunArgument> = of_experiment.chain(of_analysis).collect();
    args.iter()
        .filter(|arg| {
            let field = arg.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
            field.is_some_and(|field| !is_known_metadata(&field.field_path))
        })
        .map(|_| FieldError::invalid(format!("{path}.analyses"), args_shown(&args), ARGS))
        .collect()
}

/// Whether a field path that starts with `metadata` is one the downward API knows; other paths are not its business.
fn is_known_metadata(path: &str) -> bool {
    if !path.starts_with("metadata") {
        return true;
    }
    let subscript = |map: &str| path.strip_prefix(map)?.strip_prefix("['")?.strip_suffix("']");
    match path {
        "metadata.name" | "metadata.namespace" | "metadata.uid" | "metadata.labels" | "metadata.annotations" => true,
        _ => match (subscript("metadata.labels"), subscript("metadata.annotations")) {
            (Some(key), _) => names::is_qualified_name(key),
            (None, Some(key)) => names::is_qualified_name(&key.to_lowercase()),
            (None, None) => false,
        },
    }
}

/// The struct as Go writes it: `headerValue` is written even where it is absent (2.2).
fn header_route_shown(route: &SetHeaderRoute) -> Shown {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Header<'a> {
        header_name: &'a str,
        header_value: Option<&'a StringMatch>,
    }
    #[derive(Serialize)]
    struct Route<'a> {
        #[serde(skip_serializing_if = "str::is_empty")]
        name: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        r#match: Vec<Header<'a>>,
    }
    let headers = route.r#match.iter().map(|header| Header {
        header_name: &header.header_name,
        header_value: header.header_value.as_ref(),
    });
    Shown::json(&Route {
        name: &route.name,
        r#match: headers.collect(),
    })
}

/// The arguments as Go writes them: an empty `value` is left out (2.2).
fn args_shown(args: &[&AnalysisRunArgument]) -> Shown {
    let written: Vec<AnalysisRunArgument> = args
        .iter()
        .map(|arg| AnalysisRunArgument {
            value: arg.value.clone().filter(|value| !value.is_empty()),
            ..(*arg).clone()
        })
        .collect();
    Shown::json(&written)
}
