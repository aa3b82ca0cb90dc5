//! Numbers of the Kubernetes documentation ("Horizontal Pod Autoscaling"), and of what it says about pods that are not
//! ready, missing metrics and stabilization.

use super::*;
use Standing::{Counts, Missing, Unready};

fn size(asked: i32) -> Size {
    Size { asked, there: asked }
}

/// Pods by their standing and what they use.
type Each = Vec<(Standing, i64)>;

/// Pods that request 200m each.
fn pods(each: &[(Standing, i64)]) -> Vec<Pod> {
    let pod = |(standing, used): &(Standing, i64)| Pod {
        standing: *standing,
        used: *used,
        requested: 200,
    };
    each.iter().map(pod).collect()
}

fn replicas(metric: &Metric<'_>, size: Size) -> Result<i32, &'static str> {
    recommended(metric, size).map(|found| found.replicas)
}

#[test]
fn a_resource_follows_the_ratio_of_current_to_desired() {
    // (what, pods, target average, asked, wanted)
    let table: [(&str, Each, i64, i32, i32); 12] = [
        // "if the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled"
        ("200m for 100m", vec![(Counts, 200); 3], 100, 3, 6),
        // "if the current value is instead 50m, you'll halve the number of replicas"
        ("50m for 100m", vec![(Counts, 50); 4], 100, 4, 2),
        // "skips any scaling action if the ratio is sufficiently close to 1.0 (within ... 0.1 by default)"
        ("110m for 100m", vec![(Counts, 110); 10], 100, 10, 10),
        ("90m for 100m", vec![(Counts, 90); 10], 100, 10, 10),
        ("111m for 100m", vec![(Counts, 111); 10], 100, 10, 12),
        ("89m for 100m", vec![(Counts, 89); 10], 100, 10, 9),
        // within the tolerance what was asked for stays, however many pods there are
        ("13 pods of 10", vec![(Counts, 95); 13], 100, 10, 10),
        // an unready pod is set aside, and counts as idle when pods are to come
        (
            "one unready, falling",
            vec![(Counts, 50), (Counts, 50), (Unready, 0)],
            100,
            3,
            1,
        ),
        (
            "one unready, rising",
            vec![(Counts, 200), (Counts, 200), (Unready, 150)],
            100,
            3,
            4,
        ),
        // "if the new ratio reverses the scale direction, or is within the tolerance, the controller doesn't take any
        // scaling action"
        (
            "unready pods take the reason away",
            vec![(Counts, 150), (Unready, 0)],
            100,
            2,
            2,
        ),
        // "assumes those pods were consuming 100% of the desired value in case of a scale down, and 0% in case of a
        // scale up"
        (
            "one missing, falling",
            vec![(Counts, 20), (Counts, 20), (Missing, 0)],
            100,
            3,
            2,
        ),
        (
            "one missing, rising",
            vec![(Counts, 300), (Counts, 300), (Missing, 0)],
            100,
            3,
            6,
        ),
    ];
    for (what, each, average, asked, wanted) in table {
        let pods = pods(&each);
        let metric = Metric::OfPods { pods: &pods, average };
        assert_eq!(replicas(&metric, size(asked)), Ok(wanted), "{what}");
    }
}

#[test]
fn a_utilization_is_a_percentage_of_the_requests() {
    let table: [(&str, Each, i64, i32, i32, i64); 5] = [
        // the walkthrough: 305 % of 50 % with 1 pod wants 7
        ("the walkthrough", vec![(Counts, 610)], 50, 1, 7, 305),
        ("at the target", vec![(Counts, 100); 10], 50, 10, 10, 50),
        // the same work on 11 pods: 45 % is 0.9 of the target, which is near enough
        ("one pod more", vec![(Counts, 90); 11], 50, 10, 10, 45),
        // on 13 pods it is not, and 13 x 38/50 are ten pods again
        ("three pods more", vec![(Counts, 76); 13], 50, 10, 10, 38),
        // a pod without metrics is taken for fully used: (2 x 20 + 200) of 600 are 40 %
        (
            "one missing",
            vec![(Counts, 20), (Counts, 20), (Missing, 0)],
            50,
            3,
            3,
            10,
        ),
    ];
    for (what, each, percent, asked, wanted, current) in table {
        let pods = pods(&each);
        let metric = Metric::Utilization { pods: &pods, percent };
        let found = recommended(&metric, size(asked)).expect(what);
        assert_eq!((found.replicas, found.current), (wanted, current), "{what}");
    }
}

#[test]
fn a_value_of_the_whole_and_a_value_per_pod() {
    let whole = |value, target, ready| Metric::Whole { value, target, ready };
    let per_pod = |value, average| Metric::PerPod { value, average };
    let sized = |asked, there| Size { asked, there };
    let table = [
        // twice the value: twice the pods that are ready
        (whole(20_000, 10_000, 3), size(3), 6),
        (whole(10_500, 10_000, 3), size(3), 3),
        (whole(20_000, 10_000, 13), sized(10, 13), 26),
        (whole(30_000, 10_000, 0), size(0), 3),
        // so many as the value needs, whatever there is
        (per_pod(100_000, 10_000), size(3), 10),
        (per_pod(101_000, 10_000), size(3), 11),
        (per_pod(100_000, 10_000), sized(10, 13), 10),
        // near enough to what is there: what is there in an update is taken for what is wanted
        (per_pod(100_000, 10_000), sized(10, 11), 11),
    ];
    for (metric, size, wanted) in table {
        assert_eq!(replicas(&metric, size), Ok(wanted), "{metric:?} {size:?}");
    }
}

#[test]
fn nothing_is_said_where_nothing_is_known() {
    let none = replicas(
        &Metric::OfPods {
            pods: &[],
            average: 100,
        },
        size(3),
    );
    assert_eq!(
        none,
        Err("no pods returned by selector while calculating replica count")
    );
    let unready = pods(&[(Unready, 0), (Missing, 0)]);
    let metric = Metric::Utilization {
        pods: &unready,
        percent: 50,
    };
    let why = "did not receive metrics for targeted pods (pods might be unready)";
    assert_eq!(replicas(&metric, size(3)), Err(why));
}

#[test]
fn it_goes_up_at_once_and_down_when_it_is_sure() {
    let windows = |up, down| Behavior::Windows {
        up: TimeDelta::seconds(up),
        down: TimeDelta::seconds(down),
    };
    // (behavior, second, recommended, asked, wanted)
    let table = [
        (
            Behavior::Default,
            // down after five minutes, to the highest of them; up by no more than twice as many, or to 4
            vec![
                (0, 10, 10, 10, Limit::None),
                (15, 2, 10, 10, Limit::None),
                (30, 6, 10, 10, Limit::None),
                (300, 2, 10, 6, Limit::None),
                (330, 2, 6, 2, Limit::None),
                (345, 100, 2, 4, Limit::TooFast),
                (360, 100, 4, 8, Limit::TooFast),
                (375, 100, 8, 12, Limit::AboveMax),
                (2000, 0, 12, 1, Limit::BelowMin),
            ],
        ),
        (
            windows(0, 0),
            vec![
                (0, 10, 10, 10, Limit::None),
                (15, 2, 10, 2, Limit::None),
                (30, 9, 2, 6, Limit::TooFast),
            ],
        ),
        (
            windows(60, 30),
            // up only when it was wanted for a minute, down when it was for half a minute
            vec![
                (0, 4, 4, 4, Limit::None),
                (15, 6, 4, 4, Limit::None),
                (60, 7, 4, 6, Limit::None),
                (80, 2, 6, 6, Limit::None),
                (91, 2, 6, 2, Limit::None),
            ],
        ),
    ];
    for (behavior, looks) in table {
        let rules = Rules {
            min: 1,
            max: 12,
            behavior,
        };
        let start = DateTime::UNIX_EPOCH;
        let mut before = Recommendations::default();
        for (second, recommended, asked, wanted, limit) in looks {
            let now = start + TimeDelta::seconds(second);
            let got = bounded(recommended, asked, &rules, &mut before, now);
            assert_eq!(got, (wanted, limit), "{behavior:?} at {second} s");
        }
    }
    let now = DateTime::UNIX_EPOCH;
    let mut found = Recommendations::starting(5, now);
    let rules = Rules {
        min: 1,
        max: 12,
        behavior: Behavior::Default,
    };
    assert_eq!(
        bounded(1, 5, &rules, &mut found, now + TimeDelta::seconds(15)),
        (5, Limit::None),
        "the size it was found with counts as recommended"
    );
}
