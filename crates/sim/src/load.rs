//! What users ask of the apps of a cluster, as its metrics servers would tell: CPU by pod, and values by name.

use crate::kubelet::status::is_ready;
use crate::selector::LabelSelector;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The load on each namespace. Amounts are in thousandths: 2000 is `2`, or two CPUs.
#[derive(Clone, Debug, Default)]
pub struct Load {
    cpu: BTreeMap<String, (Reach, i64)>,
    values: BTreeMap<(String, String), i64>,
}

/// Which pods do the work.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// Those with these labels.
    Labels(LabelSelector),
    /// Those that this Service selects, as it is by then.
    Service(String),
}

impl Load {
    /// From now on the pods of a namespace that users reach use so much CPU together.
    pub fn set_cpu(&mut self, namespace: &str, reach: Reach, total: i64) {
        self.cpu.insert(namespace.to_owned(), (reach, total));
    }

    /// From now on a metric of a namespace has this value.
    pub fn set_value(&mut self, namespace: &str, name: &str, value: i64) {
        self.values.insert((namespace.to_owned(), name.to_owned()), value);
    }

    /// The value of a metric that belongs to no pod.
    pub fn value(&self, namespace: &str, name: &str) -> Option<i64> {
        self.values.get(&(namespace.to_owned(), name.to_owned())).copied()
    }

    /// What each running pod of a namespace uses: nothing, unless it is ready and users reach it; those share the work
    /// evenly. Empty while no load was set: nothing is measured there.
    pub fn cpu(&self, namespace: &str, pods: &[&Arc<Value>], services: &[&Arc<Value>]) -> BTreeMap<String, i64> {
        let Some((reach, total)) = self.cpu.get(namespace) else {
            return BTreeMap::new();
        };
        shared(*total, reach, pods, services)
    }

    /// The same of a metric of pods: its value, shared by all that are ready.
    pub fn of_pods(&self, namespace: &str, name: &str, pods: &[&Arc<Value>]) -> BTreeMap<String, i64> {
        let everybody = Reach::Labels(LabelSelector::default());
        let total = self.value(namespace, name);
        total.map_or_else(BTreeMap::new, |total| shared(total, &everybody, pods, &[]))
    }
}

fn shared(total: i64, reach: &Reach, pods: &[&Arc<Value>], services: &[&Arc<Value>]) -> BTreeMap<String, i64> {
    let selector = match reach {
        Reach::Labels(selector) => Some(selector.clone()),
        Reach::Service(name) => {
            let service = services.iter().find(|service| service["metadata"]["name"] == **name);
            service.and_then(|service| LabelSelector::from_map(&service["spec"]["selector"]))
        }
    };
    let works = |pod: &Value| is_ready(pod) && selector.as_ref().is_some_and(|selector| selector.matches(pod));
    let running =
        |pod: &&&Arc<Value>| pod["status"]["phase"] == "Running" && pod["metadata"]["deletionTimestamp"].is_null();
    let running: Vec<_> = pods.iter().filter(running).collect();
    let workers = running.iter().filter(|pod| works(pod)).count();
    let share = |pod: &Value| match i64::try_from(workers) {
        Ok(workers) if workers > 0 && works(pod) => total / workers,
        Ok(_) | Err(_) => 0,
    };
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    running.iter().map(|pod| (name(pod), share(pod))).collect()
}

/// A quantity (`2`, `500m`, `1.5`, `1Gi`) in thousandths, rounded up; `None` where it is none, or too large.
pub fn thousandths(text: &str) -> Option<i64> {
    const UNITS: [(&str, i128, i128); 14] = [
        ("Ki", 1 << 10, 1),
        ("Mi", 1 << 20, 1),
        ("Gi", 1 << 30, 1),
        ("Ti", 1 << 40, 1),
        ("Pi", 1 << 50, 1),
        ("n", 1, 1_000_000_000),
        ("u", 1, 1_000_000),
        ("m", 1, 1_000),
        ("k", 1_000, 1),
        ("M", 1_000_000, 1),
        ("G", 1_000_000_000, 1),
        ("T", 1_000_000_000_000, 1),
        ("P", 1_000_000_000_000_000, 1),
        ("", 1, 1),
    ];
    let (number, times, per) = UNITS
        .iter()
        .find_map(|(unit, times, per)| Some((text.strip_suffix(unit)?, times, per)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if fraction.len() > 9 || digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let places = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let above = digits.parse::<i128>().ok()?.checked_mul(times.checked_mul(1000)?)?;
    let below = per * places;
    i64::try_from((above + below - 1) / below).ok()
}

/// Thousandths as Kubernetes writes them: `2`, `500m`.
pub fn quantity(thousandths: i64) -> String {
    if thousandths % 1000 == 0 {
        (thousandths / 1000).to_string()
    } else {
        format!("{thousandths}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_read_and_written_in_thousandths() {
        let table = [
            ("2", Some(2000), "2"),
            ("500m", Some(500), "500m"),
            ("1.5", Some(1500), "1500m"),
            ("0.0001", Some(1), "1m"),
            ("1Ki", Some(1_024_000), "1024"),
            ("2k", Some(2_000_000), "2000"),
            ("250000u", Some(250), "250m"),
            ("", None, ""),
            ("m", None, ""),
            ("-1", None, ""),
            ("two", None, ""),
            ("99999999999999P", None, ""),
        ];
        for (text, expected, written) in table {
            assert_eq!(thousandths(text), expected, "{text}");
            assert_eq!(thousandths(text).map(quantity).unwrap_or_default(), written, "{text}");
        }
    }

    #[test]
    fn ready_pods_that_users_reach_share_the_work() {
        let pod = |name: &str, role: &str, phase: &str, ready: &str| {
            Arc::new(json!({
                "metadata": {"name": name, "labels": {"app": "web", "role": role}},
                "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
            }))
        };
        let pods = [
            pod("a", "active", "Running", "True"),
            pod("b", "active", "Running", "True"),
            pod("c", "active", "Running", "False"),
            pod("d", "active", "Pending", "False"),
            pod("e", "preview", "Running", "True"),
        ];
        let service = Arc::new(json!({"metadata": {"name": "front"}, "spec": {"selector": {"role": "active"}}}));
        let all = LabelSelector::parse("app=web").unwrap();
        let table = [
            (Reach::Labels(all), "a=300 b=300 c=0 e=300"),
            (Reach::Service("front".into()), "a=450 b=450 c=0 e=0"),
            (Reach::Service("gone".into()), "a=0 b=0 c=0 e=0"),
        ];
        for (reach, expected) in table {
            let mut load = Load::default();
            load.set_cpu("shop", reach.clone(), 900);
            let used = load.cpu("shop", &pods.each_ref(), &[&service]);
            let used: Vec<String> = used.iter().map(|(name, used)| format!("{name}={used}")).collect();
            assert_eq!(used.join(" "), expected, "{reach:?}");
        }
        assert!(Load::default().cpu("shop", &pods.each_ref(), &[]).is_empty());
    }
}
