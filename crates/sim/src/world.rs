//! A whole cluster in memory: an API server, the actors of a cluster, and time that goes from one event to the next.

mod live;

pub use live::{Shared, live};

use crate::actors::deployment::Deployments;
use crate::actors::disruption::Disruption;
use crate::actors::endpoint_slice::EndpointSlices;
use crate::actors::garbage_collector::GarbageCollector;
use crate::actors::horizontal_pod_autoscaler::HorizontalPodAutoscalers;
use crate::actors::job::Jobs;
use crate::actors::node::Node;
use crate::actors::replica_set::ReplicaSets;
use crate::actors::scheduler::Scheduler;
use crate::actors::{Actor, Crew};
use crate::apiserver::{ApiServer, Request, Response};
use crate::clock::Clock;
use crate::kubelet::{Kubelet, NoProcesses, Pace};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// A cluster in virtual time. Same seed and same calls, same history.
pub struct World {
    pub api: ApiServer,
    pub crew: Crew,
}

impl World {
    /// A cluster of three nodes whose pods have no processes, at 2026-01-01T00:00:00Z.
    pub fn new(seed: u64, pace: Pace) -> Self {
        World::starting(Clock::new(), seed, pace)
    }

    /// The same by another clock.
    pub fn starting(clock: Clock, seed: u64, pace: Pace) -> Self {
        let kubelet = Kubelet::new(pace, Box::new(NoProcesses));
        World {
            api: ApiServer::new(clock, seed),
            crew: crew(kubelet),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.api.clock().now()
    }

    /// Sends one request and lets the actors react to it.
    pub fn call(&mut self, request: Request) -> Response {
        let response = self.api.handle(request);
        self.settle();
        response
    }

    /// Lets the actors react to what was done to `api` directly, without time passing.
    pub fn settle(&mut self) {
        self.crew.turn(&mut self.api);
    }

    /// When the cluster next moves by itself. Settle first.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.crew.next_due()
    }

    /// Goes on to the next event, wherever in time it is, and lets it happen. None: nothing is due any more.
    pub fn step_to_next_event(&mut self) -> Option<DateTime<Utc>> {
        self.settle();
        let due = self.crew.next_due()?;
        self.api.clock().advance_to(due);
        self.settle();
        Some(due)
    }

    /// Lets `by` pass, with everything that is due on the way.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now() + TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX / 4);
        self.settle();
        while self.crew.next_due().is_some_and(|due| due <= until) {
            self.step_to_next_event();
        }
        self.api.clock().advance_to(until);
        self.settle();
    }
}

/// The actors every cluster has, in the order in which they go, with this kubelet on three nodes.
pub fn crew(kubelet: Kubelet) -> Crew {
    let actors: [Box<dyn Actor>; 9] = [
        Box::new(Deployments),
        Box::new(Jobs),
        Box::new(ReplicaSets::default()),
        Box::new(GarbageCollector),
        Box::new(Scheduler::new(3)),
        Box::new(Node::new(kubelet)),
        Box::new(EndpointSlices),
        Box::new(Disruption),
        Box::new(HorizontalPodAutoscalers::default()),
    ];
    Crew::new(actors.into())
}

#[cfg(test)]
mod tests;
