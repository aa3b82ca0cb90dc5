//! Whether the strategy is one, and whether its parts go together.
//!
//! Source: wire-contract 7.7, rules 6 to 11 and 13.

use super::{FieldError, Shown, steps};
use crate::amount::IntOrString;
use crate::rollout::{AntiAffinity, BlueGreenStrategy, CanaryStrategy, PingPong, RolloutSpec, TrafficRouting};

const SAME_ACTIVE_PREVIEW: &str = "This rollout uses the same service for the active and preview services, but two \
    different services are required.";
const SAME_STABLE_CANARY: &str = "This rollout uses the same service for the stable and canary services, but two \
    different services are required.";
const SAME_PING_PONG: &str = "This rollout uses the same service for the ping and pong services, but two different \
    services are required.";
const REVISION_LIMIT: &str =
    "This rollout's revision history limit can not be smaller than the rollout's scale down limit";
const PING_PONG_ROUTERS: &str = "Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only";
const PING_PONG_SERVICES: &str = "Ping service and Pong service must to be set to use Ping-Pong feature";
const ROOT_SERVICE: &str =
    "Root service field is required for the configuration with ALB and ping-pong feature enabled";
const SERVICES_REQUIRED: &str = "Canary service and Stable service must to be set to use Traffic Routing";
const MAX_WEIGHT_ROUTERS: &str = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins";

/// Rules 6 to 13, in order.
pub(super) fn errors(spec: &RolloutSpec) -> Vec<FieldError> {
    const MISSING: &str = "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'";
    let path = "spec.strategy.strategy";
    match (&spec.strategy.blue_green, &spec.strategy.canary) {
        (None, None) => vec![FieldError::required(path, MISSING)],
        (Some(_), Some(_)) => {
            let value = "blueGreen: true canary: true";
            vec![FieldError::invalid(
                path,
                value,
                "Multiple Strategies can not be listed",
            )]
        }
        (Some(blue_green), None) => blue_green_errors(blue_green, spec.revision_history_limit),
        (None, Some(canary)) => canary_errors(canary),
    }
}

fn blue_green_errors(blue_green: &BlueGreenStrategy, history: Option<i32>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if blue_green.active_service == blue_green.preview_service {
        let path = "spec.strategy.activeService";
        errors.push(FieldError::invalid(
            path,
            &blue_green.active_service,
            SAME_ACTIVE_PREVIEW,
        ));
    }
    if let Some(limit) = blue_green
        .scale_down_delay_revision_limit
        .filter(|limit| *limit > history.unwrap_or(10))
    {
        let path = "spec.strategy.scaleDownDelayRevisionLimit";
        errors.push(FieldError::invalid(path, limit, REVISION_LIMIT));
    }
    errors.extend(anti_affinity(blue_green.anti_affinity.as_ref()));
    errors
}

fn canary_errors(canary: &CanaryStrategy) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if literal(canary.max_surge.as_ref()) == 0 && literal(canary.max_unavailable.as_ref()) == 0 {
        let value = canary.max_surge.as_ref().map_or_else(Shown::null, Shown::json);
        let detail = "MaxSurge and MaxUnavailable both can not be zero";
        errors.push(FieldError::invalid("spec.strategy.maxSurge", value, detail));
    }
    if !canary.canary_service.is_empty() && canary.canary_service == canary.stable_service {
        let path = "spec.strategy.stableService";
        errors.push(FieldError::invalid(path, &canary.stable_service, SAME_STABLE_CANARY));
    }
    if let Some(ping_pong) = &canary.ping_pong {
        errors.extend(ping_pong_errors(ping_pong, canary.traffic_routing.as_deref()));
    }
    match &canary.traffic_routing {
        Some(routing) => errors.extend(routed_errors(canary, routing)),
        None => errors.extend(unrouted_errors(canary)),
    }
    for (i, step) in canary.steps.iter().enumerate() {
        let path = format!("spec.strategy.steps[{i}]");
        errors.extend(steps::errors(step, canary.traffic_routing.as_deref(), &path));
    }
    errors.extend(anti_affinity(canary.anti_affinity.as_ref()));
    errors
}

/// The number rule 8 looks at: R plays no part, and what is no number is 0.
fn literal(amount: Option<&IntOrString>) -> i64 {
    match amount {
        None => 25,
        Some(IntOrString::Int(number)) => i64::from(*number),
        Some(IntOrString::String(text)) => match text.strip_suffix('%') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().unwrap_or(0),
            Some(_) | None => text.parse().unwrap_or(0),
        },
    }
}

/// Rule 9.
fn ping_pong_errors(ping_pong: &PingPong, routing: Option<&TrafficRouting>) -> Vec<FieldError> {
    let path = "spec.strategy.pingPong";
    let mut errors = Vec::new();
    if routing.is_some_and(|r| r.alb.is_none() && r.istio.is_none() && r.plugins.is_empty()) {
        let path = "spec.strategy.trafficRouting.alb";
        errors.push(FieldError::invalid(path, Shown::null(), PING_PONG_ROUTERS));
    }
    if ping_pong.ping_service.is_empty() {
        errors.push(FieldError::invalid(
            format!("{path}.pingService"),
            "",
            PING_PONG_SERVICES,
        ));
    }
    if ping_pong.pong_service.is_empty() {
        errors.push(FieldError::invalid(
            format!("{path}.pongService"),
            "",
            PING_PONG_SERVICES,
        ));
    }
    if ping_pong.ping_service == ping_pong.pong_service {
        let path = format!("{path}.pingService");
        errors.push(FieldError::invalid(path, &ping_pong.ping_service, SAME_PING_PONG));
    }
    if routing
        .and_then(|r| r.alb.as_ref())
        .is_some_and(|alb| alb.root_service.is_empty())
    {
        let path = "spec.strategy.trafficRouting.alb.rootService";
        errors.push(FieldError::invalid(path, "", ROOT_SERVICE));
    }
    errors
}

/// Rule 10, and rule 11 with a router.
fn routed_errors(canary: &CanaryStrategy, routing: &TrafficRouting) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if needs_services(routing, canary.ping_pong.as_ref()) {
        for (name, service) in [
            ("stableService", &canary.stable_service),
            ("canaryService", &canary.canary_service),
        ] {
            if service.is_empty() {
                errors.push(FieldError::invalid(
                    format!("spec.strategy.{name}"),
                    "",
                    SERVICES_REQUIRED,
                ));
            }
        }
    }
    if canary.scale_down_delay_seconds.is_some() && canary.dynamic_stable_scale {
        let detail = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds";
        errors.push(FieldError::invalid("spec.strategy.dynamicStableScale", true, detail));
    }
    if let Some(weight) = routing
        .max_traffic_weight
        .filter(|_| routing.nginx.is_none() && routing.plugins.is_empty())
    {
        let path = "spec.strategy.trafficRouting.maxTrafficWeight";
        errors.push(FieldError::invalid(path, weight, MAX_WEIGHT_ROUTERS));
    }
    errors
}

fn needs_services(routing: &TrafficRouting, ping_pong: Option<&PingPong>) -> bool {
    let istio_by_host = routing
        .istio
        .as_ref()
        .is_some_and(|istio| istio.destination_rule.is_none());
    let by_service = (routing.alb.is_some() || istio_by_host) && ping_pong.is_none();
    by_service
        || routing.smi.is_some()
        || routing.apisix.is_some()
        || routing.ambassador.is_some()
        || routing.nginx.is_some()
        || routing.app_mesh.is_some()
        || routing.traefik.is_some()
}

/// Rule 11 without a router.
fn unrouted_errors(canary: &CanaryStrategy) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(delay) = canary.scale_down_delay_seconds {
        let detail = "Canary scaleDownDelaySeconds can only be used with traffic routing";
        errors.push(FieldError::invalid(
            "spec.strategy.scaleDownDelaySeconds",
            delay,
            detail,
        ));
    }
    if canary.dynamic_stable_scale {
        let detail = "Canary dynamicStableScale can only be used with traffic routing";
        errors.push(FieldError::invalid("spec.strategy.dynamicStableScale", true, detail));
    }
    errors
}

/// Rule 13.
fn anti_affinity(anti_affinity: Option<&AntiAffinity>) -> Vec<FieldError> {
    let path = "spec.strategy.antiAffinity";
    let Some(anti_affinity) = anti_affinity else {
        return Vec::new();
    };
    let preferred = anti_affinity
        .preferred_during_scheduling_ignored_during_execution
        .as_ref();
    let required = anti_affinity
        .required_during_scheduling_ignored_during_execution
        .is_some();
    let mut errors = Vec::new();
    if preferred.is_some() == required {
        let value = format!(
            "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: {} \
             antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: {required}",
            preferred.is_some()
        );
        errors.push(FieldError::invalid(
            path,
            value,
            "AntiAffinity must have exactly one strategy listed",
        ));
    }
    if let Some(weight) = preferred.map(|p| p.weight).filter(|w| !(1..=100).contains(w)) {
        let detail = "AntiAffinity weight must be between 1-100";
        errors.push(FieldError::invalid(format!("{path}.weight"), weight, detail));
    }
    errors
}
