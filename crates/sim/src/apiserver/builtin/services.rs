//! Services: defaults, and the addresses and node ports the server gives out.

use super::defaults::{fill, strip_nulls};
use crate::apiserver::routes::Target;
use crate::apiserver::{ApiServer, Cause, Refusal};
use serde_json::{Value, json};

pub(super) fn default_service(service: &mut Value) {
    let spec = &mut service["spec"];
    fill(spec, json!({ "type": "ClusterIP", "sessionAffinity": "None" }));
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        let number = port["port"].clone();
        if port["targetPort"] == 0 {
            port["targetPort"] = Value::Null;
        }
        fill(port, json!({ "protocol": "TCP", "targetPort": number }));
    }
    match spec["sessionAffinity"].as_str() {
        Some("ClientIP") => fill(
            &mut spec["sessionAffinityConfig"],
            json!({ "clientIP": { "timeoutSeconds": 10800 } }),
        ),
        Some(_) | None => spec["sessionAffinityConfig"] = Value::Null,
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        fill(spec, json!({ "internalTrafficPolicy": "Cluster" }));
    }
    if kind == "NodePort" || kind == "LoadBalancer" {
        fill(spec, json!({ "externalTrafficPolicy": "Cluster" }));
    }
    if kind == "LoadBalancer" {
        fill(spec, json!({ "allocateLoadBalancerNodePorts": true }));
    }
    strip_nulls(service);
}

/// What was given out stays when a client leaves it out of an update.
pub(crate) fn keep_allocated(old: &Value, new: &mut Value) {
    if new["spec"]["type"] == "ExternalName" {
        return;
    }
    let named_ip = new["spec"]["clusterIP"].as_str().is_some_and(|ip| !ip.is_empty());
    let moved = new["spec"]["clusterIP"] != old["spec"]["clusterIP"];
    let kept = new["spec"]["clusterIPs"] == old["spec"]["clusterIPs"];
    if named_ip && (new["spec"]["clusterIPs"].is_null() || (moved && kept)) {
        new["spec"]["clusterIPs"] = json!([new["spec"]["clusterIP"]]);
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        let kept = old["spec"][field].clone();
        fill(&mut new["spec"], json!({ field: kept }));
    }
    if takes_node_ports(new) {
        for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
            let before = old["spec"]["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|before| before["name"] == port["name"]);
            if let Some(number) = before.map(|before| before["nodePort"].clone()).filter(Value::is_number) {
                fill(port, json!({ "nodePort": number }));
            }
        }
    }
    strip_nulls(new);
}

fn takes_node_ports(service: &Value) -> bool {
    matches!(service["spec"]["type"].as_str(), Some("NodePort" | "LoadBalancer"))
}

impl ApiServer {
    /// Gives a new Service its cluster IP (10.96.0.0/16) and node ports, in order, never one twice.
    pub(super) fn allocate(&mut self, target: &Target, service: &mut Value) -> Result<(), Refusal> {
        service["status"] = json!({ "loadBalancer": {} });
        self.allocate_node_ports(service);
        let spec = &mut service["spec"];
        if spec["type"] == "ExternalName" {
            return Ok(());
        }
        let asked = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
        let ip = match asked.as_str() {
            "" => {
                self.addresses += 1;
                format!("10.96.{}.{}", self.addresses / 250, self.addresses % 250 + 2)
            }
            "None" => asked,
            _ => {
                let taken = self
                    .store
                    .list("services", None)
                    .any(|other| other["spec"]["clusterIP"] == asked.as_str());
                if taken {
                    let why = format!("failed to allocate IP {asked}: provided IP is already allocated");
                    let cause = Cause::invalid("spec.clusterIPs", &json!([asked]), why);
                    return Err(Refusal::invalid(&target.kind, &target.name, vec![cause]));
                }
                asked
            }
        };
        spec["clusterIP"] = ip.clone().into();
        spec["clusterIPs"] = json!([ip]);
        fill(spec, json!({ "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack" }));
        Ok(())
    }

    pub(crate) fn allocate_node_ports(&mut self, service: &mut Value) {
        if !takes_node_ports(service) {
            return;
        }
        for port in service["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if port["nodePort"].as_u64().unwrap_or(0) == 0 {
                self.node_ports += 1;
                port["nodePort"] = (30_000 + self.node_ports).into();
            }
        }
    }
}
