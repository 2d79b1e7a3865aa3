//! Whether a model can do what a request needs.

use super::{Api, Modality, Model, ReasoningControl};

/// What a request needs of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// What its prompt is made of.
    pub input: Vec<Modality>,
    /// What its answer is to be made of.
    pub output: Vec<Modality>,
    /// It has tools.
    pub tools: bool,
    /// It wants an answer by a JSON Schema.
    pub structured_output: bool,
    /// It says how to sample.
    pub sampling: bool,
    /// It wants reasoning.
    pub reasoning: bool,
    /// Most tokens of the answer that it allows.
    pub max_tokens: Option<u64>,
    /// Tokens of its prompt, if counted.
    pub prompt_tokens: Option<u64>,
    /// Where it goes.
    pub api: Option<Api>,
}

/// What a model cannot do of what a request needs, each with the reason. What is not known of a model never speaks against
/// it.
pub fn check(model: &Model, needs: &Needs) -> Vec<(String, &'static str)> {
    let mut lacks = Vec::new();
    let mut lack = |what: String, why| lacks.push((what, why));
    let cannot = |known: &[Modality], modality| !known.is_empty() && !known.contains(modality);
    if let Some(api) = needs.api
        && !model.apis.is_empty()
        && !model.apis.contains(&api)
    {
        lack(api.name().to_owned(), "the model is not in this API");
    }
    for modality in &needs.input {
        if cannot(&model.input, modality) {
            lack(modality.name().to_owned(), "the model does not take it");
        }
    }
    for modality in &needs.output {
        if cannot(&model.output, modality) {
            let what = format!("{} in the answer", modality.name());
            lack(what, "the model does not give it");
        }
    }
    if needs.tools && model.tools == Some(false) {
        lack("tools".to_owned(), "the model does not call tools");
    }
    if needs.structured_output && model.structured_output == Some(false) {
        lack(
            "structured output".to_owned(),
            "the model does not follow a JSON Schema",
        );
    }
    if needs.sampling && model.sampling == Some(false) {
        lack(
            "sampling parameters".to_owned(),
            "the model does not take them",
        );
    }
    if needs.reasoning && model.reasoning == Some(ReasoningControl::None) {
        lack("reasoning".to_owned(), "the model does not reason");
    }
    if let (Some(asked), Some(limit)) = (needs.max_tokens, model.output_limit)
        && asked > limit
    {
        let what = format!("an answer of {asked} tokens");
        lack(what, "the model's answers are shorter");
    }
    let limits = [model.input_limit, model.context_window];
    if let (Some(tokens), Some(limit)) = (needs.prompt_tokens, limits.into_iter().flatten().min())
        && tokens > limit
    {
        let what = format!("a prompt of {tokens} tokens");
        lack(what, "the model's prompts are shorter");
    }
    lacks
}

impl Modality {
    /// In a message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "images",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "documents",
            Self::Embedding => "embeddings",
        }
    }
}

impl Api {
    /// In a message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "Responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::Transcriptions => "transcriptions",
            Self::Speech => "speech",
            Self::Realtime => "realtime",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(model: &Model, needs: &Needs) -> Vec<String> {
        check(model, needs)
            .into_iter()
            .map(|(what, _)| what)
            .collect()
    }

    fn everything() -> Needs {
        Needs {
            input: vec![Modality::Text, Modality::Image],
            output: vec![Modality::Text, Modality::Audio],
            tools: true,
            structured_output: true,
            sampling: true,
            reasoning: true,
            max_tokens: Some(5000),
            prompt_tokens: Some(90_000),
            api: Some(Api::Chat),
        }
    }

    #[test]
    fn what_is_not_known_never_refuses() {
        assert_eq!(check(&Model::default(), &everything()), []);
    }

    #[test]
    fn what_a_model_is_known_to_lack_is_told() {
        let model = Model {
            context_window: Some(100_000),
            input_limit: Some(80_000),
            output_limit: Some(4096),
            input: vec![Modality::Text],
            output: vec![Modality::Text],
            tools: Some(false),
            structured_output: Some(false),
            sampling: Some(false),
            reasoning: Some(ReasoningControl::None),
            apis: vec![Api::Responses],
            ..Model::default()
        };
        assert_eq!(
            whats(&model, &everything()),
            [
                "chat",
                "images",
                "audio in the answer",
                "tools",
                "structured output",
                "sampling parameters",
                "reasoning",
                "an answer of 5000 tokens",
                "a prompt of 90000 tokens",
            ]
        );
        assert_eq!(check(&model, &Needs::default()), []);
    }

    #[test]
    fn what_is_just_within_the_limits_passes() {
        let model = Model {
            context_window: Some(90_000),
            output_limit: Some(5000),
            input: vec![Modality::Text, Modality::Image],
            output: vec![Modality::Text, Modality::Audio],
            tools: Some(true),
            structured_output: Some(true),
            sampling: Some(true),
            reasoning: Some(ReasoningControl::Budget),
            apis: vec![Api::Chat, Api::Responses],
            ..Model::default()
        };
        assert_eq!(check(&model, &everything()), []);
    }
}
