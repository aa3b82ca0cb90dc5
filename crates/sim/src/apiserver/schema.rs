//! What an OpenAPI schema makes of an object: unknown fields pruned, defaults filled in, errors found.

mod prune;
mod validate;

pub(crate) use prune::{fill_defaults, prune};
pub(crate) use validate::{changed, validate};

use serde_json::Value;

/// The schema of the items of a map whose keys are free, if it is one.
pub(super) fn additional(schema: &Value) -> Option<&Value> {
    schema
        .get("additionalProperties")
        .filter(|additional| additional.is_object())
}

pub(super) fn marked(schema: &Value, extension: &str) -> bool {
    schema.get(extension) == Some(&Value::Bool(true))
}

/// Where in an object we are. Written out only when there is something to say about the place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub(super) fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => to.write_str(name),
            Path::Field(parent, name) => write!(to, "{parent}.{name}"),
            Path::Index(parent, index) => write!(to, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{fill_defaults, prune, validate};
    use serde_json::{Value, json};

    /// What is stored of an object and what is said about it, under one schema.
    fn judged(schema: &Value, mut object: Value) -> (Value, Vec<String>, Vec<String>) {
        let mut unknown = Vec::new();
        prune(schema, &mut object, &mut unknown);
        fill_defaults(schema, &mut object);
        let causes = validate(schema, &object, None)
            .into_iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message));
        let causes = causes.collect();
        (object, unknown, causes)
    }

    #[test]
    fn each_rule_says_what_the_server_says() {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
            "count": {"type": "integer", "minimum": 0, "maximum": 9},
            "color": {"type": "string", "enum": ["red", "blue"]},
            "size": {"x-kubernetes-int-or-string": true},
            "at": {"type": "string", "format": "date-time"},
            "list": {"type": "array", "maxItems": 1, "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        }}}});
        for (spec, expected) in [
            (
                json!({"name": "ab", "count": 1, "size": "5%", "either": "x", "at": "2026-01-01T00:00:00Z"}),
                vec![],
            ),
            (json!({}), vec!["spec.name: Required value"]),
            (
                json!({"name": "a"}),
                vec![r#"spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long"#],
            ),
            (
                json!({"name": "abcde"}),
                vec!["spec.name: Too long: may not be more than 4 bytes"],
            ),
            (
                json!({"name": "a1"}),
                vec![r#"spec.name: Invalid value: "a1": spec.name in body should match '^[a-z]+$'"#],
            ),
            (
                json!({"name": "ab", "count": "1"}),
                vec![r#"spec.count: Invalid value: "string": spec.count in body must be of type integer: "string""#],
            ),
            (
                json!({"name": "ab", "count": -1}),
                vec!["spec.count: Invalid value: -1: spec.count in body should be greater than or equal to 0"],
            ),
            (
                json!({"name": "ab", "count": 10}),
                vec!["spec.count: Invalid value: 10: spec.count in body should be less than or equal to 9"],
            ),
            (
                json!({"name": "ab", "color": "green"}),
                vec![r#"spec.color: Unsupported value: "green": supported values: "red", "blue""#],
            ),
            (
                json!({"name": "ab", "size": true}),
                vec![
                    r#"spec.size: Invalid value: "boolean": spec.size in body must be of type integer,string: "boolean""#,
                ],
            ),
            (
                json!({"name": "ab", "at": "noon"}),
                vec![r#"spec.at: Invalid value: "noon": spec.at in body must be of type date-time: "noon""#],
            ),
            (
                json!({"name": "ab", "list": [{}]}),
                vec!["spec.list[0].id: Required value"],
            ),
            (
                json!({"name": "ab", "list": [{"id": "a"}, {"id": "b"}]}),
                vec!["spec.list: Too many: 2: must have at most 1 item"],
            ),
            (
                json!({"name": "ab", "map": {"k": 1}}),
                vec![r#"spec.map.k: Invalid value: "integer": spec.map.k in body must be of type string: "integer""#],
            ),
        ] {
            assert_eq!(judged(&schema, json!({ "spec": spec })).2, expected, "{spec}");
        }
    }

    #[test]
    fn unknown_fields_go_and_defaults_come() {
        let schema = json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "n": {"type": "integer", "default": 3},
                "list": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string", "default": "v"}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"known": {"type": "object", "properties": {}}}},
            }},
        }});
        let object = json!({"kind": "W", "metadata": {"x": 1}, "other": 1, "spec":
            {"bad": 1, "n": null, "list": [{"z": 1}], "free": {"any": 1, "known": {"gone": 1}}}});
        let (stored, unknown, causes) = judged(&schema, object);
        assert_eq!(
            stored,
            json!({"kind": "W", "metadata": {"x": 1}, "spec":
            {"n": 3, "list": [{"k": "v"}], "free": {"any": 1, "known": {}}}})
        );
        assert_eq!(unknown, ["other", "spec.bad", "spec.free.known.gone", "spec.list[0].z"]);
        assert_eq!(causes, Vec::<String>::new());
    }
}
