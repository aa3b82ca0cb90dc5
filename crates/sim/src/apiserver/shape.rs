//! In which shape an answer is given: whole objects, a table for people, or only metadata.

use super::kinds::Kind;
use super::request::{Body, Request, Response};
use super::routes::{Sub, Target};
use super::table;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// What the `Accept` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Whole,
    /// `as=Table`: rows of cells, as kubectl prints them.
    Table(Included),
    /// `as=PartialObjectMetadata` or its list.
    Metadata,
}

/// What a table row brings along of its object (`includeObject`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Included {
    Nothing,
    Metadata,
    Object,
}

impl Shape {
    pub(crate) fn of(target: &Target, request: &Request) -> Self {
        if target.sub != Sub::Main && target.sub != Sub::Status {
            return Shape::Whole;
        }
        let first = request.accept.split(',').next().unwrap_or_default();
        let asked = first.split(';').find_map(|part| part.trim().strip_prefix("as="));
        match (asked, request.asked("includeObject")) {
            (Some("Table"), Some("Object")) => Shape::Table(Included::Object),
            (Some("Table"), Some("None")) => Shape::Table(Included::Nothing),
            (Some("Table"), _) => Shape::Table(Included::Metadata),
            (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), _) => Shape::Metadata,
            (_, _) => Shape::Whole,
        }
    }

    /// Brings an answered object or list into this shape. A Status is left as it is.
    pub(crate) fn apply(self, kind: &Kind, response: Response, now: DateTime<Utc>) -> Response {
        let Response::Answer(mut answer) = response else {
            return response;
        };
        if let Body::Json(value) = &mut answer.body
            && self != Shape::Whole
            && answer.code < 400
            && value["kind"] != "Status"
        {
            *value = match value["items"].as_array_mut().map(std::mem::take) {
                Some(items) => self.list(kind, &value["metadata"], items, now),
                None => self.one(kind, std::mem::take(value), now, Headers::Shown),
            };
        }
        Response::Answer(answer)
    }

    pub(crate) fn one(self, kind: &Kind, object: Value, now: DateTime<Utc>, headers: Headers) -> Value {
        match self {
            Shape::Whole => object,
            Shape::Metadata => metadata_of(&object),
            Shape::Table(included) => {
                let metadata = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
                table_of(kind, metadata, vec![object], included, now, headers)
            }
        }
    }

    fn list(self, kind: &Kind, metadata: &Value, items: Vec<Value>, now: DateTime<Utc>) -> Value {
        match self {
            Shape::Table(included) => table_of(kind, without_empty(metadata), items, included, now, Headers::Shown),
            Shape::Whole | Shape::Metadata => {
                let items: Vec<Value> = items.iter().map(metadata_of).collect();
                json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items,
                })
            }
        }
    }
}

/// The metadata of a list, without a place to continue at where there is none.
fn without_empty(metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    if let Some(fields) = metadata.as_object_mut() {
        fields.retain(|_, value| *value != "");
    }
    metadata
}

/// Whether a table names its columns: in a watch only the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Headers {
    Shown,
    Omitted,
}

fn metadata_of(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}

fn table_of(
    kind: &Kind,
    metadata: Value,
    items: Vec<Value>,
    included: Included,
    now: DateTime<Utc>,
    headers: Headers,
) -> Value {
    let rows = items.into_iter().map(|mut object| {
        let cells = table::cells(kind, &object, now);
        match included {
            Included::Nothing => json!({ "cells": cells, "object": null }),
            Included::Metadata => json!({ "cells": cells, "object": metadata_of(&object) }),
            Included::Object => {
                object["apiVersion"] = kind.api_version().into();
                object["kind"] = kind.kind.clone().into();
                json!({ "cells": cells, "object": object })
            }
        }
    });
    let rows: Vec<Value> = rows.collect();
    let columns = match headers {
        Headers::Shown => table::columns(kind),
        Headers::Omitted => Vec::new(),
    };
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows,
    })
}
