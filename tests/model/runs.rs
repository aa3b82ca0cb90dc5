//! Analysis runs in the model ring: tasks are answered at once from the script.

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::AnalysisRun;
use controller::kind::{Kind, Name};
use controller::lower::{self, Subject};
use controller::task::Task;
use engine::analysis::{Answer, RunSnapshot, decide_run};

use super::{Model, Turn};

/// Answers not yet recorded, by run and metric.
#[derive(Default)]
pub(super) struct Measuring(BTreeMap<Name, BTreeMap<String, Answer>>);

impl Model {
    pub(super) fn run(&mut self, task: &Task, name: &Name) -> Turn {
        let now = self.now();
        let resource = "analysisruns.argoproj.io";
        let Some(object) = self.object(resource, &name.namespace, &name.name).cloned() else {
            self.runs.0.remove(name);
            return Turn::Rest(None);
        };
        let Ok(run) = serde_json::from_value::<AnalysisRun>(object) else {
            return Turn::Rest(None);
        };
        if run.metadata.deletion_timestamp.is_some() {
            return Turn::Rest(None);
        }
        let subject = Subject {
            kind: Kind::AnalysisRun,
            name: name.clone(),
            uid: run.metadata.uid.clone().unwrap_or_default(),
            resource_version: run.metadata.resource_version.clone().unwrap_or_default(),
        };
        let before = run.status.clone().unwrap_or_default();
        let plan = decide_run(&RunSnapshot {
            now,
            run,
            answers: self.runs.0.get(name).cloned().unwrap_or_default(),
            in_flight: BTreeSet::new(),
            secrets: Default::default(),
        });
        if plan.delete {
            let _ = self.world.api.handle(sim::Request::delete(&format!(
                "{}/{}",
                Kind::AnalysisRun.path(&name.namespace),
                name.name
            )));
            return Turn::Rest(None);
        }
        if let Some(difference) = engine::merge_patch(&before, &plan.status) {
            let request = lower::status(&subject, &difference).expect("a request");
            let shown = format!("AnalysisRun {} {}", name.name, plan.status.phase);
            let Some(answer) = self.write(&shown, request) else {
                return Turn::Again;
            };
            match answer {
                Ok(object) => self.expect_back(task, Kind::AnalysisRun, name, &object),
                Err(_) => return Turn::Again,
            }
        }
        self.runs.0.remove(name);
        self.notices(&plan.notices);
        let mut wake = plan.wake;
        for due in plan.tasks {
            let answer = Answer {
                outcome: self.metrics.answer(&due.name),
                task: due.clone(),
                started: now,
                finished: now,
                metadata: BTreeMap::new(),
                result_metadata: BTreeMap::new(),
            };
            self.runs.0.entry(name.clone()).or_default().insert(due.name, answer);
            wake = Some(now);
        }
        Turn::Rest(wake)
    }
}
