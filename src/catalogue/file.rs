//! The files that models are written in.

use std::collections::HashSet;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::Value;

use super::{Date, Model};
use crate::problem::{Place, Problems};

/// Models of one provider.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelsFile {
    /// The provider: its name in the configuration, or that of its kind or preset.
    pub provider: String,
    /// Where the data comes from.
    #[serde(default)]
    pub source: Vec<String>,
    /// The day on which it was last compared with its source.
    #[serde(default)]
    pub checked: Option<Date>,
    /// Remarks for those who read the file.
    #[serde(default)]
    pub note: Option<String>,
    /// The models.
    pub models: Vec<Model>,
}

/// The JSON Schema of a file of models, in draft 2020-12. `conf/models.schema.json` holds the same.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.root_schema_for::<ModelsFile>();
    schema.insert("$id".to_owned(), "urn:sluicegate:models".into());
    schema.insert(
        "title".to_owned(),
        "Models of a provider, for Sluicegate".into(),
    );
    schema.to_value()
}

impl ModelsFile {
    /// Notes what is wrong with it, whatever other files there are.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        if self.provider.is_empty() {
            problems.add(at.key("provider"), "must not be empty");
        }
        let mut names = HashSet::new();
        for (n, model) in self.models.iter().enumerate() {
            let at = at.key("models").index(n);
            let aliases = model.aliases.iter().enumerate();
            let all = std::iter::once((at.key("name"), &model.name))
                .chain(aliases.map(|(n, alias)| (at.key("aliases").index(n), alias)));
            for (at, name) in all {
                if name.is_empty() {
                    problems.add(at, "must not be empty");
                } else if !names.insert(name) {
                    problems.add(at, format!("`{name}` stands in this file already"));
                }
            }
            model.check(&at, problems);
        }
    }
}

impl Model {
    fn check(&self, at: &Place, problems: &mut Problems) {
        let counts = [
            ("context_window", self.context_window),
            ("input_limit", self.input_limit),
            ("output_limit", self.output_limit),
            ("dimensions", self.dimensions.map(u64::from)),
        ];
        for (key, count) in counts {
            if count == Some(0) {
                problems.add(
                    at.key(key),
                    "must not be 0; leave it out where it is not known",
                );
            }
        }
        if self.like.as_ref().is_some_and(|like| !like.contains('/')) {
            problems.add(
                at.key("like"),
                "must be a provider and a name, as in `openai/gpt-4o`",
            );
        }
        for (n, list) in self.prices.iter().enumerate() {
            let at = at.key("prices").index(n);
            list.check(&at, problems);
            if self.prices[..n].iter().any(|before| before.overlap(list)) {
                let what = "holds on days of a list before it; `until` ends a list";
                problems.add(at, what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON, with amounts in quotes, is as good as YAML here.
    fn read(models: &str) -> ModelsFile {
        let text = format!(r#"{{"provider": "acme", "models": {models}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn problems(file: &ModelsFile) -> Vec<String> {
        let mut problems = Problems::default();
        file.check(&Place::default(), &mut problems);
        let line = |(place, what): (Place, String)| format!("{place}: {what}");
        problems.0.into_iter().map(line).collect()
    }

    #[test]
    fn a_sound_file_has_no_problems() {
        let file = read(
            r#"[{"name": "a", "aliases": ["b"], "like": "openai/gpt-4o", "prices": [
                {"until": "2026-10-07", "standard": {"input": "1"}},
                {"from": "2026-10-07", "standard": {"input": "2"},
                 "above": [{"tokens": 1, "standard": {}}, {"tokens": 2, "standard": {}}]}]}]"#,
        );
        assert!(problems(&file).is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let file = read(
            r#"[
                {"name": "a", "aliases": ["a", ""], "output_limit": 0, "like": "gpt-4o"},
                {"name": "a", "prices": [
                    {"from": "2026-01-02", "until": "2026-01-02", "standard": {}},
                    {"until": "2026-01-01", "standard": {"input": "1"}, "off_peak": {"hours": [], "standard": {}}},
                    {"standard": {"input": "1"},
                     "above": [{"tokens": 2, "standard": {}}, {"tokens": 2, "standard": {}}]}]}
            ]"#,
        );
        assert_eq!(
            problems(&file),
            [
                "models[0].aliases[0]: `a` stands in this file already",
                "models[0].aliases[1]: must not be empty",
                "models[0].output_limit: must not be 0; leave it out where it is not known",
                "models[0].like: must be a provider and a name, as in `openai/gpt-4o`",
                "models[1].name: `a` stands in this file already",
                "models[1].prices[0].until: must be a later day than `from`",
                "models[1].prices[0].standard: states no price",
                "models[1].prices[1].off_peak.hours: states no hours",
                "models[1].prices[2].above[1].tokens: must be more than those before",
                "models[1].prices[2]: holds on days of a list before it; `until` ends a list",
            ]
        );
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let text = r#"{"provider": "acme", "models": [{"name": "a", "context": 5}]}"#;
        let error = serde_json::from_str::<ModelsFile>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown field `context`"), "{error}");
    }

    #[test]
    fn the_schema_describes_every_key() {
        let schema = schema();
        let properties = &schema["$defs"]["Model"]["properties"];
        for key in ["name", "context_window", "prices", "like"] {
            assert!(properties[key]["description"].is_string(), "{key}");
        }
        assert_eq!(schema["$defs"]["Rates"]["additionalProperties"], false);
    }
}
