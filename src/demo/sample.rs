//! Arguments for a tool call, made up from the tool's JSON Schema.

use serde_json::{Map, Value, json};

/// Schemas may refer to themselves; nobody needs a deeper example than this.
const DEEPEST: usize = 6;

/// Plausible arguments; properties that want the user's words get them.
pub(super) fn arguments(schema: &Value, asked: &str) -> Value {
    match (Sampler {
        root: schema,
        asked,
    })
    .value("", schema, 0)
    {
        arguments @ Value::Object(_) => arguments,
        _ => json!({}),
    }
}

struct Sampler<'a> {
    root: &'a Value,
    asked: &'a str,
}

impl Sampler<'_> {
    fn value(&self, name: &str, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|at| at.strip_prefix('#')) {
            return self
                .root
                .pointer(target)
                .map_or(Value::Null, |it| self.value(name, it, depth + 1));
        }
        let given = ["const", "default", "example"]
            .iter()
            .map(|key| &schema[*key]);
        let listed = [&schema["enum"][0], &schema["examples"][0]];
        if let Some(value) = given.chain(listed).find(|value| !value.is_null()) {
            return value.clone();
        }
        let variant = ["anyOf", "oneOf", "allOf"]
            .iter()
            .map(|key| &schema[*key][0]);
        if let Some(variant) = variant.into_iter().find(|variant| variant.is_object()) {
            return self.value(name, variant, depth + 1);
        }
        match kind(schema).as_str() {
            "object" => self.object(schema, depth),
            "array" => json!([self.value(name, &schema["items"], depth + 1)]),
            "integer" => schema["minimum"].as_i64().unwrap_or(1).into(),
            "number" => schema["minimum"].as_f64().unwrap_or(1.5).into(),
            "boolean" => true.into(),
            "null" => Value::Null,
            _ => self.text(name, schema).into(),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let fields: Map<String, Value> = properties
            .map(|(name, schema)| (name.clone(), self.value(name, schema, depth + 1)))
            .collect();
        Value::Object(fields)
    }

    fn text<'a>(&'a self, name: &str, schema: &'a Value) -> &'a str {
        match schema["format"].as_str() {
            Some("date") => return "2026-01-31",
            Some("date-time") => return "2026-01-31T12:00:00Z",
            Some("email") => return "demo@example.com",
            Some("uri" | "url") => return "https://example.com/",
            Some("uuid") => return "00000000-0000-4000-8000-000000000000",
            _ => {}
        }
        match name.to_lowercase().as_str() {
            "city" | "location" | "place" => "Paris",
            "country" => "France",
            "date" | "day" => "2026-01-31",
            "email" => "demo@example.com",
            "url" | "uri" | "link" => "https://example.com/",
            "path" | "file" | "filename" => "demo.txt",
            "query" | "question" | "text" | "message" | "prompt" | "input" => self.asked,
            _ => "example",
        }
    }
}

/// The type a schema asks for: Gemini writes it in capitals, optional values are
/// a list with `null`, and some schemas leave it out.
fn kind(schema: &Value) -> String {
    let named = match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        kind => kind.as_str(),
    };
    let guessed = if schema["properties"].is_object() {
        "object"
    } else {
        "string"
    };
    named.unwrap_or(guessed).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_fit_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": { "type": "string" },
                "unit": { "enum": ["celsius", "kelvin"] },
                "days": { "type": ["null", "integer"], "minimum": 2 },
                "tags": { "type": "array", "items": { "type": "string" } },
                "spot": { "$ref": "#/$defs/spot" },
                "query": { "anyOf": [{ "type": "string" }, { "type": "null" }] }
            },
            "$defs": { "spot": { "type": "OBJECT", "properties": { "lat": { "type": "NUMBER" } } } }
        });
        let expected = json!({
            "city": "Paris", "unit": "celsius", "days": 2, "tags": ["example"],
            "spot": { "lat": 1.5 }, "query": "Is it raining?"
        });
        assert_eq!(arguments(&schema, "Is it raining?"), expected);
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let schema = json!({ "type": "object", "properties": { "left": { "$ref": "#" } } });
        assert!(arguments(&schema, "")["left"].is_object());
        let circle = json!({ "$ref": "#" });
        assert_eq!(arguments(&circle, ""), json!({}));
    }

    #[test]
    fn a_tool_without_a_schema_gets_no_arguments() {
        assert_eq!(arguments(&Value::Null, ""), json!({}));
    }
}
