//! Objects that are not as they should be, made from sound ones by a seeded choice of what to spoil; and what each means.
//!
//! Two tables are the oracle, written from wire-contract 1 and 7.7 and not from our decoder: which fields have which type,
//! and which values of the right type are wrong all the same.

mod values;

use serde_json::{Map, Value, json};
use sim::Rng;

use super::super::canary;

/// A Rollout that somebody got wrong.
pub(in super::super) struct Malformed {
    /// What was spoilt.
    pub(in super::super) why: String,
    pub(in super::super) object: Value,
    pub(in super::super) meant: Meant,
}

/// What a spoilt Rollout means by the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Meant {
    /// It is invalid, and the message names one of these fields.
    Invalid(Vec<String>),
    /// It is right all the same.
    Sound,
}

/// `count` different ones, named `bad-0`, `bad-1` and so on.
pub(in super::super) fn rollouts(seed: u64, count: usize) -> Vec<Malformed> {
    let mut rng = Rng::new(seed);
    let mut spoils: Vec<Spoil> = FIELDS.iter().flat_map(|field| field.spoils()).collect();
    spoils.extend(values::values());
    let singles: Vec<Vec<Spoil>> = spoils.iter().map(|spoil| vec![spoil.clone()]).collect();
    // What is wrong in several places is invalid for one of them.
    let several = std::iter::repeat_with(|| {
        let wrong: Vec<Spoil> = spoils
            .iter()
            .filter(|spoil| !spoil.fields.is_empty())
            .cloned()
            .collect();
        let some = 2 + rng.below(3);
        (0..some).filter_map(|_| rng.pick(&wrong).cloned()).collect::<Vec<_>>()
    });
    let all = singles.into_iter().chain(several).take(count).enumerate();
    all.map(|(number, spoils)| malformed(&format!("bad-{number}"), &spoils))
        .collect()
}

fn malformed(name: &str, spoils: &[Spoil]) -> Malformed {
    let mut object = sound(name);
    for spoil in spoils {
        put(&mut object, &spoil.path, spoil.value.clone());
    }
    let fields: Vec<String> = spoils.iter().flat_map(|spoil| spoil.fields.clone()).collect();
    let short = |spoil: &Spoil| {
        let value = spoil.value.as_ref().map_or("absent".to_owned(), Value::to_string);
        let value: String = value.chars().take(60).collect();
        format!("{} = {value}", spoil.path.replace('/', "."))
    };
    Malformed {
        why: spoils.iter().map(short).collect::<Vec<_>>().join(" and "),
        object,
        meant: if fields.is_empty() {
            Meant::Sound
        } else {
            Meant::Invalid(fields)
        },
    }
}

/// A sound Rollout that says something in most places.
pub(super) fn sound(name: &str) -> Value {
    let mut rollout = canary(
        name,
        1,
        json!([{"setWeight": 20}, {"pause": {"duration": 1}}, {"setWeight": 60}]),
    );
    rollout["spec"]["minReadySeconds"] = json!(0);
    rollout["spec"]["rollbackWindow"] = json!({"revisions": 2});
    rollout["spec"]["revisionHistoryLimit"] = json!(3);
    rollout["spec"]["progressDeadlineSeconds"] = json!(300);
    rollout["spec"]["analysis"] = json!({"successfulRunHistoryLimit": 2, "unsuccessfulRunHistoryLimit": 2});
    let canary = &mut rollout["spec"]["strategy"]["canary"];
    canary["maxSurge"] = json!("25%");
    canary["maxUnavailable"] = json!(0);
    canary["canaryMetadata"] = json!({"labels": {"role": "canary"}, "annotations": {"note": "new"}});
    canary["stableMetadata"] = json!({"labels": {"role": "stable"}});
    rollout
}

/// One place, what is put there, and the fields that a message about it may name; none: it is right all the same.
#[derive(Clone)]
struct Spoil {
    /// A JSON pointer; the last part may be new.
    path: String,
    /// `None`: it is taken away.
    value: Option<Value>,
    fields: Vec<String>,
}

/// Objects like this one, each with a value of another type in one of these fields.
pub(super) fn spoilt(sound: &Value, fields: &[(&str, Type)]) -> Vec<Value> {
    let spoils = fields
        .iter()
        .flat_map(|(path, is)| others(*is).into_iter().map(move |value| (*path, value)));
    let spoilt = spoils.map(|(path, value)| {
        let mut object = sound.clone();
        put(&mut object, path, Some(value));
        object
    });
    spoilt.collect()
}

/// A field and its type.
struct Field(&'static str, Type);

#[derive(Clone, Copy)]
pub(super) enum Type {
    Int,
    Amount,
    Text,
    Flag,
    Object,
    List,
    Texts,
    Time,
}

const FIELDS: &[Field] = &[
    Field("/spec/replicas", Type::Int),
    Field("/spec/minReadySeconds", Type::Int),
    Field("/spec/revisionHistoryLimit", Type::Int),
    Field("/spec/progressDeadlineSeconds", Type::Int),
    Field("/spec/progressDeadlineAbort", Type::Flag),
    Field("/spec/paused", Type::Flag),
    Field("/spec/restartAt", Type::Time),
    Field("/spec/rollbackWindow", Type::Object),
    Field("/spec/rollbackWindow/revisions", Type::Int),
    Field("/spec/analysis", Type::Object),
    Field("/spec/analysis/successfulRunHistoryLimit", Type::Int),
    Field("/spec/analysis/unsuccessfulRunHistoryLimit", Type::Int),
    Field("/spec/selector", Type::Object),
    Field("/spec/selector/matchLabels", Type::Texts),
    Field("/spec/selector/matchExpressions", Type::List),
    Field("/spec/strategy", Type::Object),
    Field("/spec/strategy/canary", Type::Object),
    Field("/spec/strategy/blueGreen", Type::Object),
    Field("/spec/strategy/canary/canaryService", Type::Text),
    Field("/spec/strategy/canary/stableService", Type::Text),
    Field("/spec/strategy/canary/maxSurge", Type::Amount),
    Field("/spec/strategy/canary/maxUnavailable", Type::Amount),
    Field("/spec/strategy/canary/steps", Type::List),
    Field("/spec/strategy/canary/steps/0", Type::Object),
    Field("/spec/strategy/canary/steps/0/setWeight", Type::Int),
    Field("/spec/strategy/canary/steps/1/pause", Type::Object),
    Field("/spec/strategy/canary/steps/1/pause/duration", Type::Amount),
    Field("/spec/strategy/canary/analysis", Type::Object),
    Field("/spec/strategy/canary/antiAffinity", Type::Object),
    Field("/spec/strategy/canary/canaryMetadata", Type::Object),
    Field("/spec/strategy/canary/canaryMetadata/labels", Type::Texts),
    Field("/spec/strategy/canary/canaryMetadata/annotations", Type::Texts),
    Field("/spec/strategy/canary/trafficRouting", Type::Object),
    Field("/spec/strategy/canary/dynamicStableScale", Type::Flag),
    Field("/spec/strategy/canary/scaleDownDelaySeconds", Type::Int),
    Field("/spec/strategy/canary/abortScaleDownDelaySeconds", Type::Int),
    Field("/spec/strategy/canary/minPodsPerReplicaSet", Type::Int),
    Field("/spec/strategy/canary/replicaProgressThreshold", Type::Object),
    Field("/spec/workloadRef", Type::Object),
];

impl Field {
    /// The field with values of every other type.
    fn spoils(&self) -> Vec<Spoil> {
        let Field(path, is) = *self;
        let named = path.trim_start_matches('/').replace('/', ".");
        let named = named.replace("steps.0", "steps[0]").replace("steps.1", "steps[1]");
        let wrong = others(is).into_iter().map(|value| Spoil {
            path: path.to_owned(),
            value: Some(value),
            fields: vec![named.clone()],
        });
        wrong.collect()
    }
}

/// Values that a field of this type cannot have.
fn others(is: Type) -> Vec<Value> {
    let (text, number, flag, map) = (json!("many"), json!(7), json!(true), json!({"a": {"b": 1}}));
    let (half, huge, list) = (json!(1.5), json!(1e30), json!([{"a": 1}]));
    match is {
        Type::Int => vec![
            text,
            json!("3"),
            flag,
            map,
            half,
            huge,
            list,
            json!(3_000_000_000_u64),
            json!(-9e18),
        ],
        Type::Amount => vec![flag, map, half, huge, list, json!(3_000_000_000_u64)],
        Type::Text => vec![number, flag, map, half, list],
        Type::Flag => vec![text, json!("true"), number, map, list],
        Type::Object => vec![text, number, flag, half],
        Type::List => vec![text, number, flag, map],
        Type::Texts => vec![
            text,
            number,
            list,
            json!({"app": 7}),
            json!({"app": true}),
            json!({"app": ["x"]}),
            json!({"app": {}}),
        ],
        Type::Time => vec![
            json!("soon"),
            json!(""),
            json!("2026-13-45T00:00:00Z"),
            number,
            flag,
            map,
        ],
    }
}

/// Puts a value at a path, of which all but the last part is there or made; `None` takes away what is there.
fn put(object: &mut Value, path: &str, value: Option<Value>) {
    let (parent, last) = path.rsplit_once('/').expect("a path");
    let mut place = object;
    for part in parent.split('/').skip(1) {
        place = match place {
            Value::Array(items) => match part.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                // Another spoil was here before.
                None => return,
            },
            Value::Object(object) => object.entry(part).or_insert_with(|| Value::Object(Map::new())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
    }
    match (place, value) {
        (Value::Object(object), Some(value)) => {
            object.insert(last.to_owned(), value);
        }
        (Value::Object(object), None) => {
            object.remove(last);
        }
        (Value::Array(items), Some(value)) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                *item = value;
            }
        }
        (Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {}
    }
}
