//! What the API server was asked, by whom, read from its audit log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// When it came.
    pub at: DateTime<Utc>,
    /// The user agent.
    pub agent: String,
    /// The user: a ServiceAccount is `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// `rollouts.argoproj.io/status`, `pods/eviction`, `services`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    /// The HTTP status.
    pub code: u16,
}

impl Requested {
    /// Whether it could change anything.
    pub fn writes(&self) -> bool {
        !["get", "list", "watch"].contains(&self.verb.as_str())
    }
}

/// All requests up to now that were answered, in the order of their coming. A watch is there once it is open.
///
/// # Errors
/// The log cannot be read.
pub fn read(log: &Path) -> Result<Vec<Requested>> {
    let mut requests = Vec::new();
    for part in parts(log)? {
        let text = std::fs::read_to_string(&part).with_context(|| format!("could not read {}", part.display()))?;
        // The last line may be half written.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        requests.extend(lines.filter_map(|line| requested(&line)));
    }
    requests.sort_by_key(|request| request.at);
    Ok(requests)
}

/// The log and what it was at 100 MB each, which the server has put aside as `audit-TIME.log`.
fn parts(log: &Path) -> Result<Vec<PathBuf>> {
    let (Some(directory), Some(stem)) = (log.parent(), log.file_stem()) else {
        return Ok(vec![log.to_owned()]);
    };
    let stem = format!("{}-", stem.to_string_lossy());
    let beside = std::fs::read_dir(directory).with_context(|| format!("could not read {}", directory.display()))?;
    let mut parts: Vec<PathBuf> = beside.filter_map(|entry| Some(entry.ok()?.path())).collect();
    parts.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&stem) && name.ends_with(".log")
    });
    parts.push(log.to_owned());
    Ok(parts)
}

fn requested(line: &Value) -> Option<Requested> {
    let object = &line["objectRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // A long request has a line for its beginning and one for its end.
    let watches = line["verb"] == "watch";
    let stage = if watches { "ResponseStarted" } else { "ResponseComplete" };
    if line["stage"] != stage || !object.is_object() {
        return None;
    }
    let mut resource = text(&object["resource"]);
    for (mark, part) in [('.', &object["apiGroup"]), ('/', &object["subresource"])] {
        if let Some(part) = part.as_str().filter(|part| !part.is_empty()) {
            resource = format!("{resource}{mark}{part}");
        }
    }
    Some(Requested {
        at: line["requestReceivedTimestamp"].as_str()?.parse().ok()?,
        agent: text(&line["userAgent"]),
        user: text(&line["user"]["username"]),
        verb: text(&line["verb"]),
        resource,
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
        code: line["responseStatus"]["code"].as_u64().unwrap_or(0) as u16,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::requested;

    #[test]
    fn a_line_is_one_request() {
        let line = json!({
            "stage": "ResponseComplete", "verb": "patch", "userAgent": "sluice/0.1.0",
            "user": {"username": "system:serviceaccount:sluice:sluice"},
            "objectRef": {"resource": "rollouts", "apiGroup": "argoproj.io", "subresource": "status", "namespace": "shop", "name": "web"},
            "responseStatus": {"code": 200}, "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z",
        });
        let seen = requested(&line).expect("a request");
        let shown = format!(
            "{} {} {} {}/{} {}",
            seen.user, seen.verb, seen.resource, seen.namespace, seen.name, seen.code
        );
        assert_eq!(
            shown,
            "system:serviceaccount:sluice:sluice patch rollouts.argoproj.io/status shop/web 200"
        );
        assert!(seen.writes());
        let begun = json!({"stage": "ResponseStarted", "verb": "patch", "objectRef": {}});
        assert_eq!(requested(&begun), None);
    }
}
