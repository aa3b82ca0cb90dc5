//! Where in a pod template quantities stand, by the table of its fields.

use serde_json::Value;

use super::fields::{Shape, Structs, Type};
use super::{go_json, pod_template_fields};

/// How a quantity stands.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Under a resource's name: requests, limits, overhead.
    List,
    /// In a field of its own.
    Alone,
}

/// Gives every quantity of a template another text; `None` takes it out.
pub(crate) fn rewrite_quantities(template: &mut Value, mut rewrite: impl FnMut(&str, Place) -> Option<String>) {
    visit(pod_template_fields(), "PodTemplateSpec", template, &mut rewrite);
}

type Rewrite<'a> = dyn FnMut(&str, Place) -> Option<String> + 'a;

fn visit(structs: &Structs, name: &str, value: &mut Value, rewrite: &mut Rewrite<'_>) {
    let Some(object) = value.as_object_mut() else { return };
    for field in structs.fields(name) {
        let Some(value) = object.get_mut(field.name) else {
            continue;
        };
        match (field.of, field.shape) {
            (Type::Scalar | Type::Raw, _) => {}
            (Type::Struct(of), Shape::One) => visit(structs, of, value, rewrite),
            (Type::Struct(of), Shape::List) => {
                value
                    .as_array_mut()
                    .into_iter()
                    .flatten()
                    .for_each(|item| visit(structs, of, item, rewrite));
            }
            (Type::Struct(of), Shape::Map) => {
                let entries = value.as_object_mut().into_iter().flat_map(|map| map.values_mut());
                entries.for_each(|entry| visit(structs, of, entry, rewrite));
            }
            (Type::Quantity, Shape::One | Shape::List) => {
                if !replaced(value, Place::Alone, rewrite) {
                    object.remove(field.name);
                }
            }
            (Type::Quantity, Shape::Map) => {
                if let Some(map) = value.as_object_mut() {
                    map.retain(|_, amount| replaced(amount, Place::List, rewrite));
                }
            }
        }
    }
}

/// False: to be taken out. A text that stays as it is keeps its JSON type.
fn replaced(amount: &mut Value, place: Place, rewrite: &mut Rewrite<'_>) -> bool {
    let text = match amount {
        Value::Null => return true,
        Value::String(text) => text.clone(),
        Value::Number(number) => go_json::number(number),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return false,
    };
    match rewrite(&text, place) {
        None => false,
        Some(same) if same == text => true,
        Some(other) => {
            *amount = Value::String(other);
            true
        }
    }
}
