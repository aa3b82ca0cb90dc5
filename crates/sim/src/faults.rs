//! What goes wrong, on purpose: a table of rules that requests and watches are held against.

use crate::rng::Rng;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// One thing that can go wrong between a client and the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 409, as if somebody else had written first. Nothing is stored.
    Conflict,
    /// 429. Nothing is stored.
    TooManyRequests {
        /// Seconds, sent as `Retry-After`.
        retry_after: u64,
    },
    /// 500. Nothing is stored.
    ErrorBefore,
    /// 500, although the write was stored.
    ErrorAfter,
    /// Never answered. Nothing is stored.
    Hang,
    /// Never answered, although the write was stored.
    HangAfter,
    /// 410: to a list with a continue token, to a watch when it is opened, to an open watch as its last event.
    Expired,
    /// A watch hears nothing for so long, then everything that came meanwhile.
    Stale(Duration),
    /// An open watch is ended; what it had not yet delivered, it never will.
    Cut,
    /// One event is never delivered.
    Drop,
    /// One event is delivered twice.
    Duplicate,
}

/// Which requests or watches a fault befalls, how often, and how likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    fault: Fault,
    agent: Option<String>,
    verb: Option<String>,
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    skip: u32,
    times: Option<u32>,
    probability: f64,
}

impl Rule {
    /// A rule for everything, every time. Narrow it with the methods below.
    pub fn new(fault: Fault) -> Self {
        Rule {
            fault,
            agent: None,
            verb: None,
            resource: None,
            namespace: None,
            name: None,
            skip: 0,
            times: None,
            probability: 1.0,
        }
    }

    /// Only clients whose user agent begins like this.
    pub fn agent(mut self, agent: &str) -> Self {
        self.agent = Some(agent.to_owned());
        self
    }

    /// Only this verb, as RBAC names it: `get list watch create update patch delete deletecollection`.
    pub fn verb(mut self, verb: &str) -> Self {
        self.verb = Some(verb.to_owned());
        self
    }

    /// Only this resource, with its subresource if it is a request for one: `pods`, `rollouts.argoproj.io/status`.
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Lets the first `count` pass.
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Happens so often, then never again.
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Happens with this probability each time (0 to 1), by the seeded generator.
    pub fn chance(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    fn covers(&self, occasion: &Occasion<'_>) -> bool {
        let same = |asked: &Option<String>, found: &str| asked.as_deref().is_none_or(|asked| asked == found);
        self.agent
            .as_deref()
            .is_none_or(|agent| occasion.agent.starts_with(agent))
            && same(&self.verb, occasion.verb)
            && same(&self.resource, occasion.resource)
            && same(&self.namespace, occasion.namespace)
            && same(&self.name, occasion.name)
    }
}

/// What a rule is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub(crate) agent: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) now: DateTime<Utc>,
}

/// A fault that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    pub at: DateTime<Utc>,
    pub fault: Fault,
    pub agent: String,
    pub verb: String,
    pub resource: String,
    pub name: String,
}

/// The plan of all faults. Empty at first: nothing goes wrong.
#[derive(Clone, Debug)]
pub struct Faults {
    rules: Vec<Rule>,
    fired: Vec<Fired>,
    rng: Rng,
    edits: u64,
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Faults {
            rules: Vec::new(),
            fired: Vec::new(),
            rng: Rng::new(seed),
            edits: 0,
        }
    }

    /// Adds a rule. Earlier rules go first; at most one happens at a time.
    pub fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
        self.edits += 1;
    }

    /// Nothing goes wrong from now on. What a watch holds back is still held until its time.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.edits += 1;
    }

    /// What went wrong so far, oldest first.
    pub fn fired(&self) -> &[Fired] {
        &self.fired
    }

    pub(crate) fn edits(&self) -> u64 {
        self.edits
    }

    /// The first fault that befalls this occasion, of those that `can` happen at it.
    pub(crate) fn strike(&mut self, occasion: &Occasion<'_>, can: impl Fn(Fault) -> bool) -> Option<Fault> {
        for rule in &mut self.rules {
            if rule.times == Some(0) || !can(rule.fault) || !rule.covers(occasion) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.probability < 1.0 && !self.rng.chance(rule.probability) {
                continue;
            }
            rule.times = rule.times.map(|left| left - 1);
            self.fired.push(Fired {
                at: occasion.now,
                fault: rule.fault,
                agent: occasion.agent.to_owned(),
                verb: occasion.verb.to_owned(),
                resource: occasion.resource.to_owned(),
                name: occasion.name.to_owned(),
            });
            return Some(rule.fault);
        }
        None
    }
}
