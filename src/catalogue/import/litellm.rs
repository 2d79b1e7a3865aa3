//! LiteLLM's price map: one object, of an object for each model.
//!
//! <https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json>; its first entry, `sample_spec`,
//! explains the members.

use std::collections::{BTreeMap, btree_map};

use serde_json::value::RawValue;

use self::member::Price;
use super::{Imported, number::Decimal};
use crate::catalogue::{
    Api, Date, Modality, Model, ModelsFile, Prices, ReasoningControl,
    date::Hours,
    price::{Amount, OffPeak},
};

mod member;

const SOURCE: &str =
    "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json";

/// An entry of the map, or an object in one. Numbers stay as they are written.
type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a price map of LiteLLM's. `today` becomes the day on which the models were checked.
///
/// # Errors
/// If it is no JSON object of objects.
pub fn litellm(json: &str, today: Date) -> Result<Imported, String> {
    let map: Object = serde_json::from_str(json).map_err(|e| format!("no price map: {e}"))?;
    let mut imported = Imported::default();
    let mut files: BTreeMap<String, BTreeMap<String, Model>> = BTreeMap::new();
    for (key, raw) in &map {
        let mut entry = Entry::new(key, raw)?;
        let read = entry.model().and_then(|model| {
            match files
                .entry(entry.provider())
                .or_default()
                .entry(model.name.clone())
            {
                btree_map::Entry::Vacant(place) => {
                    place.insert(model);
                    Ok(())
                }
                btree_map::Entry::Occupied(other) if *other.get() == model => {
                    Err("the same as another entry".to_owned())
                }
                btree_map::Entry::Occupied(_) => {
                    Err("another entry has this name and says otherwise".to_owned())
                }
            }
        });
        match read {
            Ok(()) => {
                for field in entry.left_out {
                    *imported.left_out.entry(field).or_default() += 1;
                }
                if entry.inexact {
                    imported.inexact.insert(key.clone());
                }
            }
            Err(why) => imported.skipped.push((key.clone(), why)),
        }
    }
    imported.files = files
        .into_iter()
        .filter(|(_, models)| !models.is_empty())
        .map(|(provider, models)| ModelsFile {
            provider,
            source: vec![SOURCE.to_owned()],
            checked: Some(today),
            note: None,
            models: models.into_values().collect(),
        })
        .collect();
    Ok(imported)
}

/// One entry on its way to a model.
struct Entry<'a> {
    key: &'a str,
    members: Object<'a>,
    vendor: String,
    left_out: Vec<String>,
    inexact: bool,
}

impl<'a> Entry<'a> {
    fn new(key: &'a str, raw: &'a RawValue) -> Result<Self, String> {
        let members: Object =
            serde_json::from_str(raw.get()).map_err(|e| format!("no price map: `{key}`: {e}"))?;
        let mut entry = Self {
            key,
            members,
            vendor: String::new(),
            left_out: Vec::new(),
            inexact: false,
        };
        entry.vendor = entry.text("litellm_provider").unwrap_or_default();
        Ok(entry)
    }

    fn text(&self, member: &str) -> Option<String> {
        serde_json::from_str(self.members.get(member)?.get()).ok()
    }

    fn flag(&self, member: &str) -> Option<bool> {
        serde_json::from_str(self.members.get(member)?.get()).ok()
    }

    fn texts(&self, member: &str) -> Vec<String> {
        self.members
            .get(member)
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    fn count(&self, member: &str) -> Option<u64> {
        let count = Decimal::read(self.members.get(member)?.get())?.whole();
        count.filter(|count| *count > 0)
    }

    /// The provider's name with us.
    fn provider(&self) -> String {
        match self.vendor.as_str() {
            "text-completion-openai" => "openai",
            "cohere_chat" => "cohere",
            "bedrock_converse" => "bedrock",
            "together_ai" => "together",
            vendor if vendor.starts_with("vertex_ai") => "vertex",
            vendor => vendor,
        }
        .to_owned()
    }

    /// The model's name with its provider: the key often begins with LiteLLM's name of the provider.
    fn name(&self) -> &'a str {
        let family = self.vendor.split_once('-').map(|(family, _)| family);
        [Some(self.vendor.as_str()), family]
            .into_iter()
            .flatten()
            .find_map(|vendor| self.key.strip_prefix(vendor)?.strip_prefix('/'))
            .unwrap_or(self.key)
    }

    fn model(&mut self) -> Result<Model, String> {
        if self.key == "sample_spec" {
            return Err("an explanation, no model".to_owned());
        }
        if self.vendor.is_empty() {
            return Err("has no `litellm_provider`".to_owned());
        }
        let name = self.name();
        let kinds = ["low/", "medium/", "high/", "standard/", "hd/"];
        let sized = |name: &str| {
            name.split('/').any(|part| {
                let (width, height) = part.split_once("-x-").unwrap_or(("", ""));
                let number =
                    |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                number(width) && number(height)
            })
        };
        if kinds.iter().any(|kind| name.starts_with(kind)) || sized(name) {
            return Err("a price by size or quality of images".to_owned());
        }
        if name.contains('*') || name.is_empty() {
            return Err("names no model".to_owned());
        }
        if self.provider() == "bedrock" && name.contains('/') {
            return Err(
                "a price of a region or commitment, which the name does not tell".to_owned(),
            );
        }
        let mode = self.text("mode").unwrap_or_default();
        let apis = self.apis(&mode)?;
        let output = self.modalities("supported_output_modalities");
        let prices = self.prices()?;
        Ok(Model {
            name: name.to_owned(),
            input_limit: self.count("max_input_tokens"),
            output_limit: self.count("max_output_tokens"),
            input: self.input(),
            output: if mode == "embedding" {
                vec![Modality::Embedding]
            } else {
                output
            },
            tools: self.flag("supports_function_calling"),
            parallel_tools: self.flag("supports_parallel_function_calling"),
            structured_output: self.flag("supports_response_schema"),
            sampling: self.flag("supports_sampling_params"),
            reasoning: self.reasoning(),
            apis,
            dimensions: self
                .count("output_vector_size")
                .and_then(|count| count.try_into().ok()),
            retires: self
                .text("deprecation_date")
                .and_then(|day| day.parse().ok()),
            prices: prices.into_iter().collect(),
            ..Model::default()
        })
    }

    /// The only APIs that have it.
    fn apis(&self, mode: &str) -> Result<Vec<Api>, String> {
        Ok(match mode {
            "chat" | "responses" => {
                let endpoints = self.texts("supported_endpoints");
                let has = |end: &str| endpoints.iter().any(|endpoint| endpoint.ends_with(end));
                match (has("/chat/completions"), has("/responses")) {
                    (false, true) => vec![Api::Responses],
                    (false, false) if mode == "responses" => vec![Api::Responses],
                    _ => vec![],
                }
            }
            "completion" => vec![Api::Completions],
            "embedding" => vec![Api::Embeddings],
            "rerank" => vec![Api::Rerank],
            "moderation" => vec![Api::Moderations],
            // Gemini's are models of conversations, too.
            "image_generation" | "image_edit" if self.texts("supported_endpoints").len() > 2 => {
                vec![]
            }
            "image_generation" | "image_edit" => vec![Api::Images],
            "audio_transcription" => vec![Api::Transcriptions],
            "audio_speech" => vec![Api::Speech],
            "realtime" => vec![Api::Realtime],
            "" => return Err("has no `mode`".to_owned()),
            other => return Err(format!("is for `{other}`, which has no place here")),
        })
    }

    fn modalities(&self, member: &str) -> Vec<Modality> {
        let word = |word: String| match word.as_str() {
            "text" => Some(Modality::Text),
            "image" => Some(Modality::Image),
            "audio" => Some(Modality::Audio),
            "video" => Some(Modality::Video),
            "pdf" | "file" => Some(Modality::Document),
            _ => None,
        };
        self.texts(member).into_iter().filter_map(word).collect()
    }

    /// What it takes: only where the map lists it. Flags alone leave open what else it takes.
    fn input(&self) -> Vec<Modality> {
        let mut input = self.modalities("supported_modalities");
        let flags = [
            ("supports_vision", Modality::Image),
            ("supports_pdf_input", Modality::Document),
            ("supports_audio_input", Modality::Audio),
            ("supports_video_input", Modality::Video),
        ];
        for (flag, modality) in flags {
            if !input.is_empty() && self.flag(flag) == Some(true) && !input.contains(&modality) {
                input.push(modality);
            }
        }
        input
    }

    fn reasoning(&self) -> Option<ReasoningControl> {
        if !self.flag("supports_reasoning")? {
            return Some(ReasoningControl::None);
        }
        let by_word = self.members.contains_key("reasoning_effort_levels")
            || self.flag("supports_adaptive_thinking") == Some(true)
            || self
                .members
                .keys()
                .any(|key| key.ends_with("_reasoning_effort"));
        let name = self.name();
        if by_word || matches!(self.provider().as_str(), "openai" | "azure") {
            Some(ReasoningControl::Effort)
        } else if name.contains("claude-") || name.contains("gemini-2.5-") {
            Some(ReasoningControl::Budget)
        } else {
            None
        }
    }

    /// Its prices; none if the map states none.
    fn prices(&mut self) -> Result<Option<Prices>, String> {
        let mut prices = Prices::default();
        let members = std::mem::take(&mut self.members);
        for (member, raw) in &members {
            let Some(price) = Price::named(member) else {
                let search = member == "search_context_cost_per_query";
                if member.contains("cost") && !search || member == "tiered_pricing" {
                    self.left_out.push(member.clone());
                }
                continue;
            };
            if raw.get() == "null" {
                continue;
            }
            let Some(amount) = self.amount(raw.get(), price.factor) else {
                continue;
            };
            *price.place(&mut prices) = Some(amount);
        }
        self.members = members;
        prices.standard.search = self.search();
        prices.off_peak = self.off_peak();
        prices.above.sort_by_key(|step| step.tokens);
        // With one of its prices missing, the others would tell a wrong sum.
        if self.inexact || prices == Prices::default() {
            return Ok(None);
        }
        if prices.standard.is_empty() {
            return Err("has only special prices".to_owned());
        }
        Ok(Some(prices))
    }

    fn amount(&mut self, number: &str, factor: u32) -> Option<Amount> {
        let amount = Decimal::read(number).and_then(|number| number.dollars(factor));
        self.inexact |= amount.is_none();
        amount
    }

    /// What a search costs: the middle of three sizes, which mostly cost the same.
    fn search(&mut self) -> Option<Amount> {
        let raw = self.members.get("search_context_cost_per_query")?;
        let sizes: Object = serde_json::from_str(raw.get()).ok()?;
        let number = sizes.get("search_context_size_medium")?.get();
        self.amount(number, 1)
    }

    fn off_peak(&mut self) -> Option<OffPeak> {
        let raw = *self.members.get("off_peak_pricing")?;
        let members: Object = serde_json::from_str(raw.get()).ok()?;
        let mut prices = Prices::default();
        for (member, raw) in &members {
            if let Some(price) = Price::named(member) {
                *price.place(&mut prices) = self.amount(raw.get(), price.factor);
            }
        }
        let windows: Vec<Window> = serde_json::from_str(members.get("windows")?.get()).ok()?;
        let mut hours = Vec::new();
        for window in windows {
            hours.extend(window.hours()?);
        }
        Some(OffPeak {
            hours,
            standard: prices.standard,
        })
    }
}

/// Hours of `off_peak_pricing`, on days of the week counted from Monday as 1.
#[derive(serde::Deserialize)]
struct Window {
    hours_utc: OneOrMore,
    weekdays: Vec<u8>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Window {
    fn hours(self) -> Option<Vec<Hours>> {
        let (first, last) = (*self.weekdays.first()?, *self.weekdays.last()?);
        if first == 0 || last > 7 || !self.weekdays.iter().copied().eq(first..=last) {
            return None;
        }
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = |number: u8| days[usize::from(number - 1)];
        let spans = match self.hours_utc {
            OneOrMore::One(span) => vec![span],
            OneOrMore::More(spans) => spans,
        };
        let read = |span: String| {
            // Midnight at the end of a day.
            let span = match span.strip_suffix("-00:00") {
                Some(from) => format!("{from}-24:00"),
                None => span,
            };
            format!("{}-{} {span}", day(first), day(last)).parse().ok()
        };
        spans.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests;
