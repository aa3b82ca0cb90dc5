//! Which revision a Service points at, and when it may be moved.
//!
//! Source: wire-contract 3.8; the safe moves beyond it are listed in `crates/README.md`.

use api::keys;

use crate::draft::Draft;
use crate::mutant::{Mutant, is};
use crate::plan::{Action, Notice, Reason};
use crate::seen::Service;
use crate::snapshot::Revision;

/// Points a Service at a revision when its selector names another one.
///
/// The revision needs an available pod; before a Service that nobody managed is taken over, all of them.
pub(crate) fn point(d: &mut Draft<'_>, name: &str, target: &Revision) {
    let Some(Some(service)) = d.seen.services.get(name).cloned() else {
        return;
    };
    if service.hash() == Some(target.hash.as_str()) {
        return;
    }
    let adopted = !service.metadata.annotations.contains_key(keys::MANAGED_BY);
    let whole = target.size > 0 && target.staying() > 0 && target.size <= target.available;
    let enough = if adopted { whole } else { target.staying() > 0 } || is(Mutant::SwitchBeforeReady);
    if enough {
        switch(d, &service, target);
    } else {
        let why = Reason::PodsNotAvailable {
            replica_set: target.name.clone(),
            available: target.staying(),
            wanted: if adopted { target.size.max(1) } else { 1 },
        };
        d.hold(format!("switch of Service {name}"), why);
    }
}

/// Writes the selector, and the managed-by annotation where it is missing.
pub(crate) fn switch(d: &mut Draft<'_>, service: &Service, target: &Revision) {
    let annotated = service.metadata.annotations.contains_key(keys::MANAGED_BY);
    if service.hash() == Some(target.hash.as_str()) && annotated {
        return;
    }
    let from = service.hash().unwrap_or_default();
    let message = format!(
        "Switched selector for service '{}' from '{from}' to '{}'",
        service.metadata.name, target.hash
    );
    let action = Action::PointService {
        name: service.metadata.name.clone(),
        uid: service.metadata.uid.clone(),
        resource_version: service.metadata.resource_version.clone(),
        from: service.hash().map(str::to_owned),
        to: target.hash.clone(),
        managed_by: (!annotated).then(|| d.seen.name.clone()),
    };
    d.act_and_say(action, vec![Notice::normal("SwitchService", message)]);
}
