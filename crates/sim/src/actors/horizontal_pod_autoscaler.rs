//! The size that a HorizontalPodAutoscaler gives its target: every 15 s, through the target's scale subresource.
//!
//! The target may be of any kind that has one: a Deployment, or a custom kind such as a Rollout. What is measured comes
//! from the [`Load`](crate::load::Load) of the cluster. The numbers are made in [`desired`], as kube-controller-manager
//! makes them with its defaults; of `behavior` the stabilization windows count, policies do not.

pub mod desired;
mod metric;

use super::seen::{Seen, is_ending, uid};
use super::write::{Key, Subresource, Write};
use super::{Actor, Look};
use crate::apiserver::scale_of;
use crate::clock::stamp;
use crate::selector::LabelSelector;
use crate::store::Change;
use chrono::{DateTime, TimeDelta, Utc};
use desired::{Behavior, FIVE_MINUTES, Limit, Recommendations, Rules, Size, bounded};
use metric::{Group, Outcome, Unknown, evaluate};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

const RESOURCE: &str = "horizontalpodautoscalers.autoscaling";

/// How often it looks; a new one is looked at after so long, too.
const PERIOD: TimeDelta = TimeDelta::seconds(15);

#[derive(Clone, Debug, Default)]
pub struct HorizontalPodAutoscalers {
    known: BTreeMap<Key, Known>,
}

/// What is remembered of one autoscaler.
#[derive(Clone, Debug)]
struct Known {
    uid: String,
    next: DateTime<Utc>,
    before: Option<Recommendations>,
}

impl Actor for HorizontalPodAutoscalers {
    fn name(&self) -> &'static str {
        "horizontal-pod-autoscaler"
    }

    fn touched(&self, resource: &str, change: &Change, _: &Seen<'_>) -> Vec<Key> {
        match resource {
            RESOURCE => vec![Key::of(RESOURCE, &change.last)],
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(autoscaler) = seen.get(key).filter(|autoscaler| !is_ending(autoscaler)) else {
            self.known.remove(key);
            return Look::default();
        };
        let known = self
            .known
            .entry(key.clone())
            .or_insert_with(|| Known::new(autoscaler, seen.now));
        if known.uid != uid(autoscaler) {
            *known = Known::new(autoscaler, seen.now);
        }
        let mut writes = Vec::new();
        if seen.now >= known.next {
            known.next = seen.now + PERIOD;
            writes = decided(autoscaler, seen, &mut known.before);
        }
        Look {
            writes,
            wake: Some(known.next),
        }
    }
}

impl Known {
    fn new(autoscaler: &Value, now: DateTime<Utc>) -> Self {
        Known {
            uid: uid(autoscaler).to_owned(),
            next: now + PERIOD,
            before: None,
        }
    }
}

/// One look: the new size if there is one, and what the status says of it.
fn decided(autoscaler: &Arc<Value>, seen: &Seen<'_>, before: &mut Option<Recommendations>) -> Vec<Write> {
    let mut told = Told::new(autoscaler, seen.now);
    let mut writes = Vec::new();
    match Target::of(autoscaler, seen) {
        Err(why) => {
            let message = format!("the HPA controller was unable to get the target's current scale: {why}");
            told.says("AbleToScale", "False", "FailedGetScale", &message);
        }
        Ok(target) => {
            let message = "the HPA controller was able to get the target's current scale";
            told.says("AbleToScale", "True", "SucceededGetScale", message);
            let asked = target.size.asked;
            let before = before.get_or_insert_with(|| Recommendations::starting(asked, seen.now));
            let resize = wanted(autoscaler, &target, seen, before, &mut told).filter(|resize| resize.to != asked);
            told.status["currentReplicas"] = json!(asked);
            told.status["desiredReplicas"] = json!(resize.as_ref().map_or(asked, |resize| resize.to));
            if let Some(resize) = resize {
                let body = json!({ "spec": { "replicas": resize.to } });
                writes.push(Write::patch_unchanged(
                    &target.resource,
                    target.object,
                    Subresource::Scale,
                    body,
                ));
                writes.push(said(autoscaler, &resize, seen.now));
                told.status["lastScaleTime"] = json!(stamp(seen.now));
                let message = format!(
                    "the HPA controller was able to update the target scale to {}",
                    resize.to
                );
                told.says("AbleToScale", "True", "SucceededRescale", &message);
            }
        }
    }
    writes.extend(told.written());
    writes
}

/// What is scaled.
struct Target<'a> {
    resource: String,
    object: &'a Arc<Value>,
    size: Size,
    selector: Result<LabelSelector, &'static str>,
}

impl<'a> Target<'a> {
    fn of(autoscaler: &Value, seen: &Seen<'a>) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let named = &autoscaler["spec"]["scaleTargetRef"];
        let (version, kind, name) = (text(&named["apiVersion"]), text(&named["kind"]), text(&named["name"]));
        let kind = seen
            .kinds
            .of_object(&version, &kind)
            .filter(|kind| kind.scale.is_some());
        let kind = kind.ok_or_else(|| {
            format!(
                "no matches for kind \"{}\" in group \"{version}\"",
                text(&named["kind"])
            )
        })?;
        let namespace = text(&autoscaler["metadata"]["namespace"]);
        let object = seen.store.get(kind.resource(), &namespace, &name);
        let object = object.ok_or_else(|| format!("{} \"{name}\" not found", kind.resource()))?;
        let scale = scale_of(kind, object);
        let count = |value: &Value| value.as_i64().and_then(|count| i32::try_from(count).ok()).unwrap_or(0);
        let selector = match scale["status"]["selector"].as_str() {
            None => Err("the HPA target's scale is missing a selector"),
            Some(text) => LabelSelector::parse(text).map_err(|_| "the HPA target's scale has a selector that is none"),
        };
        Ok(Target {
            resource: kind.resource().to_owned(),
            object,
            size: Size {
                asked: count(&scale["spec"]["replicas"]),
                there: count(&scale["status"]["replicas"]),
            },
            selector,
        })
    }
}

/// A new size, and why.
struct Resize {
    to: i32,
    why: String,
}

/// The size that is wanted; `None` where nothing can be said, or autoscaling is off.
fn wanted(
    autoscaler: &Value,
    target: &Target<'_>,
    seen: &Seen<'_>,
    before: &mut Recommendations,
    told: &mut Told<'_>,
) -> Option<Resize> {
    let (rules, asked) = (rules(&autoscaler["spec"]), target.size.asked);
    if asked == 0 && rules.min != 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        told.says("ScalingActive", "False", "ScalingDisabled", message);
        return None;
    }
    let outside = |to, why: &str| {
        Some(Resize {
            to,
            why: why.to_owned(),
        })
    };
    if asked > rules.max {
        return outside(rules.max, "Current number of replicas above Spec.MaxReplicas");
    }
    if asked < rules.min {
        return outside(rules.min, "Current number of replicas below Spec.MinReplicas");
    }
    let (recommended, called) = measured(autoscaler, target, seen, told)?;
    let (to, limit) = bounded(recommended, asked, &rules, before, seen.now);
    told.limited(recommended, to, limit);
    let why = if to > asked {
        format!("{called} above target")
    } else {
        "All metrics below target".to_owned()
    };
    Some(Resize { to, why })
}

/// What the metrics ask for, the most of each, and the metric that asks for it. One that says nothing keeps the others
/// from taking pods away.
fn measured(autoscaler: &Value, target: &Target<'_>, seen: &Seen<'_>, told: &mut Told<'_>) -> Option<(i32, String)> {
    let selector = match &target.selector {
        Ok(selector) => selector,
        Err(why) => {
            told.says("ScalingActive", "False", "InvalidSelector", why);
            return None;
        }
    };
    let group = Group {
        namespace: autoscaler["metadata"]["namespace"].as_str().unwrap_or_default(),
        selector,
        size: target.size,
    };
    let metrics = autoscaler["spec"]["metrics"].as_array().into_iter().flatten();
    let each: Vec<Result<Outcome, Unknown>> = metrics.map(|metric| evaluate(metric, &group, seen)).collect();
    let current = each.iter().flatten().map(|outcome| outcome.current.clone());
    told.status["currentMetrics"] = current.collect();
    let unknown = each.iter().find_map(|outcome| outcome.as_ref().err());
    // the first of those that ask for the most
    let most = each.iter().flatten().rev().max_by_key(|outcome| outcome.replicas);
    match (most, unknown) {
        (Some(most), None) => Some(most),
        (Some(most), Some(_)) if most.replicas >= target.size.asked => Some(most),
        (_, Some(unknown)) => {
            told.says("ScalingActive", "False", unknown.reason, &unknown.message);
            None
        }
        (None, None) => None,
    }
    .map(|most| {
        let message = format!(
            "the HPA was able to successfully calculate a replica count from {}",
            most.called
        );
        told.says("ScalingActive", "True", "ValidMetricFound", &message);
        (most.replicas, most.called.clone())
    })
}

fn rules(spec: &Value) -> Rules {
    let count = |value: &Value, default| {
        value
            .as_i64()
            .and_then(|count| i32::try_from(count).ok())
            .unwrap_or(default)
    };
    let window = |of: &str, default: TimeDelta| {
        let seconds = spec["behavior"][of]["stabilizationWindowSeconds"].as_i64();
        seconds.map_or(default, TimeDelta::seconds)
    };
    Rules {
        min: count(&spec["minReplicas"], 1),
        max: count(&spec["maxReplicas"], 1),
        behavior: if spec["behavior"].is_object() {
            Behavior::Windows {
                up: window("scaleUp", TimeDelta::zero()),
                down: window("scaleDown", FIVE_MINUTES),
            }
        } else {
            Behavior::Default
        },
    }
}

/// The event that says a resize.
fn said(autoscaler: &Value, resize: &Resize, now: DateTime<Utc>) -> Write {
    let metadata = &autoscaler["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
    let involved = json!({
        "apiVersion": autoscaler["apiVersion"], "kind": autoscaler["kind"], "name": metadata["name"],
        "namespace": metadata["namespace"], "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
    });
    let object = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": { "name": format!("{}.{:x}", text("name"), now.timestamp_micros()), "namespace": text("namespace") },
        "involvedObject": involved,
        "reason": "SuccessfulRescale", "type": "Normal", "count": 1,
        "message": format!("New size: {}; reason: {}", resize.to, resize.why),
        "source": { "component": "horizontal-pod-autoscaler" },
        "firstTimestamp": stamp(now), "lastTimestamp": stamp(now),
    });
    Write::Create {
        resource: "events",
        namespace: text("namespace"),
        object,
    }
}

/// What the status is to say.
struct Told<'a> {
    autoscaler: &'a Arc<Value>,
    now: DateTime<Utc>,
    status: Value,
}

impl<'a> Told<'a> {
    fn new(autoscaler: &'a Arc<Value>, now: DateTime<Utc>) -> Self {
        let mut status = autoscaler["status"].clone();
        status["observedGeneration"] = autoscaler["metadata"]["generation"].clone();
        Told {
            autoscaler,
            now,
            status,
        }
    }

    /// A condition; the time of its last change stays while its status does.
    fn says(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let before = self.autoscaler["status"]["conditions"].as_array();
        let before = before.and_then(|all| all.iter().find(|one| one["type"] == kind && one["status"] == status));
        let since = before.map_or_else(|| json!(stamp(self.now)), |one| one["lastTransitionTime"].clone());
        let condition = json!({
            "type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message,
        });
        if !self.status["conditions"].is_array() {
            self.status["conditions"] = json!([]);
        }
        if let Some(all) = self.status["conditions"].as_array_mut() {
            match all.iter_mut().find(|one| one["type"] == kind) {
                Some(known) => *known = condition,
                None => all.push(condition),
            }
        }
    }

    fn limited(&mut self, recommended: i32, to: i32, limit: Limit) {
        let (able, why) = match (limit, to.cmp(&recommended)) {
            (Limit::None, Ordering::Greater) => (
                "ScaleDownStabilized",
                "recent recommendations were higher than current one, applying the highest recent recommendation",
            ),
            (Limit::None, Ordering::Less) => (
                "ScaleUpStabilized",
                "recent recommendations were lower than current one, applying the lowest recent recommendation",
            ),
            (Limit::None, Ordering::Equal) | (Limit::AboveMax | Limit::BelowMin | Limit::TooFast, _) => {
                ("ReadyForNewScale", "recommended size matches current size")
            }
        };
        self.says("AbleToScale", "True", able, why);
        let (status, reason, message) = match limit {
            Limit::None => (
                "False",
                "DesiredWithinRange",
                "the desired count is within the acceptable range",
            ),
            Limit::AboveMax => (
                "True",
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            ),
            Limit::BelowMin => (
                "True",
                "TooFewReplicas",
                "the desired replica count is less than the minimum replica count",
            ),
            Limit::TooFast => (
                "True",
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            ),
        };
        self.says("ScalingLimited", status, reason, message);
    }

    /// The write, if the status says something new.
    fn written(self) -> Option<Write> {
        let body = json!({ "status": self.status });
        (self.status != self.autoscaler["status"])
            .then(|| Write::patch(RESOURCE, self.autoscaler, Subresource::Status, body))
    }
}

#[cfg(test)]
mod tests;
