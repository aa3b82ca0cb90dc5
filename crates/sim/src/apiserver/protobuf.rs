//! Which object a protobuf body holds: kubectl's imperative commands (`kubectl create namespace x`) speak nothing else.
//!
//! Field numbers are those of `k8s.io/api/*/generated.proto`. Only what those commands can set is known here; a body
//! that holds anything more is refused rather than cut short.

use super::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

pub(super) const MEDIA: &str = "application/vnd.kubernetes.protobuf";

/// The object in a body of the server's own envelope (`k8s\0` and a `runtime.Unknown`).
pub(super) fn decode(body: &[u8]) -> Result<Value, Refusal> {
    let refuse = |why: &str| Refusal::unsupported_media_type(&format!("application/json ({why})"));
    let envelope = body
        .strip_prefix(b"k8s\0")
        .ok_or_else(|| refuse("this is not the protobuf envelope"))?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, wire) in fields(envelope).ok_or_else(|| refuse("the protobuf body is broken"))? {
        match number {
            1 => {
                for (number, wire) in fields(wire.bytes()).unwrap_or_default() {
                    let part = if number == 1 { &mut api_version } else { &mut kind };
                    *part = String::from_utf8_lossy(wire.bytes()).into_owned();
                }
            }
            2 => raw = wire.bytes(),
            _ => {}
        }
    }
    let message = message(&kind).ok_or_else(|| refuse(&format!("protobuf is not read for {kind}")))?;
    let mut object = read(message, raw).map_err(|why| refuse(&format!("protobuf of {kind}: {why}")))?;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    Ok(object)
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn number(&self) -> i64 {
        match self {
            // Negative numbers are written in two's complement.
            Wire::Number(number) => number.cast_signed(),
            Wire::Bytes(_) => 0,
        }
    }

    fn bytes(&self) -> &'a [u8] {
        match self {
            Wire::Number(_) => &[],
            Wire::Bytes(bytes) => bytes,
        }
    }
}

/// The fields of a message, in order; None if it is no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Number(varint(&mut bytes)?),
            1 => Wire::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Wire::Bytes(take(&mut bytes, length)?)
            }
            5 => Wire::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        found.push((tag >> 3, value));
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

/// How a field is written in JSON.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// A number that is there even when it is 0.
    Count,
    /// A number that is left out when it is 0.
    Number,
    Truth,
    TextMap,
    BytesMap,
    /// `intstr.IntOrString`.
    Either,
    One(&'static Message),
    Many(&'static Message),
    Texts,
}

type Message = [(u64, &'static str, Form)];

fn read(message: &Message, bytes: &[u8]) -> Result<Value, String> {
    let mut object = Map::new();
    for (number, wire) in fields(bytes).ok_or("it is broken")? {
        let Some((_, name, form)) = message.iter().find(|(known, _, _)| *known == number) else {
            if is_blank(&wire) {
                continue;
            }
            return Err(format!("field {number} is not known here"));
        };
        let bytes = wire.bytes();
        match form {
            Form::Text if bytes.is_empty() => {}
            Form::Number | Form::Truth if wire.number() == 0 => {}
            Form::Text => drop(object.insert((*name).into(), text_of(bytes))),
            Form::Count | Form::Number => drop(object.insert((*name).into(), wire.number().into())),
            Form::Truth => drop(object.insert((*name).into(), true.into())),
            Form::One(of) => drop(object.insert((*name).into(), read(of, bytes)?)),
            Form::Either => {
                let either = read(EITHER, bytes)?;
                let value = if either["type"] == 1 {
                    &either["text"]
                } else {
                    &either["number"]
                };
                object.insert((*name).into(), value.clone());
            }
            Form::Texts => push(&mut object, name, text_of(bytes)),
            Form::Many(of) => push(&mut object, name, read(of, bytes)?),
            Form::TextMap => {
                let (key, value) = entry(bytes)?;
                object.entry(*name).or_insert_with(|| json!({}))[key] = text_of(value);
            }
            Form::BytesMap => {
                let (key, value) = entry(bytes)?;
                object.entry(*name).or_insert_with(|| json!({}))[key] = STANDARD.encode(value).into();
            }
        }
    }
    Ok(Value::Object(object))
}

fn push(object: &mut Map<String, Value>, name: &str, item: Value) {
    if let Value::Array(items) = object.entry(name).or_insert_with(|| json!([])) {
        items.push(item);
    }
}

/// One entry of a map.
fn entry(bytes: &[u8]) -> Result<(String, &[u8]), String> {
    let (mut key, mut value) = (&[][..], &[][..]);
    for (number, wire) in fields(bytes).ok_or("it is broken")? {
        let part = if number == 1 { &mut key } else { &mut value };
        *part = wire.bytes();
    }
    Ok((String::from_utf8_lossy(key).into_owned(), value))
}

fn text_of(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// Go writes fields that nobody set as 0, as empty, or as messages of nothing but such fields.
fn is_blank(wire: &Wire<'_>) -> bool {
    match wire {
        Wire::Number(number) => *number == 0,
        Wire::Bytes(bytes) => {
            bytes.is_empty() || fields(bytes).is_some_and(|fields| fields.iter().all(|(_, wire)| is_blank(wire)))
        }
    }
}

fn message(kind: &str) -> Option<&'static Message> {
    Some(match kind {
        "ConfigMap" => CONFIG_MAP,
        "Deployment" => DEPLOYMENT,
        "Job" => JOB,
        "Namespace" | "ServiceAccount" => ONLY_METADATA,
        "Secret" => SECRET,
        "Service" => SERVICE,
        _ => return None,
    })
}

const METADATA: &Message = &[
    (1, "name", Form::Text),
    (2, "generateName", Form::Text),
    (3, "namespace", Form::Text),
    (11, "labels", Form::TextMap),
    (12, "annotations", Form::TextMap),
];
const ONLY_METADATA: &Message = &[(1, "metadata", Form::One(METADATA))];
const CONFIG_MAP: &Message = &[
    (1, "metadata", Form::One(METADATA)),
    (2, "data", Form::TextMap),
    (3, "binaryData", Form::BytesMap),
    (4, "immutable", Form::Truth),
];
const SECRET: &Message = &[
    (1, "metadata", Form::One(METADATA)),
    (2, "data", Form::BytesMap),
    (3, "type", Form::Text),
    (4, "stringData", Form::TextMap),
    (5, "immutable", Form::Truth),
];
const SELECTOR: &Message = &[(1, "matchLabels", Form::TextMap)];
const CONTAINER_PORT: &Message = &[
    (1, "name", Form::Text),
    (2, "hostPort", Form::Number),
    (3, "containerPort", Form::Number),
    (4, "protocol", Form::Text),
];
const CONTAINER: &Message = &[
    (1, "name", Form::Text),
    (2, "image", Form::Text),
    (3, "command", Form::Texts),
    (4, "args", Form::Texts),
    (6, "ports", Form::Many(CONTAINER_PORT)),
    (
        7,
        "env",
        Form::Many(&[(1, "name", Form::Text), (2, "value", Form::Text)]),
    ),
];
const POD_SPEC: &Message = &[
    (2, "containers", Form::Many(CONTAINER)),
    (3, "restartPolicy", Form::Text),
    (8, "serviceAccountName", Form::Text),
    (9, "serviceAccount", Form::Text),
];
const TEMPLATE: &Message = &[(1, "metadata", Form::One(METADATA)), (2, "spec", Form::One(POD_SPEC))];
const DEPLOYMENT: &Message = &[
    (1, "metadata", Form::One(METADATA)),
    (
        2,
        "spec",
        Form::One(&[
            (1, "replicas", Form::Count),
            (2, "selector", Form::One(SELECTOR)),
            (3, "template", Form::One(TEMPLATE)),
        ]),
    ),
];
const JOB: &Message = &[
    (1, "metadata", Form::One(METADATA)),
    (
        2,
        "spec",
        Form::One(&[
            (1, "parallelism", Form::Count),
            (2, "completions", Form::Count),
            (6, "template", Form::One(TEMPLATE)),
            (7, "backoffLimit", Form::Count),
        ]),
    ),
];
const EITHER: &Message = &[
    (1, "type", Form::Count),
    (2, "number", Form::Count),
    (3, "text", Form::Text),
];
const SERVICE_PORT: &Message = &[
    (1, "name", Form::Text),
    (2, "protocol", Form::Text),
    (3, "port", Form::Number),
    (4, "targetPort", Form::Either),
    (5, "nodePort", Form::Number),
];
const SERVICE: &Message = &[
    (1, "metadata", Form::One(METADATA)),
    (
        2,
        "spec",
        Form::One(&[
            (1, "ports", Form::Many(SERVICE_PORT)),
            (2, "selector", Form::TextMap),
            (3, "clusterIP", Form::Text),
            (4, "type", Form::Text),
            (10, "externalName", Form::Text),
        ]),
    ),
];
