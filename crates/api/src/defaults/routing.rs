//! Defaults of the traffic routers.

use crate::rollout::{AlbTrafficRouting, NginxTrafficRouting, SmiTrafficRouting, TrafficRouting};

impl TrafficRouting {
    /// 100.
    pub fn max_traffic_weight(&self) -> i32 {
        self.max_traffic_weight.unwrap_or(100)
    }
}

impl NginxTrafficRouting {
    /// `nginx.ingress.kubernetes.io`.
    pub fn annotation_prefix(&self) -> &str {
        or(&self.annotation_prefix, "nginx.ingress.kubernetes.io")
    }
}

impl AlbTrafficRouting {
    /// `alb.ingress.kubernetes.io`.
    pub fn annotation_prefix(&self) -> &str {
        or(&self.annotation_prefix, "alb.ingress.kubernetes.io")
    }
}

impl SmiTrafficRouting {
    /// The Rollout's name.
    pub fn traffic_split_name<'a>(&'a self, rollout: &'a str) -> &'a str {
        or(&self.traffic_split_name, rollout)
    }
}

fn or<'a>(value: &'a str, default: &'a str) -> &'a str {
    if value.is_empty() { default } else { value }
}
