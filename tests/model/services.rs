//! Services in the model ring: given back when the Rollout that pointed them is gone or no longer refers to them.

use controller::kind::{Kind, Name};
use controller::lower;
use controller::release::{forsaken, refers};
use controller::task::Task;

use super::{Model, Turn, convert};

impl Model {
    pub(super) fn service(&mut self, task: &Task, name: &Name) -> Turn {
        let Some(forsaken) = forsaken(&self.shelves, name) else {
            return Turn::Rest(None);
        };
        let rollout = Name::new(&name.namespace, &forsaken.rollout);
        let request = lower::get(Kind::Rollout, &rollout).expect("a request");
        match self.world.api.handle(convert(request)).object() {
            Ok(object) if refers(&object, &name.name) => return Turn::Rest(None),
            Ok(_) => {}
            Err(status) if status["code"] == 404 => {}
            Err(_) => return Turn::Again,
        }
        let request = lower::release_service(name, &forsaken.uid, &forsaken.version).expect("a request");
        match self.write(&format!("release Service {}", name.name), request) {
            Some(Ok(object)) => {
                self.expect_back(task, Kind::Service, name, &object);
                Turn::Rest(None)
            }
            Some(Err(status)) if status["code"] == 404 => Turn::Rest(None),
            Some(Err(_)) | None => Turn::Again,
        }
    }
}
