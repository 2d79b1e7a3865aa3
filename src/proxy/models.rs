//! The list of models that a caller may use, in the shape of its dialect.

use serde_json::{Value, json};

use super::exchange::Exchange;
use crate::{
    catalogue::Model,
    error::{Failure, Kind},
    protocol::{Dialect, Operation},
};

/// One model of the list.
struct Entry {
    id: String,
    owner: String,
    known: Option<std::sync::Arc<Model>>,
}

/// The list, or one model of it.
///
/// # Errors
/// If there is no such model.
pub fn answer(x: &Exchange, wanted: Option<&str>) -> Result<Vec<u8>, Failure> {
    let body = match wanted {
        None => list(x.dialect, &entries(x)),
        Some(name) => one(x.dialect, &find(x, name)?),
    };
    Ok(body.to_string().into_bytes())
}

/// Routes first, then the models of every provider: those that the routes name, and those of the catalogue.
fn entries(x: &Exchange) -> Vec<Entry> {
    let table = &x.snapshot.table;
    let mut entries: Vec<Entry> = table
        .routes()
        .map(|name| Entry {
            id: name.to_owned(),
            owner: "sluicegate".to_owned(),
            known: None,
        })
        .collect();
    for (provider, upstream) in table.providers() {
        let named = x
            .snapshot
            .config
            .routes
            .values()
            .flat_map(|route| &route.targets)
            .filter_map(|target| target.model().split_once('/'))
            .filter(|(name, _)| name == provider)
            .map(|(_, model)| model.to_owned());
        let listed = table
            .catalogue()
            .models()
            .into_iter()
            .filter(|(vendor, _)| *vendor == upstream.catalogue_name())
            .map(|(_, model)| model.name.clone());
        let mut names: Vec<String> = named.chain(listed).collect();
        names.sort();
        names.dedup();
        entries.extend(names.into_iter().map(|model| {
            Entry {
                known: table
                    .catalogue()
                    .find(upstream.catalogue_name(), &model)
                    .cloned(),
                id: format!("{provider}/{model}"),
                owner: provider.clone(),
            }
        }));
    }
    entries
}

/// A model that can be asked for, listed or not.
fn find(x: &Exchange, name: &str) -> Result<Entry, Failure> {
    if let Some(entry) = entries(x).into_iter().find(|entry| entry.id == name) {
        return Ok(entry);
    }
    let asked = match x.dialect {
        Dialect::Anthropic => Operation::Messages,
        Dialect::Gemini => Operation::Generate,
        _ => Operation::Chat,
    };
    match x.snapshot.table.choose(name, asked, false) {
        Ok(choice) => Ok(Entry {
            id: name.to_owned(),
            owner: choice.targets[0].upstream.name.to_string(),
            known: choice.targets[0].known.clone(),
        }),
        Err(failure) if failure.kind == Kind::ModelNotFound => Err(failure),
        Err(failure) => Err(Failure {
            kind: Kind::ModelNotFound,
            ..failure
        }),
    }
}

fn list(dialect: Dialect, entries: &[Entry]) -> Value {
    let all: Vec<Value> = entries.iter().map(|entry| one(dialect, entry)).collect();
    match dialect {
        Dialect::Anthropic => json!({
            "first_id": entries.first().map(|e| &e.id),
            "last_id": entries.last().map(|e| &e.id),
            "has_more": false,
            "data": all,
        }),
        Dialect::Gemini => json!({ "models": all }),
        _ => json!({ "object": "list", "data": all }),
    }
}

fn one(dialect: Dialect, entry: &Entry) -> Value {
    let known = entry.known.as_deref();
    let (context, output) = (
        known.and_then(|m| m.context_window),
        known.and_then(|m| m.output_limit),
    );
    match dialect {
        Dialect::Anthropic => {
            let mut model = json!({
                "type": "model",
                "id": entry.id,
                "display_name": entry.id,
                // The epoch stands for "not known" in Anthropic's own list.
                "created_at": "1970-01-01T00:00:00Z",
            });
            if let Some(limit) = context {
                model["max_input_tokens"] = limit.into();
            }
            if let Some(limit) = output {
                model["max_tokens"] = limit.into();
            }
            model
        }
        Dialect::Gemini => {
            let mut model = json!({
                "name": format!("models/{}", entry.id),
                "displayName": entry.id,
                "version": "",
                "supportedGenerationMethods": [
                    "generateContent", "streamGenerateContent", "countTokens", "embedContent"
                ],
            });
            if let Some(limit) = context {
                model["inputTokenLimit"] = limit.into();
            }
            if let Some(limit) = output {
                model["outputTokenLimit"] = limit.into();
            }
            model
        }
        _ => json!({
            "id": entry.id,
            "object": "model",
            "created": 0,
            "owned_by": entry.owner,
        }),
    }
}
