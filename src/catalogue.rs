//! What is known of models: their limits, what they take and give, and their prices. Data, in `conf/models/`.

use std::{collections::HashMap, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::problem::{Place, Problems};

pub mod builtin;
pub mod date;
pub mod file;
pub mod import;
mod name;
pub mod needs;
pub mod price;
mod write;

pub use date::Date;
pub use file::{ModelsFile, schema};
pub use needs::{Needs, check};
pub use price::Prices;

/// What is known of one model.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name with the provider.
    pub name: String,
    /// Other names of the same model at the same prices, such as its dated snapshots.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A model, as `provider/name`, whose properties and prices hold where this one states none; not its `retires`. It
    /// stands before this one; its own name means the model that this one replaces.
    #[serde(default)]
    pub like: Option<String>,
    /// Tokens of prompt and answer together.
    #[serde(default)]
    pub context_window: Option<u64>,
    /// Most tokens of a prompt, where the provider limits them apart.
    #[serde(default)]
    pub input_limit: Option<u64>,
    /// Most tokens of an answer.
    #[serde(default)]
    pub output_limit: Option<u64>,
    /// What it takes. Empty: unknown.
    #[serde(default)]
    pub input: Vec<Modality>,
    /// What it gives. Empty: unknown.
    #[serde(default)]
    pub output: Vec<Modality>,
    /// Whether it calls tools.
    #[serde(default)]
    pub tools: Option<bool>,
    /// Whether it calls several tools at once.
    #[serde(default)]
    pub parallel_tools: Option<bool>,
    /// Whether it follows a JSON Schema.
    #[serde(default)]
    pub structured_output: Option<bool>,
    /// Whether it takes `temperature`, `top_p` and their like.
    #[serde(default)]
    pub sampling: Option<bool>,
    /// How it is told to reason.
    #[serde(default)]
    pub reasoning: Option<ReasoningControl>,
    /// The only APIs that have it. Empty: not restricted, as far as is known.
    #[serde(default)]
    pub apis: Vec<Api>,
    /// Length of its vectors; the longest where a request may ask for shorter ones.
    #[serde(default)]
    pub dimensions: Option<u32>,
    /// The day on which its provider ends it, or has ended it.
    #[serde(default)]
    pub retires: Option<Date>,
    /// What it costs. Empty: unknown.
    #[serde(default)]
    pub prices: Vec<Prices>,
}

/// What a prompt or an answer is made of.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Sound.
    Audio,
    /// Film.
    Video,
    /// Documents, such as PDF.
    Document,
    /// Vectors.
    Embedding,
}

/// How a model is told to reason.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningControl {
    /// It does not reason.
    None,
    /// By a number of tokens (Anthropic's `budget_tokens`, Gemini's `thinkingBudget`).
    Budget,
    /// By a word (OpenAI's `effort`, Gemini's `thinkingLevel`, Anthropic's adaptive thinking with `effort`).
    Effort,
    /// It always reasons and takes no wish.
    Always,
}

/// An API that may be the only one to have a model.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Conversations: Chat Completions, Messages, generateContent, Converse, Chat.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's legacy Completions.
    Completions,
    /// Embeddings.
    Embeddings,
    /// Reranking.
    Rerank,
    /// Moderation.
    Moderations,
    /// Making and editing images.
    Images,
    /// Writing down what was said.
    Transcriptions,
    /// Speaking a text.
    Speech,
    /// Conversations over a socket.
    Realtime,
}

impl Model {
    /// The prices of a day; `None` if they are not known.
    pub fn price_at(&self, day: Date) -> Option<&Prices> {
        self.prices.iter().find(|list| list.hold_on(day))
    }

    /// This one, and what `base` knows where it states nothing.
    fn inherit(mut self, base: &Self) -> Self {
        fn or<T: Clone>(own: &mut Vec<T>, base: &[T]) {
            if own.is_empty() {
                own.extend_from_slice(base);
            }
        }
        or(&mut self.input, &base.input);
        or(&mut self.output, &base.output);
        or(&mut self.apis, &base.apis);
        or(&mut self.prices, &base.prices);
        Self {
            context_window: self.context_window.or(base.context_window),
            input_limit: self.input_limit.or(base.input_limit),
            output_limit: self.output_limit.or(base.output_limit),
            tools: self.tools.or(base.tools),
            parallel_tools: self.parallel_tools.or(base.parallel_tools),
            structured_output: self.structured_output.or(base.structured_output),
            sampling: self.sampling.or(base.sampling),
            reasoning: self.reasoning.or(base.reasoning),
            dimensions: self.dimensions.or(base.dimensions),
            ..self
        }
    }
}

/// All models that are known, by provider.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    providers: HashMap<Box<str>, Shelf>,
}

/// The models of one provider.
#[derive(Clone, Debug, Default)]
struct Shelf {
    models: Vec<Known>,
    /// Their names and aliases.
    names: HashMap<Box<str>, usize>,
}

#[derive(Clone, Debug)]
struct Known {
    model: Arc<Model>,
    /// The same without prices, for names that tell what a model is and not what it costs.
    unpriced: Arc<Model>,
}

impl Catalogue {
    /// Adds the models of a file, which replace those of the same name. `at` is the place of the file in the configuration.
    pub fn add(&mut self, file: ModelsFile, at: &Place, problems: &mut Problems) {
        let at = at.key("models");
        for (n, mut model) in file.models.into_iter().enumerate() {
            if let Some(like) = &model.like {
                let base = like
                    .split_once('/')
                    .and_then(|(provider, name)| self.named(provider, name));
                match base {
                    Some(base) => model = model.clone().inherit(&base.model),
                    None => {
                        let what = format!("no model `{like}` stands before this one");
                        problems.add(at.index(n).key("like"), what);
                    }
                }
            }
            let provider = file.provider.as_str().into();
            self.providers.entry(provider).or_default().put(model);
        }
    }

    /// What is known of a provider's model, by the rules of `docs/MODELS.md`: its name or an alias, else what is left of the
    /// name without the decoration of its provider and the date of a snapshot. Nothing is guessed.
    pub fn find(&self, provider: &str, name: &str) -> Option<&Arc<Model>> {
        let priced = |name| self.named(provider, name).map(|known| &known.model);
        priced(name)
            .or_else(|| {
                let bare = name::bare(name);
                priced(bare)
                    .or_else(|| priced(name::undated(bare)?))
                    .or_else(|| priced(name::base_of_tuned(bare)?))
            })
            .or_else(|| self.find_unpriced(provider, name::bare(name)))
    }

    /// The model behind a name that does not tell its price: bought from another one, or in a region with its own prices.
    fn find_unpriced(&self, provider: &str, name: &str) -> Option<&Arc<Model>> {
        let known = match provider {
            "bedrock" => self.named(provider, name::without_region(name)?),
            "openrouter" => {
                let (vendor, name) = name::of_vendor(name)?;
                let dashed = || self.named(vendor, &name.replace('.', "-"));
                self.named(vendor, name).or_else(dashed)
            }
            _ => None,
        };
        known.map(|known| &known.unpriced)
    }

    fn named(&self, provider: &str, name: &str) -> Option<&Known> {
        let shelf = self.providers.get(provider)?;
        shelf.names.get(name).map(|n| &shelf.models[*n])
    }

    /// All models with their providers, by name.
    pub fn models(&self) -> Vec<(&str, &Arc<Model>)> {
        let mut all: Vec<_> = self
            .providers
            .iter()
            .flat_map(|(provider, shelf)| {
                shelf
                    .models
                    .iter()
                    .map(move |known| (&**provider, &known.model))
            })
            .collect();
        all.sort_by_key(|(provider, model)| (*provider, model.name.as_str()));
        all
    }
}

impl Shelf {
    fn put(&mut self, model: Model) {
        let mut names = vec![model.name.as_str().into()];
        names.extend(model.aliases.iter().map(|alias| alias.as_str().into()));
        let unpriced = Model {
            prices: Vec::new(),
            ..model.clone()
        };
        let known = Known {
            model: Arc::new(model),
            unpriced: Arc::new(unpriced),
        };
        let replaced = (self.names.get(&*known.model.name).copied())
            .filter(|n| self.models[*n].model.name == known.model.name);
        // Aliases of a model that is replaced are names of the new one.
        let place = replaced.unwrap_or(self.models.len());
        match self.models.get_mut(place) {
            Some(old) => *old = known,
            None => self.models.push(known),
        }
        self.names
            .extend(names.into_iter().map(|name| (name, place)));
    }
}

#[cfg(test)]
mod tests;
