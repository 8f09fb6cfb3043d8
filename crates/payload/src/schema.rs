//! The formats as JSON Schema (draft 2020-12), made from the tables that the reader reads by.
//!
//! A payload that fits the schema is read without a flag about its form. The reader takes more than the schema allows:
//! `docs/payloads.md` says what.

use serde_json::{Map, Value, json};

use crate::kinds;
use crate::shape::{Field, Record, Shape, Text};

/// The schema of a kind; `None` for a kind that is not known here.
pub fn of(kind: &str) -> Option<Value> {
    let kind = kinds::find(kind)?;
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
    });
    if let (Value::Object(schema), Value::Object(record)) = (&mut schema, record(kind.shape())) {
        schema.extend(record);
    }
    Some(schema)
}

fn record(shape: &Record) -> Value {
    let properties: Map<String, Value> = shape.fields.iter().map(|one| (one.name.to_owned(), field(one))).collect();
    let required: Vec<&str> = shape.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut object = json!({ "description": shape.about, "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn field(field: &Field) -> Value {
    let mut value = match &field.shape {
        Shape::Text(kind, max) => text(*kind, *max),
        Shape::Moment => json!({
            "type": "string",
            "anyOf": [{ "format": "date-time" }, { "format": "date" }],
            "examples": ["2026-11-20T18:00:00+01:00", "2026-11-20"],
        }),
        Shape::Birth => json!({ "type": "string", "format": "date", "examples": ["1980-01-31"] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Code(codes) => json!({ "type": "string", "enum": codes }),
        Shape::Record(inner) => record(inner),
        Shape::List(list) => json!({ "type": "array", "maxItems": list.max, "items": record(list.of) }),
        Shape::Any => json!({ "type": "array" }),
    };
    value["description"] = json!(field.about);
    value
}

fn text(kind: Text, max: u32) -> Value {
    let mut value = json!({ "type": "string", "maxLength": max });
    match kind {
        Text::Email => value["format"] = json!("email"),
        Text::Phone => value["examples"] = json!(["+49 30 23125000"]),
        Text::PostCode => value["examples"] = json!(["01067"]),
        Text::Line | Text::Free | Text::Name => {}
    }
    value
}
