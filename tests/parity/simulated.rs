//! The simulator as a server of the table, in virtual time.

use std::time::Duration;

use anyhow::{Result, bail};
use sim::apiserver::Body;
use sim::kubelet::Pace;
use sim::{Request, Response, World};

use super::play::{Said, Server};

/// A simulated cluster with our CRDs, in virtual time.
pub(super) struct Simulated {
    world: World,
}

impl Simulated {
    /// A new one.
    pub(super) fn new() -> Result<Self> {
        let mut world = World::new(1, Pace::default());
        for crd in api::crd::all() {
            if let Err(refusal) = world.api.install(&crd) {
                bail!("{refusal}");
            }
        }
        // What was before is as good as gone, as on a cluster that has run for a while.
        world.api.compact();
        Ok(Simulated { world })
    }
}

/// What a server said that answers at once.
///
/// # Errors
/// It does not.
pub(super) fn said(response: Response) -> Result<Said> {
    match response {
        Response::Answer(answer) => Ok(Said {
            code: answer.code,
            warnings: answer.warnings.iter().map(|text| format!("299 - {text:?}")).collect(),
            retry_after: answer.retry_after.map(|seconds| seconds.to_string()),
            body: match answer.body {
                Body::Json(value) => value.to_string(),
                Body::Text(text) => text,
            },
        }),
        Response::Watch(_) => bail!("a watch that goes on"),
        Response::Hung => bail!("the request hangs"),
    }
}

impl Server for Simulated {
    fn call(&mut self, request: Request) -> Result<Said> {
        match self.world.call(request) {
            Response::Watch(mut cursor) => {
                let mut lines = Vec::new();
                while !cursor.is_closed() {
                    lines.extend(
                        self.world
                            .api
                            .poll(&mut cursor)
                            .iter()
                            .map(sim::apiserver::WatchEvent::line),
                    );
                    self.world.advance(Duration::from_millis(100));
                }
                Ok(Said {
                    code: 200,
                    body: lines.join("\n"),
                    ..Said::default()
                })
            }
            answer @ (Response::Answer(_) | Response::Hung) => said(answer),
        }
    }

    fn pass(&mut self) {
        self.world.advance(Duration::from_millis(100));
    }

    fn kubectl(&mut self, _: &[&str], _: &str) -> Result<String> {
        bail!("kubectl needs a server on a port")
    }
}
