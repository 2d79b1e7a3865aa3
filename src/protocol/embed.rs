//! Embeddings: one canonical request and answer, and the wire forms of clients and providers to and from it.
//!
//! Clients speak OpenAI's or Gemini's form; providers these, Cohere's, or one of the forms of models on Bedrock.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{
    Operation,
    chat::{Json, Media, Origin, TokenUsage},
    codec::{NotUnderstood, Target},
    json::{Document, Kind as JsonKind, Limits, Value},
    loss::Losses,
};
use crate::error::{Failure, Kind};

mod bedrock;
mod cohere;
mod gemini;
mod openai;

/// Texts and more that are to become vectors, one for each input.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedRequest {
    /// Whose dialect the client speaks: the words of [`task`](Self::task) and [`extra`](Self::extra) are from there.
    pub origin: Origin,
    /// What to embed.
    pub inputs: Vec<Input>,
    /// Whether the inputs stood in a list; a single one need not (OpenAI).
    pub list: bool,
    /// Length of the vectors.
    pub dimensions: Option<u64>,
    /// What the vectors are for.
    pub task: Option<Task>,
    /// Title of the document (Gemini).
    pub title: Option<String>,
    /// How the client wants vectors written; none is as numbers.
    pub encoding: Option<Encoding>,
    /// What to do with an input that is too long.
    pub truncate: Option<Truncate>,
    /// The client's own id for its end user.
    pub user: Option<String>,
    /// Members that the canonical form does not know, with names as the client wrote them.
    pub extra: Vec<(String, Json)>,
}

/// What becomes one vector.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A text.
    Text(String),
    /// A text as tokens of the model's tokenizer (OpenAI).
    Tokens(Vec<u64>),
    /// Texts and media that share one vector.
    Parts(Vec<Piece>),
}

/// A part of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// A text.
    Text(String),
    /// An image, a sound, a film or a document.
    Media(Media),
}

/// What vectors are for, for models that embed, say, questions in another way than answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The sense of it.
    pub kind: TaskKind,
    /// The client's word.
    pub word: String,
}

/// The sense of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// To search with.
    Query,
    /// To be found.
    Document,
    /// To compare with one another.
    Similarity,
    /// To sort into known classes.
    Classification,
    /// To find classes.
    Clustering,
    /// A question whose answer is searched.
    QuestionAnswering,
    /// A claim whose proof is searched.
    FactVerification,
    /// To search code with.
    CodeQuery,
    /// Something else.
    Other,
}

/// How a client wants vectors written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// A list of numbers.
    Float,
    /// 32-bit floats, little-endian, in base64: what OpenAI's SDKs ask for unless told otherwise.
    Base64,
}

/// What to do with an input that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truncate {
    /// It is an error.
    None,
    /// Leave out the beginning.
    Start,
    /// Leave out the end.
    End,
}

impl Truncate {
    /// The word that Cohere and Nova share.
    const fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Start => "START",
            Self::End => "END",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::None, Self::Start, Self::End]
            .into_iter()
            .find(|truncate| truncate.word().eq_ignore_ascii_case(word))
    }
}

/// Vectors, in the order of the inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedAnswer {
    /// The provider's id for it; empty if it has none.
    pub id: String,
    /// The model in the provider's words; empty if it does not say.
    pub model: String,
    /// One for each input.
    pub vectors: Vec<Vector>,
    /// Tokens: only `input`.
    pub usage: TokenUsage,
}

/// A vector as the provider wrote it, so that no digit is lost where the client wants the same form.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// A list of numbers.
    Json(Json),
    /// 32-bit floats, little-endian, in base64.
    Base64(String),
}

impl Vector {
    fn read(value: Value<'_>) -> Option<Self> {
        match value.kind() {
            JsonKind::String => Some(Self::Base64(value.as_str()?.into_owned())),
            JsonKind::Array => value
                .elements()
                .all(|number| number.kind() == JsonKind::Number)
                .then(|| Self::Json(Json::of(value))),
            _ => None,
        }
    }

    /// The numbers. None if the base64 is something else, such as the bytes of a quantised vector.
    pub fn floats(&self) -> Option<Vec<f32>> {
        match self {
            Self::Json(list) => list
                .get()
                .trim_matches(|c: char| c == '[' || c == ']' || c.is_ascii_whitespace())
                .split(',')
                .map(str::trim)
                .filter(|number| !number.is_empty())
                .map(|number| number.parse().ok())
                .collect(),
            Self::Base64(text) => {
                let bytes = STANDARD.decode(text).ok()?;
                let (floats, rest) = bytes.as_chunks::<4>();
                rest.is_empty()
                    .then(|| floats.iter().map(|f| f32::from_le_bytes(*f)).collect())
            }
        }
    }

    /// The vector as a client wants it. One that cannot be brought to that form stays as it is.
    fn written(&self, encoding: Encoding) -> Written<'_> {
        match (self, encoding) {
            (Self::Json(list), Encoding::Float) => Written::Json(list),
            (Self::Base64(text), Encoding::Base64) => Written::Text(text.into()),
            (Self::Json(list), Encoding::Base64) => match self.floats() {
                Some(floats) => {
                    let bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
                    Written::Text(STANDARD.encode(bytes).into())
                }
                None => Written::Json(list),
            },
            (Self::Base64(text), Encoding::Float) => match self.floats() {
                Some(floats) => Written::Floats(floats),
                None => Written::Text(text.into()),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Written<'a> {
    Json(&'a Json),
    /// With the fewest digits that name the same 32-bit float.
    Floats(Vec<f32>),
    Text(std::borrow::Cow<'a, str>),
}

impl EmbedRequest {
    fn new(origin: Origin, list: bool) -> Self {
        Self {
            origin,
            inputs: Vec::new(),
            list,
            dimensions: None,
            task: None,
            title: None,
            encoding: None,
            truncate: None,
            user: None,
            extra: Vec::new(),
        }
    }

    /// Reads a client's request. The model is not part of it: it stands elsewhere in the exchange.
    ///
    /// # Errors
    /// A [`Failure`] for the client, naming the member that makes no sense.
    pub fn read(operation: Operation, body: &[u8]) -> Result<Self, Failure> {
        let document = Document::parse(body, Limits::default())
            .map_err(|e| Failure::new(Kind::BadRequest, format!("the body is no JSON: {e}")))?;
        let root = document.root();
        if root.kind() != JsonKind::Object {
            return Err(Failure::new(Kind::BadRequest, "the body is no JSON object"));
        }
        match operation {
            Operation::EmbedContent => gemini::read_one(root),
            Operation::BatchEmbedContents => gemini::read_batch(root),
            _ => openai::read(root),
        }
    }

    /// Writes the requests for a provider: the bodies of one or more calls, in the order of the inputs. Several, where
    /// one call takes fewer inputs than there are: Bedrock's Titan and Nova and Gemini's `embedContent` take one,
    /// Cohere 96, Gemini's batches 100. [`EmbedAnswer::read`] takes all the answers in the same order.
    pub fn write(
        &self,
        operation: Operation,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Vec<Vec<u8>> {
        match operation {
            Operation::EmbedContent => gemini::write_ones(self, losses),
            Operation::BatchEmbedContents => gemini::write_batches(self, target.model, losses),
            Operation::CohereEmbed => cohere::write(self, Some(target.model), losses),
            Operation::Invoke => bedrock::write(self, target.model, losses),
            _ => vec![openai::write(self, target.model, losses)],
        }
    }

    /// Whether there are inputs as tokens, which only OpenAI's form can say: see [`Self::detokenise`].
    pub fn has_tokens(&self) -> bool {
        let tokens = |input: &Input| matches!(input, Input::Tokens(_));
        self.inputs.iter().any(tokens)
    }

    /// Makes texts of inputs that are tokens, for providers that take only texts. LangChain, for one, sends tokens
    /// unless told otherwise. All of OpenAI's embedding models share the tokenizer `cl100k_base`, and so does what
    /// clients fall back to for models that they do not know.
    ///
    /// Its table is made at the first use, which takes tens of milliseconds: not for an async worker.
    ///
    /// # Errors
    /// A [`Failure`] if the tokens are none of that tokenizer.
    pub fn detokenise(&mut self) -> Result<(), Failure> {
        for input in &mut self.inputs {
            let Input::Tokens(tokens) = input else {
                continue;
            };
            let ranks: Result<Vec<u32>, _> = tokens.iter().map(|t| u32::try_from(*t)).collect();
            let text = ranks
                .ok()
                .and_then(|ranks| tiktoken_rs::cl100k_base_singleton().decode(&ranks).ok());
            let text = text.ok_or_else(|| {
                Failure::new(
                    Kind::BadRequest,
                    "the tokens are not of the tokenizer cl100k_base, and the model takes only texts",
                )
                .param("input")
            })?;
            *input = Input::Text(text);
        }
        Ok(())
    }

    /// The member that says the task, in the client's words.
    fn task_member(&self) -> &'static str {
        match self.origin {
            Origin::Gemini => "taskType",
            _ => "input_type",
        }
    }

    /// The member that says the vectors' length, in the client's words.
    fn dimensions_member(&self) -> &'static str {
        match self.origin {
            Origin::Gemini => "outputDimensionality",
            _ => "dimensions",
        }
    }

    /// Notes what is no loss of meaning but does not go along. `title` and `user` are Gemini's and OpenAI's only.
    fn hints(&self, losses: &mut Losses) {
        if self.user.is_some() {
            losses.hint("user", "the API has no ids of end users for embeddings");
        }
        if self.title.is_some() {
            losses.hint("title", "the API has no titles for embeddings");
        }
    }

    /// The members that the canonical form does not know, but for those that `known` passes on.
    fn extras(&self, losses: &mut Losses, known: &[&str]) {
        for (name, _) in &self.extra {
            if !self.shares(known, name) {
                losses.cannot(name, "the target's API has no such parameter");
            }
        }
    }

    /// Whether a member's name is meant as the target means it: OpenAI's clients add members that are not OpenAI's
    /// for the model behind, Gemini's have their own.
    fn shares(&self, known: &[&str], name: &str) -> bool {
        self.origin == Origin::OpenAi && known.contains(&name)
    }

    /// Members of the client for the target, as `known`.
    fn passed_on<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a Json)> {
        self.extra
            .iter()
            .filter(|(name, _)| self.shares(known, name))
            .map(|(name, json)| (&**name, json))
    }
}

impl EmbedAnswer {
    /// Reads a provider's answers, one for each request that [`EmbedRequest::write`] wrote. Counts of several are
    /// added up; where one of them tells none, the sum is not known.
    ///
    /// Models on Bedrock other than Titan tell counts in the header `x-amzn-bedrock-input-token-count` only.
    ///
    /// # Errors
    /// [`NotUnderstood`] if one is no answer of the format, or if there is not one vector for each of the `inputs`.
    pub fn read(
        operation: Operation,
        bodies: &[impl AsRef<[u8]>],
        inputs: usize,
    ) -> Result<Self, NotUnderstood> {
        let mut all = Self::default();
        let mut tokens = Some(0_u64);
        for body in bodies {
            let document = Document::parse(body.as_ref(), Limits::default())
                .map_err(|_| NotUnderstood("the answer is no JSON"))?;
            let one = match operation {
                Operation::EmbedContent | Operation::BatchEmbedContents => {
                    gemini::read_answer(document.root())
                }
                Operation::CohereEmbed => cohere::read_answer(document.root()),
                Operation::Invoke => bedrock::read_answer(document.root()),
                _ => openai::read_answer(document.root()),
            }
            .ok_or(NotUnderstood("the answer holds no embeddings"))?;
            if all.vectors.is_empty() {
                all.id = one.id;
                all.model = one.model;
            }
            all.vectors.extend(one.vectors);
            tokens = match (tokens, one.usage.input) {
                (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
                _ => None,
            };
        }
        if all.vectors.len() != inputs {
            return Err(NotUnderstood("not one embedding for each input"));
        }
        all.usage.input = tokens;
        Ok(all)
    }

    /// Writes the answer for a client: `model` as it named it, and the gateway's id for providers that gave none.
    pub fn write(
        &self,
        operation: Operation,
        request: &EmbedRequest,
        model: &str,
        request_id: &str,
    ) -> Vec<u8> {
        match operation {
            Operation::EmbedContent => gemini::write_answer(self, false),
            Operation::BatchEmbedContents => gemini::write_answer(self, true),
            _ => {
                let encoding = request.encoding.unwrap_or(Encoding::Float);
                openai::write_answer(self, encoding, model, request_id)
            }
        }
    }
}

/// What stands for the nth input in messages.
fn place(index: usize) -> String {
    format!("input[{index}]")
}

/// The text of an input, for APIs that take texts only. Several texts are joined by line breaks.
fn only_text(input: &Input, index: usize, losses: &mut Losses) -> String {
    match input {
        Input::Text(text) => text.clone(),
        Input::Tokens(_) => {
            losses.cannot(place(index), "the API takes texts, not tokens");
            String::new()
        }
        Input::Parts(pieces) => {
            let mut text = String::new();
            let mut texts = 0;
            for piece in pieces {
                match piece {
                    Piece::Text(more) => {
                        if texts > 0 {
                            text.push('\n');
                        }
                        text.push_str(more);
                        texts += 1;
                    }
                    Piece::Media(_) => {
                        losses.cannot(place(index), "the API embeds texts only");
                    }
                }
            }
            if texts > 1 {
                losses.hint(place(index), "its texts are joined by line breaks");
            }
            text
        }
    }
}

fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers always serialise")
}

#[cfg(test)]
#[path = "embed/tests.rs"]
mod tests;
