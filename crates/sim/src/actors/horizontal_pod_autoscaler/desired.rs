//! How many pods an autoscaler wants: numbers in, a number out.
//!
//! As "Horizontal Pod Autoscaling" of the Kubernetes documentation describes it ("Algorithm details", "Stabilization
//! window", "Default Behavior"), with the defaults of kube-controller-manager. Amounts are in thousandths.

use chrono::{DateTime, TimeDelta, Utc};

/// A change of less than this part is none: 10 %.
const TOLERANCE: f64 = 0.1;

/// The size of the target, as its scale subresource has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// `spec.replicas`: what was asked for last.
    pub asked: i32,
    /// `status.replicas`: the pods that are there. In the middle of an update that may be more.
    pub there: i32,
}

/// A pod that the scale's selector names, neither ending nor failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub standing: Standing,
    /// What it uses of the resource or metric.
    pub used: i64,
    /// What it requests of the resource; 0 for a metric that is none.
    pub requested: i64,
}

/// What a pod's measurement is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Ready, and measured.
    Counts,
    /// Pending, or not ready yet: its CPU says nothing.
    Unready,
    /// Runs, but nothing was measured.
    Missing,
}

/// One metric as it was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric<'a> {
    /// A resource, in percent of what the pods request.
    Utilization { pods: &'a [Pod], percent: i64 },
    /// A resource, or a metric of each pod, on the average.
    OfPods { pods: &'a [Pod], average: i64 },
    /// One value, held against one target: twice the value, twice the pods that are ready.
    Whole { value: i64, target: i64, ready: i32 },
    /// One value, shared by all pods that are there.
    PerPod { value: i64, average: i64 },
}

/// What came of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub replicas: i32,
    /// What the metric is now: percent for a utilization, else thousandths a pod or of the whole.
    pub current: i64,
    /// Thousandths a pod, where the metric is a utilization.
    pub raw: Option<i64>,
}

/// The bounds of an autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub min: i32,
    pub max: i32,
    pub behavior: Behavior,
}

/// How fast it may go. Policies are those of the default, whatever a manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// No `behavior`: the highest recommendation of five minutes; up to twice as many pods, or 4, at once.
    Default,
    /// With `behavior`: up only to the lowest recommendation of a while, down only to the highest of a while; up to twice
    /// as many pods, or 4 more, at once.
    Windows { up: TimeDelta, down: TimeDelta },
}

/// The window of [`Behavior::Default`].
pub const FIVE_MINUTES: TimeDelta = TimeDelta::seconds(300);

/// What was recommended before, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recommendations(Vec<(DateTime<Utc>, i32)>);

/// Why the number is not the one that the metrics ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    None,
    AboveMax,
    BelowMin,
    TooFast,
}

/// The pods that this metric asks for; the error says why nothing can be said.
pub fn recommended(metric: &Metric<'_>, size: Size) -> Result<Found, &'static str> {
    match metric {
        Metric::Utilization { pods, percent } => of_pods(pods, size, &Part::OfRequests(*percent)),
        Metric::OfPods { pods, average } => of_pods(pods, size, &Part::OfTarget(*average)),
        Metric::Whole { value, target, ready } => {
            let ratio = *value as f64 / *target as f64;
            let replicas = if size.asked == 0 {
                whole(ratio)
            } else if is_tolerable(ratio) {
                size.asked
            } else {
                whole(ratio * f64::from(*ready))
            };
            let (current, raw) = (*value, None);
            Ok(Found { replicas, current, raw })
        }
        Metric::PerPod { value, average } => {
            // held against the pods that are there: in an update they may be more than was asked for
            let ratio = *value as f64 / (*average as f64 * f64::from(size.there));
            let replicas = if is_tolerable(ratio) {
                size.there
            } else {
                whole(*value as f64 / *average as f64)
            };
            let current = (*value as f64 / f64::from(size.there.max(1))).ceil() as i64;
            Ok(Found {
                replicas,
                current,
                raw: None,
            })
        }
    }
}

/// The number to ask for, of what the metrics recommend, and what kept it from being that.
pub fn bounded(
    recommended: i32,
    asked: i32,
    rules: &Rules,
    before: &mut Recommendations,
    now: DateTime<Utc>,
) -> (i32, Limit) {
    let steady = before.steady(recommended, asked, rules.behavior, now);
    let at_once = match rules.behavior {
        Behavior::Default => asked.saturating_mul(2).max(4),
        Behavior::Windows { .. } => asked.saturating_mul(2).max(asked.saturating_add(4)),
    };
    if steady < rules.min {
        (rules.min, Limit::BelowMin)
    } else if steady > rules.max.min(at_once) {
        let limit = if rules.max > at_once {
            Limit::TooFast
        } else {
            Limit::AboveMax
        };
        (rules.max.min(at_once), limit)
    } else {
        (steady, Limit::None)
    }
}

impl Recommendations {
    /// Begins with the size that was found.
    pub fn starting(asked: i32, now: DateTime<Utc>) -> Self {
        Recommendations(vec![(now, asked)])
    }

    fn steady(&mut self, recommended: i32, asked: i32, behavior: Behavior, now: DateTime<Utc>) -> i32 {
        let (up, down) = match behavior {
            Behavior::Default => (TimeDelta::zero(), FIVE_MINUTES),
            Behavior::Windows { up, down } => (up, down),
        };
        let within = |window: TimeDelta| {
            let recent = self.0.iter().filter(move |(at, _)| *at > now - window);
            recent.map(|(_, replicas)| *replicas).chain([recommended])
        };
        let highest = within(down).max().unwrap_or(recommended);
        let lowest = within(up).min().unwrap_or(recommended);
        self.0.retain(|(at, _)| *at > now - up.max(down));
        self.0.push((now, recommended));
        match behavior {
            Behavior::Default => highest,
            Behavior::Windows { .. } => asked.max(lowest).min(highest),
        }
    }
}

/// What usage is held against.
enum Part {
    /// Percent of the requests of the pods that count.
    OfRequests(i64),
    OfTarget(i64),
}

/// What usage there is.
struct Usage {
    ratio: f64,
    current: i64,
    raw: Option<i64>,
}

fn of_pods(pods: &[Pod], size: Size, part: &Part) -> Result<Found, &'static str> {
    if pods.is_empty() {
        return Err("no pods returned by selector while calculating replica count");
    }
    let with = |standing| pods.iter().filter(move |pod| pod.standing == standing);
    let counted: Vec<Pod> = with(Standing::Counts).cloned().collect();
    let usage = part.usage(&counted)?;
    let stay = Ok(Found {
        replicas: size.asked,
        current: usage.current,
        raw: usage.raw,
    });
    let (rises, falls) = (usage.ratio > 1.0, usage.ratio < 1.0);
    let unready: Vec<Pod> = with(Standing::Unready).filter(|_| rises).cloned().collect();
    let missing: Vec<Pod> = with(Standing::Missing).cloned().collect();
    if unready.is_empty() && missing.is_empty() {
        return if is_tolerable(usage.ratio) {
            stay
        } else {
            let replicas = whole(usage.ratio * counted.len() as f64);
            stay.map(|found| Found { replicas, ..found })
        };
    }
    // Of what is not known the worst is assumed: idle when more pods are to come, busy when some are to go.
    let supposed = missing.into_iter().filter(|_| rises || falls).map(|pod| Pod {
        used: if rises { 0 } else { part.all_of(&pod) },
        ..pod
    });
    let idle = unready.into_iter().map(|pod| Pod { used: 0, ..pod });
    let considered: Vec<Pod> = counted.into_iter().chain(supposed).chain(idle).collect();
    let ratio = part.usage(&considered)?.ratio;
    let replicas = whole(ratio * considered.len() as f64);
    let turns = (falls && ratio > 1.0) || (rises && ratio < 1.0);
    let overshoots = (ratio < 1.0 && replicas > size.asked) || (ratio > 1.0 && replicas < size.asked);
    if is_tolerable(ratio) || turns || overshoots {
        return stay;
    }
    stay.map(|found| Found { replicas, ..found })
}

impl Part {
    /// Whole percents and whole thousandths, as the original reckons.
    fn usage(&self, pods: &[Pod]) -> Result<Usage, &'static str> {
        let count = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        if count == 0 {
            return Err("did not receive metrics for targeted pods (pods might be unready)");
        }
        let total: i64 = pods.iter().map(|pod| pod.used).sum();
        match self {
            Part::OfTarget(target) => {
                let current = total / count;
                let ratio = current as f64 / *target as f64;
                Ok(Usage {
                    ratio,
                    current,
                    raw: None,
                })
            }
            Part::OfRequests(percent) => {
                let requested: i64 = pods.iter().map(|pod| pod.requested).sum();
                if requested == 0 {
                    return Err("no metrics returned matched known pods");
                }
                let current = total * 100 / requested;
                let ratio = current as f64 / *percent as f64;
                let raw = Some(total / count);
                Ok(Usage { ratio, current, raw })
            }
        }
    }

    /// What a pod uses that is taken for busy.
    fn all_of(&self, pod: &Pod) -> i64 {
        match self {
            Part::OfTarget(target) => *target,
            Part::OfRequests(percent) => pod.requested * percent.max(&100) / 100,
        }
    }
}

fn is_tolerable(ratio: f64) -> bool {
    (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio)
}

/// Pods come whole: rounded up.
fn whole(replicas: f64) -> i32 {
    replicas.ceil() as i32
}

#[cfg(test)]
mod tests;
