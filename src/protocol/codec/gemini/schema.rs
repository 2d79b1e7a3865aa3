//! Google's own schemas (a subset of OpenAPI 3.0) as JSON Schema. <https://ai.google.dev/api/caching#Schema>

use serde_json::{Map, Value, json};

use super::{super::super::chat::Json, object::camel};

/// The JSON Schema of a Google schema. What is no object stays as it is.
pub(super) fn to_json_schema(schema: &Json) -> Json {
    Json::from_value(&convert(schema.to_value()))
}

fn convert(schema: Value) -> Value {
    let Value::Object(members) = schema else {
        return schema;
    };
    let mut out = Map::with_capacity(members.len());
    let mut nullable = false;
    let mut order = Vec::new();
    for (key, value) in members {
        match (&*camel(key.as_str().into()), value) {
            (_, Value::Null) => {}
            ("type", Value::String(word)) if word == "TYPE_UNSPECIFIED" => {}
            ("type", Value::String(word)) => {
                out.insert("type".into(), word.to_ascii_lowercase().into());
            }
            ("nullable", value) => nullable = value == Value::Bool(true),
            ("propertyOrdering", Value::Array(names)) => order = names,
            // Says only that `enum` is meant.
            ("format", Value::String(word)) if word == "enum" => {}
            ("example", value) => {
                out.insert("examples".into(), json!([value]));
            }
            (name @ ("properties" | "defs" | "$defs"), Value::Object(inner)) => {
                let name = if name == "defs" { "$defs" } else { name };
                let inner = inner.into_iter().map(|(k, v)| (k, convert(v))).collect();
                out.insert(name.into(), Value::Object(inner));
            }
            (name @ ("items" | "additionalProperties"), value) => {
                out.insert(name.into(), convert(value));
            }
            (name @ ("anyOf" | "prefixItems"), Value::Array(list)) => {
                out.insert(name.into(), list.into_iter().map(convert).collect());
            }
            ("ref", value) => {
                out.insert("$ref".into(), value);
            }
            // Whole numbers of 64 bits are strings in the JSON of protocol buffers.
            (
                name @ ("minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                | "maxProperties"),
                Value::String(text),
            ) => {
                let n = text.parse::<u64>().map_or(Value::String(text), Value::from);
                out.insert(name.into(), n);
            }
            (name, value) => {
                out.insert(name.to_owned(), value);
            }
        }
    }
    if !order.is_empty() {
        put_in_order(&mut out, &order);
    }
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

fn put_in_order(schema: &mut Map<String, Value>, order: &[Value]) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    let mut rest = std::mem::take(properties);
    for name in order.iter().filter_map(Value::as_str) {
        if let Some(value) = rest.shift_remove(name) {
            properties.insert(name.to_owned(), value);
        }
    }
    properties.extend(rest);
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind @ Value::String(_)) = schema.get_mut("type") {
        if *kind != "null" {
            *kind = json!([kind.take(), "null"]);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    } else if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        let null = json!({"type": "null"});
        if !choices.contains(&null) {
            choices.push(null);
        }
    }
}
