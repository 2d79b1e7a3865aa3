//! Writing a file of models, in the YAML that people read and edit.

use std::fmt::Write;

use super::{
    Model, ModelsFile,
    price::{Above, Prices, Rates},
};

impl ModelsFile {
    /// The file as YAML: a list of models, with short lists and prices on one line.
    pub fn to_yaml(&self) -> String {
        let mut yaml = Yaml::default();
        yaml.member("provider", &scalar(&self.provider));
        if !self.source.is_empty() {
            yaml.line("source:");
            for source in &self.source {
                yaml.line(&format!("  - {}", scalar(source)));
            }
        }
        yaml.optional("checked", self.checked);
        if let Some(note) = &self.note {
            yaml.member("note", &scalar(note));
        }
        if self.models.is_empty() {
            yaml.member("models", "[]");
        } else {
            yaml.line("models:");
        }
        for model in &self.models {
            yaml.item(2, |yaml| yaml.model(model));
        }
        yaml.text
    }
}

/// A text in the making.
#[derive(Default)]
struct Yaml {
    text: String,
    indent: usize,
    /// The next line is the first of an item.
    first: bool,
}

impl Yaml {
    fn line(&mut self, text: &str) {
        let dash = if std::mem::take(&mut self.first) {
            "- "
        } else {
            ""
        };
        let indent = self.indent - dash.len();
        self.text += &" ".repeat(indent);
        self.text += dash;
        self.text += text;
        self.text.push('\n');
    }

    fn member(&mut self, key: &str, value: &str) {
        self.line(&format!("{key}: {value}"));
    }

    fn optional(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.member(key, &value.to_string());
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.member(key, &format!("[{}]", values.join(", ")));
        }
    }

    /// What `write` writes becomes an item of a list that stands `by` further in.
    fn item(&mut self, by: usize, write: impl FnOnce(&mut Self)) {
        self.indent += by + 2;
        self.first = true;
        write(self);
        self.indent -= by + 2;
    }

    fn model(&mut self, model: &Model) {
        self.member("name", &scalar(&model.name));
        let aliases: Vec<_> = model.aliases.iter().map(|alias| scalar(alias)).collect();
        self.list("aliases", &aliases);
        self.optional("like", model.like.as_deref().map(scalar));
        self.optional("context_window", model.context_window);
        self.optional("input_limit", model.input_limit);
        self.optional("output_limit", model.output_limit);
        self.list("input", &words(&model.input));
        self.list("output", &words(&model.output));
        self.optional("tools", model.tools);
        self.optional("parallel_tools", model.parallel_tools);
        self.optional("structured_output", model.structured_output);
        self.optional("sampling", model.sampling);
        self.optional("reasoning", model.reasoning.map(word));
        self.list("apis", &words(&model.apis));
        self.optional("dimensions", model.dimensions);
        self.optional("retires", model.retires);
        if !model.prices.is_empty() {
            self.line("prices:");
        }
        for prices in &model.prices {
            self.item(2, |yaml| yaml.prices(prices));
        }
    }

    fn prices(&mut self, prices: &Prices) {
        self.optional("from", prices.from);
        self.optional("until", prices.until);
        self.rates("standard", Some(&prices.standard));
        self.rates("batch", prices.batch.as_ref());
        self.rates("flex", prices.flex.as_ref());
        self.rates("priority", prices.priority.as_ref());
        if !prices.above.is_empty() {
            self.line("above:");
        }
        for step in &prices.above {
            self.item(2, |yaml| yaml.step(step));
        }
        if let Some(quiet) = &prices.off_peak {
            self.line("off_peak:");
            self.indent += 2;
            let hours: Vec<_> = quiet
                .hours
                .iter()
                .map(|h| format!("{:?}", h.to_string()))
                .collect();
            self.list("hours", &hours);
            self.rates("standard", Some(&quiet.standard));
            self.indent -= 2;
        }
    }

    fn step(&mut self, step: &Above) {
        self.member("tokens", &step.tokens.to_string());
        self.rates("standard", Some(&step.standard));
        self.rates("batch", step.batch.as_ref());
        self.rates("flex", step.flex.as_ref());
        self.rates("priority", step.priority.as_ref());
    }

    fn rates(&mut self, key: &str, rates: Option<&Rates>) {
        let Some(rates) = rates else { return };
        let mut text = String::new();
        for (name, amount) in rates.named() {
            if let Some(amount) = amount {
                let comma = if text.is_empty() { "" } else { ", " };
                // Writing to a text cannot fail.
                let _ = write!(text, "{comma}{name}: {amount}");
            }
        }
        self.member(key, &format!("{{{text}}}"));
    }
}

/// The name of a variant in the files: the enums of a model have plain words for names.
fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn words<T: std::fmt::Debug>(values: &[T]) -> Vec<String> {
    values.iter().map(word).collect()
}

/// A text, in quotes where it would not be read as itself without.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/@:-".contains(c);
    let begins_like_a_name = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if begins_like_a_name && !word && !text.ends_with(':') && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A text in double quotes, with the escapes that YAML 1.2 shares with JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Api, Modality, ReasoningControl, price::OffPeak};

    #[test]
    fn texts_that_would_be_read_otherwise_have_quotes() {
        for name in [
            "gpt-4o",
            "ft:gpt-4o",
            "amazon.nova-lite-v1:0",
            "vendor/model@default",
        ] {
            assert_eq!(scalar(name), name);
        }
        for name in [
            "4.1", "true", "No", "", "a b", "a: b", "a:", "- a", "#a", "~", "a\nb", "é",
        ] {
            assert_eq!(scalar(name), quoted(name));
        }
        assert_eq!(quoted("a\"b\n"), r#""a\"b\n""#);
    }

    #[test]
    fn a_file_is_written_as_people_write_it() {
        let amount = |text: &str| text.parse().ok();
        let rates = |input: &str, output: &str| Rates {
            input: amount(input),
            output: amount(output),
            ..Rates::default()
        };
        let model = Model {
            name: "big-1".to_owned(),
            aliases: vec!["big".to_owned(), "4".to_owned()],
            context_window: Some(1000),
            input: vec![Modality::Text, Modality::Image],
            tools: Some(true),
            reasoning: Some(ReasoningControl::Effort),
            apis: vec![Api::Responses],
            retires: "2027-01-31".parse().ok(),
            prices: vec![Prices {
                from: "2026-01-01".parse().ok(),
                standard: rates("2.50", "10"),
                flex: Some(rates("1.25", "")),
                above: vec![Above {
                    tokens: 200,
                    standard: rates("5", ""),
                    ..Above::default()
                }],
                off_peak: Some(OffPeak {
                    hours: vec!["sat-sun 00:00-24:00".parse().unwrap()],
                    standard: rates("1", ""),
                }),
                ..Prices::default()
            }],
            ..Model::default()
        };
        let small = Model {
            name: "small".to_owned(),
            ..Model::default()
        };
        let file = ModelsFile {
            provider: "acme".to_owned(),
            source: vec!["https://acme.example/prices".to_owned()],
            checked: "2026-11-22".parse().ok(),
            note: Some("Invented: all.".to_owned()),
            models: vec![model, small],
        };
        let expected = r#"provider: acme
source:
  - https://acme.example/prices
checked: 2026-11-22
note: "Invented: all."
models:
  - name: big-1
    aliases: [big, "4"]
    context_window: 1000
    input: [text, image]
    tools: true
    reasoning: effort
    apis: [responses]
    retires: 2027-01-31
    prices:
      - from: 2026-01-01
        standard: {input: 2.5, output: 10}
        flex: {input: 1.25}
        above:
          - tokens: 200
            standard: {input: 5}
        off_peak:
          hours: ["sat-sun 00:00-24:00"]
          standard: {input: 1}
  - name: small
"#;
        assert_eq!(file.to_yaml(), expected);
    }
}
