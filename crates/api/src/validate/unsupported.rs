//! What this version does not do yet, and therefore refuses by name: never a silent plain canary.
//!
//! One line for each feature; the line goes when the feature lands.

use super::{FieldError, metrics};
use crate::analysis::Metric;
use crate::rollout::{CanaryStep, CanaryStrategy, RolloutSpec, TrafficRouting};

/// The name of a feature, and the fields with which a spec asks for it.
type Feature = (&'static str, fn(&RolloutSpec) -> Vec<String>);

const FEATURES: &[Feature] = &[
    ("traffic routing with Istio", |s| {
        routing(s, "istio", |r| r.istio.is_some())
    }),
    ("traffic routing with NGINX", |s| {
        routing(s, "nginx", |r| r.nginx.is_some())
    }),
    ("traffic routing with ALB", |s| routing(s, "alb", |r| r.alb.is_some())),
    ("traffic routing with SMI", |s| routing(s, "smi", |r| r.smi.is_some())),
    ("traffic routing with Ambassador", |s| {
        routing(s, "ambassador", |r| r.ambassador.is_some())
    }),
    ("traffic routing with App Mesh", |s| {
        routing(s, "appMesh", |r| r.app_mesh.is_some())
    }),
    ("traffic routing with Traefik", |s| {
        routing(s, "traefik", |r| r.traefik.is_some())
    }),
    ("traffic routing with APISIX", |s| {
        routing(s, "apisix", |r| r.apisix.is_some())
    }),
    ("traffic routing by a plugin", |s| {
        routing(s, "plugins", |r| !r.plugins.is_empty())
    }),
    ("a traffic router of this name", unknown_routers),
    ("traffic routing without a router", |s| routing_only(s)),
    ("an experiment step", |s| {
        steps(s, "experiment", |step| step.experiment.is_some())
    }),
    ("a plugin step", |s| steps(s, "plugin", |step| step.plugin.is_some())),
    ("a step that sets the canary's scale", |s| {
        steps(s, "setCanaryScale", |step| step.set_canary_scale.is_some())
    }),
    ("a step that routes by header", |s| {
        steps(s, "setHeaderRoute", |step| step.set_header_route.is_some())
    }),
    ("a step that mirrors traffic", |s| {
        steps(s, "setMirrorRoute", |step| step.set_mirror_route.is_some())
    }),
    ("ping-pong", |s| canary(s, "pingPong", |c| c.ping_pong.is_some())),
    ("dynamic stable scale", |s| {
        canary(s, "dynamicStableScale", |c| c.dynamic_stable_scale)
    }),
];

/// The providers a measurement can come from; every other one is refused.
const PROVIDERS: &[&str] = &["prometheus", "web", "plugin[\"sluice/scrape\"]"];

/// The first thing a spec asks for that we do not do; a valid spec is refused with it.
pub fn unsupported(spec: &RolloutSpec) -> Option<FieldError> {
    unsupported_features(spec).into_iter().next()
}

/// All of them.
pub fn unsupported_features(spec: &RolloutSpec) -> Vec<FieldError> {
    let asked = FEATURES
        .iter()
        .flat_map(|(name, asked)| asked(spec).into_iter().map(move |path| (path, *name)));
    asked.map(|(path, name)| refusal(path, name)).collect()
}

/// The provider of the metric at `path`, if it is one we cannot ask.
pub fn unsupported_metric(metric: &Metric, path: &str) -> Option<FieldError> {
    let provider = metrics::providers(&metric.provider)
        .into_iter()
        .find(|provider| !PROVIDERS.contains(&provider.as_str()))?;
    let name = format!("the metric provider {provider}");
    Some(refusal(format!("{path}.provider.{provider}"), &name))
}

fn refusal(path: String, name: &str) -> FieldError {
    FieldError::forbidden(
        path,
        format!("{name} is not supported by this version of Sluice; nothing is changed"),
    )
}

fn asked(there: bool, path: impl Into<String>) -> Vec<String> {
    there.then(|| path.into()).into_iter().collect()
}

fn canary(spec: &RolloutSpec, field: &str, has: fn(&CanaryStrategy) -> bool) -> Vec<String> {
    let there = spec.strategy.canary.as_ref().is_some_and(has);
    asked(there, format!("spec.strategy.canary.{field}"))
}

fn steps(spec: &RolloutSpec, field: &str, has: fn(&CanaryStep) -> bool) -> Vec<String> {
    let steps = spec.strategy.canary.iter().flat_map(|c| c.steps.iter().enumerate());
    steps
        .filter(|(_, step)| has(step))
        .map(|(i, _)| format!("spec.strategy.canary.steps[{i}].{field}"))
        .collect()
}

fn routing(spec: &RolloutSpec, field: &str, has: fn(&TrafficRouting) -> bool) -> Vec<String> {
    let there = traffic_routing(spec).is_some_and(has);
    asked(there, format!("spec.strategy.canary.trafficRouting.{field}"))
}

/// A key that no router has would otherwise mean a canary without one.
fn unknown_routers(spec: &RolloutSpec) -> Vec<String> {
    let keys = traffic_routing(spec).into_iter().flat_map(|r| r.unknown.keys());
    keys.map(|key| format!("spec.strategy.canary.trafficRouting.{key}"))
        .collect()
}

/// `trafficRouting` with nothing in it that routes.
fn routing_only(spec: &RolloutSpec) -> Vec<String> {
    let bare = traffic_routing(spec).is_some_and(|r| {
        let parts = TrafficRouting {
            managed_routes: Vec::new(),
            max_traffic_weight: None,
            ..r.clone()
        };
        parts == TrafficRouting::default()
    });
    asked(bare, "spec.strategy.canary.trafficRouting")
}

fn traffic_routing(spec: &RolloutSpec) -> Option<&TrafficRouting> {
    spec.strategy.canary.as_ref()?.traffic_routing.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(strategy: serde_json::Value) -> Vec<String> {
        let spec: RolloutSpec = serde_json::from_value(serde_json::json!({ "strategy": strategy })).expect("a spec");
        unsupported_features(&spec).iter().map(ToString::to_string).collect()
    }

    const TAIL: &str = "is not supported by this version of Sluice; nothing is changed";

    #[test]
    fn what_is_built_is_not_refused() {
        let canary = serde_json::json!({"canary": {"steps": [{"setWeight": 5}, {"pause": {}}, {"analysis": {}}]}});
        assert_eq!(refused(canary), [""; 0]);
        assert_eq!(
            refused(serde_json::json!({"blueGreen": {"activeService": "a"}})),
            [""; 0]
        );
    }

    #[test]
    fn a_router_is_refused_by_name_known_or_not() {
        let path = "spec.strategy.canary.trafficRouting";
        for (routing, want) in [
            (
                serde_json::json!({"istio": {}}),
                format!("{path}.istio: Forbidden: traffic routing with Istio {TAIL}"),
            ),
            (
                serde_json::json!({"contour": {}}),
                format!("{path}.contour: Forbidden: a traffic router of this name {TAIL}"),
            ),
            (
                serde_json::json!({"managedRoutes": [{"name": "a"}]}),
                format!("{path}: Forbidden: traffic routing without a router {TAIL}"),
            ),
        ] {
            assert_eq!(
                refused(serde_json::json!({"canary": {"trafficRouting": routing}})),
                [want]
            );
        }
    }

    #[test]
    fn a_step_is_refused_where_it_stands() {
        let steps = serde_json::json!([{"setWeight": 5}, {"plugin": {"name": "a/b"}}]);
        assert_eq!(
            refused(serde_json::json!({"canary": {"steps": steps}})),
            [format!(
                "spec.strategy.canary.steps[1].plugin: Forbidden: a plugin step {TAIL}"
            )]
        );
    }

    #[test]
    fn a_provider_is_refused_by_name() {
        let refused = |provider: serde_json::Value| {
            let metric = serde_json::from_value(serde_json::json!({"name": "m", "provider": provider}));
            unsupported_metric(&metric.expect("a metric"), "spec.metrics[0]").map(|e| e.to_string())
        };
        assert_eq!(refused(serde_json::json!({"web": {"url": "u"}})), None);
        assert_eq!(refused(serde_json::json!({"plugin": {"sluice/scrape": {}}})), None);
        assert_eq!(
            refused(serde_json::json!({"plugin": {"a/b": {}}})),
            Some(format!(
                "spec.metrics[0].provider.plugin[\"a/b\"]: Forbidden: the metric provider plugin[\"a/b\"] {TAIL}"
            ))
        );
        assert_eq!(
            refused(serde_json::json!({"job": {}})),
            Some(format!(
                "spec.metrics[0].provider.job: Forbidden: the metric provider job {TAIL}"
            ))
        );
    }
}
