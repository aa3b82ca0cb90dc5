use super::*;
use proptest::strategy::Strategy as _;
use serde_json::{Value as Json, json};

/// What a condition comes to, in words.
fn ask(condition: &str, value: &Measured) -> String {
    let noon = DateTime::from_timestamp(1_700_000_000, 0).expect("an instant");
    holds(condition, value, noon).map_or_else(|why| why, |answer| answer.to_string())
}

fn check(table: &[(&str, Json, &str)]) {
    for (condition, result, want) in table {
        assert_eq!(
            ask(condition, &Measured::Json(result.clone())),
            *want,
            "{condition} of {result}"
        );
    }
}

#[test]
fn what_people_write() {
    check(&[
        ("result[0] >= 0.95", json!([0.97]), "true"),
        (
            "result[0] >= 0.95",
            json!([]),
            "index out of range: 0 (array length is 0)",
        ),
        ("len(result) == 0 || result[0] > 0.9", json!([]), "true"),
        ("all(result, {# > 0.4})", json!([0.5, 0.3]), "false"),
        ("all(result, # > 0.4)", json!([0.5]), "true"),
        (
            "any(result.list, .v == 2)",
            json!({"list": [{"v": 1}, {"v": 2}]}),
            "true",
        ),
        (
            "result.ok && result.rate in 90..100",
            json!({"ok": true, "rate": 95}),
            "true",
        ),
        ("result == 'It worked!'", json!("It worked!"), "true"),
        (
            "asFloat(result) > 2 and asInt(default(result, 0)) < 4",
            json!("3"),
            "true",
        ),
        ("isNil(result) ? true : result.missing == nil", json!({}), "true"),
        ("result?.data?.ok ?? false", json!({}), "false"),
        ("0 < result < 1", json!(0.5), "true"),
        ("let half = result / 2; half * 2 == result", json!(3), "true"),
        ("result | filter(# > 1) | len() == 2", json!([1, 2, 3]), "true"),
        ("'b' not in result", json!(["a"]), "true"),
        ("now() - date('2023-11-14') < duration('24h')", json!(0), "true"),
        ("now().Weekday().String() == 'Tuesday'", json!(0), "true"),
    ]);
}

#[test]
fn what_does_not_fit_is_an_error_before_anything_is_evaluated() {
    check(&[
        ("true || result.foo", json!(1), "type float64 has no field foo"),
        (
            "result != 'a'",
            json!(1),
            "invalid operation: != (mismatched types float64 and string)",
        ),
        ("isNil(result) || result.foo", json!(null), "type nil has no field foo"),
        (
            "result % 2 == 0",
            json!(4),
            "invalid operation: % (mismatched types float64 and int)",
        ),
        ("result ==", json!(1), "unexpected token EOF"),
        ("1 == 1 or1 == 2", json!(1), "unexpected token Identifier(\"or1\")"),
        (
            "result and 1",
            json!(true),
            "invalid operation: && (mismatched types bool and int)",
        ),
        ("unknown == 1", json!(1), "unknown name unknown"),
        ("result", json!(1), "expected bool, but got float64"),
        ("result[0] == 1", json!("text"), "type string[int] is undefined"),
        (
            "any(result, 1)",
            json!([1]),
            "predicate should return boolean (got int)",
        ),
        ("let result = 1; true", json!(1), "cannot redeclare result"),
    ]);
}

#[test]
fn what_could_be_misread_is_refused() {
    check(&[
        (
            "result[5] != 1",
            json!([1]),
            "index out of range: 5 (array length is 1)",
        ),
        ("result[0] % 2 == 0", json!([4]), "invalid operation: float64 % int"),
        ("result[0] > 'a'", json!([4]), "invalid operation: float64 > string"),
        ("toJSON(result) != ''", json!(1), "toJSON is not supported"),
        (
            "timezone('Local') != timezone('UTC')",
            json!(1),
            "the time zone Local is not supported",
        ),
        ("len(1..2000000) > 1", json!(1), "memory budget exceeded"),
        (
            "any(1..900000, {any(1..900000, {false})})",
            json!(1),
            "the condition takes too long",
        ),
    ]);
}

#[test]
fn no_condition_exhausts_the_stack() {
    let deep = "compilation failed: expression exceeds maximum allowed nodes";
    for condition in [
        format!("{}true{}", "(".repeat(5000), ")".repeat(5000)),
        format!("{}true", "!".repeat(5000)),
        format!("true{}", " && true".repeat(5000)),
        format!("result{} == nil", ".a".repeat(5000)),
        format!("[{}]", "[".repeat(5000)),
    ] {
        assert_eq!(ask(&condition, &Measured::Json(json!({}))), deep);
    }
    // As deep as it may be, in every way at once.
    let inner = format!("result{}", ".a".repeat(90));
    let nested = format!("{}{inner} == nil{}", "(".repeat(20), ")".repeat(20));
    let each = format!("{}{nested}{}", "any([1], {".repeat(9), "})".repeat(9));
    let worst = format!("{each}{}", " && true".repeat(90));
    assert_eq!(ask(&worst, &Measured::Json(json!({}))), "cannot fetch a from <nil>");
}

#[test]
fn floats_that_json_has_not() {
    let table = [
        ("isNaN(result)", Measured::Number(f64::NAN), "true"),
        ("result < 1 || result >= 1", Measured::Number(f64::NAN), "false"),
        ("isInf(result)", Measured::Number(f64::NEG_INFINITY), "true"),
        ("isNaN(result[1])", Measured::Numbers(vec![1.0, f64::NAN]), "true"),
        (
            "result[0] != 'a'",
            Measured::Numbers(vec![1.0]),
            "invalid operation: != (mismatched types float64 and string)",
        ),
    ];
    for (condition, value, want) in table {
        assert_eq!(ask(condition, &value), want, "{condition} of {value}");
    }
}

#[test]
fn phases() {
    let (above, below) = ("result > 1", "result < 5");
    let table = [
        ("", "", 3, "Successful"),
        (above, "", 3, "Successful"),
        (above, "", 0, "Failed"),
        ("", below, 3, "Failed"),
        ("", below, 9, "Successful"),
        (above, below, 3, "Failed"),
        ("result > 4", "result < 2", 3, "Inconclusive"),
    ];
    for (success, failure, value, want) in table {
        let metric = Metric {
            success_condition: success.to_owned(),
            failure_condition: failure.to_owned(),
            ..Metric::default()
        };
        let phase = judge(&metric, &Measured::Json(json!(value)), DateTime::UNIX_EPOCH);
        assert_eq!(phase.map(Phase::as_str), Ok(want), "{success} / {failure} of {value}");
    }
}

#[test]
fn errors_name_the_condition() {
    let table = [
        (
            json!([]),
            "could not evaluate successCondition \"result[0] > 1\": metric result is nil or empty: no data returned from the metric provider",
        ),
        (
            json!({}),
            "could not evaluate successCondition \"result[0] > 1\": cannot use int to get an element from map[string]interface {}",
        ),
    ];
    let metric = Metric {
        success_condition: "result[0] > 1".to_owned(),
        ..Metric::default()
    };
    for (value, want) in table {
        let phase = judge(&metric, &Measured::Json(value), DateTime::UNIX_EPOCH);
        assert_eq!(phase, Err(want.to_owned()));
    }
}

/// Text of the kind that people mistype.
fn gibberish() -> impl proptest::strategy::Strategy<Value = String> {
    let words = [
        "result",
        "result[0]",
        ".a",
        "?.",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "#",
        "#index",
        "#acc",
        ",",
        ";",
        ":",
        "?",
        "??",
        "not",
        "in",
        "and",
        "or",
        "if",
        "else",
        "let",
        "x",
        "=",
        "==",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "..",
        "|",
        "1",
        "0",
        "-1",
        "2.5",
        "9223372036854775807",
        "'a'",
        "\"\"",
        "nil",
        "true",
        "false",
        "len(",
        "any(",
        "map(",
        "reduce(",
        "sortBy(",
        "groupBy(",
        "default(",
        "asInt(",
        "now()",
        "duration('1h')",
        "date('2026-01-01')",
        "é",
        "\\",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 1..24).prop_map(|words| words.join(" "))
}

proptest::proptest! {
    #[test]
    fn nothing_panics(condition in gibberish()) {
        for result in [json!(null), json!(1.5), json!("é"), json!([1, "a", null]), json!({"a": {"a": []}})] {
            let _ = ask(&condition, &Measured::Json(result));
        }
    }
}
