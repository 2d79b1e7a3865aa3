//! The JSON Schema of a configuration file, for editors and for those who write one by program.

use schemars::{Schema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Value, json};

use super::Config;

/// What a text with a variable in it matches.
const VARIABLE: &str = r"\$\{";

/// The schema, in draft 2020-12. `conf/sluicegate.schema.json` holds the same.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with_transform(admit_variables as fn(&mut Schema))
        .into_generator();
    let mut schema = generator.root_schema_for::<Config>();
    schema.insert("$id".to_owned(), "urn:sluicegate:config".into());
    schema.insert("title".to_owned(), "Sluicegate configuration".into());
    schema.to_value()
}

/// Wherever a single value is wanted, `${VARIABLE}` may stand for it.
fn admit_variables(schema: &mut Schema) {
    transform_subschemas(&mut admit_variables, schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let variable = json!({ "type": "string", "pattern": VARIABLE });
    if let Some(Value::Array(choices)) = object.get_mut("oneOf")
        && choices.iter().all(|choice| choice.get("const").is_some())
    {
        choices.push(variable);
        return;
    }
    if object.contains_key("const") || object.contains_key("enum") {
        return;
    }
    if let Some(Value::String(pattern)) = object.get_mut("pattern") {
        pattern.push('|');
        pattern.push_str(VARIABLE);
        return;
    }
    let types = match object.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many
            .iter()
            .filter_map(|t| t.as_str().map(str::to_owned))
            .collect(),
        _ => return,
    };
    let single = |t: &String| matches!(t.as_str(), "integer" | "number" | "boolean");
    if types.iter().any(single) && !types.iter().any(|t| t == "string") {
        let types: Vec<String> = types.into_iter().chain(["string".to_owned()]).collect();
        object.insert("type".to_owned(), types.into());
        object.insert("pattern".to_owned(), VARIABLE.into());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn conf(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("conf")
            .join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    #[test]
    fn the_committed_schema_is_the_one_of_the_types() {
        let fresh = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        assert!(
            conf("sluicegate.schema.json") == fresh,
            "conf/sluicegate.schema.json is out of date; write it anew with \
             `cargo run -- schema > conf/sluicegate.schema.json`"
        );
    }

    #[test]
    fn every_key_is_explained_in_the_full_configuration() {
        let full = conf("sluicegate.full.yaml");
        let mut names = Vec::new();
        collect_names(&schema(), &mut names);
        assert!(names.len() > 60, "{names:?}");
        for name in names {
            let key = format!("{name}:");
            let written = full.match_indices(&key).any(|(at, _)| {
                let before = full[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.')
            });
            assert!(written, "conf/sluicegate.full.yaml does not have `{name}`");
        }
    }

    fn collect_names(schema: &Value, names: &mut Vec<String>) {
        match schema {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    names.extend(properties.keys().cloned());
                }
                object.values().for_each(|part| collect_names(part, names));
            }
            Value::Array(parts) => parts.iter().for_each(|part| collect_names(part, names)),
            _ => {}
        }
    }
}
