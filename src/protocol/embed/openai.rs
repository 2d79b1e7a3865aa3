//! OpenAI's `/v1/embeddings`, which many providers share.
//! <https://platform.openai.com/docs/api-reference/embeddings>

use serde::Serialize;

use super::{
    EmbedAnswer, EmbedRequest, Encoding, Input, Task, TaskKind, Truncate, Vector, Written,
    only_text, written,
};
use crate::{
    error::{Failure, Kind},
    protocol::{
        chat::{Json, Origin, TokenUsage},
        json::{Kind as JsonKind, Value},
        loss::Losses,
    },
};

/// Words for `input_type`, which is not OpenAI's but Cohere's, Voyage's and NVIDIA's in this form.
const TASKS: [(&str, TaskKind); 7] = [
    ("search_query", TaskKind::Query),
    ("query", TaskKind::Query),
    ("search_document", TaskKind::Document),
    ("document", TaskKind::Document),
    ("passage", TaskKind::Document),
    ("classification", TaskKind::Classification),
    ("clustering", TaskKind::Clustering),
];

fn bad(param: &'static str, message: &'static str) -> Failure {
    Failure::new(Kind::BadRequest, message).param(param)
}

pub(super) fn read(root: Value<'_>) -> Result<EmbedRequest, Failure> {
    let input = root
        .get("input")
        .ok_or_else(|| bad("input", "`input` is missing"))?;
    let (inputs, list) = inputs(input)?;
    let mut request = EmbedRequest::new(Origin::OpenAi, list);
    request.inputs = inputs;
    for member in root.members().filter(|member| !member.value.is_null()) {
        let (name, value) = (&*member.key, member.value);
        let text = value.as_str();
        match (name, text.as_deref()) {
            ("model" | "input", _) => {}
            ("dimensions", _) => {
                let dimensions = value.as_u64().filter(|d| *d > 0);
                let wrong = || bad("dimensions", "`dimensions` must be a positive integer");
                request.dimensions = Some(dimensions.ok_or_else(wrong)?);
            }
            ("encoding_format", Some("float")) => request.encoding = Some(Encoding::Float),
            ("encoding_format", Some("base64")) => request.encoding = Some(Encoding::Base64),
            ("user", Some(user)) => request.user = Some(user.into()),
            ("input_type", Some(word)) => {
                let known = TASKS.iter().find(|(known, _)| *known == word);
                request.task = Some(Task {
                    kind: known.map_or(TaskKind::Other, |(_, kind)| *kind),
                    word: word.into(),
                });
            }
            ("truncate", Some(word)) if Truncate::of_word(word).is_some() => {
                request.truncate = Truncate::of_word(word);
            }
            _ => request.extra.push((name.into(), Json::of(value))),
        }
    }
    Ok(request)
}

/// A text, a list of texts, the tokens of a text, or a list of those.
fn inputs(input: Value<'_>) -> Result<(Vec<Input>, bool), Failure> {
    let wrong = || {
        bad(
            "input",
            "`input` must be a string, an array of strings, an array of tokens or an array of those",
        )
    };
    if let Some(text) = input.as_str() {
        return Ok((vec![Input::Text(text.into_owned())], false));
    }
    let first = input.elements().next().ok_or_else(wrong)?;
    if first.kind() == JsonKind::Number {
        return Ok((vec![tokens(input).ok_or_else(wrong)?], false));
    }
    let inputs: Option<Vec<Input>> = input
        .elements()
        .map(|element| match element.as_str() {
            Some(text) => Some(Input::Text(text.into_owned())),
            None => tokens(element),
        })
        .collect();
    Ok((inputs.ok_or_else(wrong)?, true))
}

fn tokens(list: Value<'_>) -> Option<Input> {
    let tokens: Option<Vec<u64>> = list.elements().map(Value::as_u64).collect();
    tokens.filter(|t| !t.is_empty()).map(Input::Tokens)
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: Inputs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(flatten, serialize_with = "extras")]
    extra: &'a [(String, Json)],
}

fn extras<S: serde::Serializer>(extra: &&[(String, Json)], out: S) -> Result<S::Ok, S::Error> {
    out.collect_map(extra.iter().map(|(name, json)| (name, json)))
}

#[derive(Serialize)]
#[serde(untagged)]
enum Inputs<'a> {
    One(One<'a>),
    List(Vec<One<'a>>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum One<'a> {
    Text(&'a str),
    Joined(String),
    Tokens(&'a [u64]),
}

pub(super) fn write(request: &EmbedRequest, model: &str, losses: &mut Losses) -> Vec<u8> {
    let own = request.origin == Origin::OpenAi;
    let mut inputs: Vec<One<'_>> = request
        .inputs
        .iter()
        .enumerate()
        .map(|(index, input)| match input {
            Input::Text(text) => One::Text(text),
            Input::Tokens(tokens) => One::Tokens(tokens),
            Input::Parts(_) => One::Joined(only_text(input, index, losses)),
        })
        .collect();
    let input = match inputs.pop() {
        Some(one) if !request.list && inputs.is_empty() => Inputs::One(one),
        last => {
            inputs.extend(last);
            Inputs::List(inputs)
        }
    };
    if !own {
        if request.task.is_some() {
            losses.hint(request.task_member(), "the API embeds for all tasks alike");
        }
        if request.title.is_some() {
            losses.hint("title", "the API has no titles for embeddings");
        }
        request.extras(losses, &[]);
    }
    let body = Request {
        model,
        input,
        dimensions: request.dimensions,
        encoding_format: request.encoding.map(|encoding| match encoding {
            Encoding::Float => "float",
            Encoding::Base64 => "base64",
        }),
        input_type: request
            .task
            .as_ref()
            .filter(|_| own)
            .map(|task| &*task.word),
        truncate: request.truncate.map(Truncate::word),
        user: request.user.as_deref(),
        extra: if own { &request.extra } else { &[] },
    };
    written(&body)
}

pub(super) fn read_answer(root: Value<'_>) -> Option<EmbedAnswer> {
    let mut placed = Vec::new();
    for (position, item) in root.get("data")?.elements().enumerate() {
        let index = item.get("index").and_then(Value::as_u64);
        let vector = Vector::read(item.get("embedding")?)?;
        placed.push((index.unwrap_or(position as u64), vector));
    }
    placed.sort_by_key(|(index, _)| *index);
    let in_order = (0..).zip(&placed).all(|(n, (index, _))| n == *index);
    if !in_order {
        return None;
    }
    let text = |key| root.get(key)?.as_str();
    let usage = root.get("usage");
    // Voyage tells only the total, which is the same.
    let count = |key| usage?.get(key)?.as_u64();
    Some(EmbedAnswer {
        id: text("id").unwrap_or_default().into_owned(),
        model: text("model").unwrap_or_default().into_owned(),
        vectors: placed.into_iter().map(|(_, vector)| vector).collect(),
        usage: TokenUsage {
            input: count("prompt_tokens").or_else(|| count("total_tokens")),
            ..TokenUsage::default()
        },
    })
}

#[derive(Serialize)]
struct Answer<'a> {
    object: &'static str,
    /// Not OpenAI's; Mistral's SDK refuses an answer without.
    id: &'a str,
    data: Vec<Item<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Written<'a>,
}

/// The schema requires both counts: 0 where the provider told none.
#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

pub(super) fn write_answer(
    answer: &EmbedAnswer,
    encoding: Encoding,
    model: &str,
    request_id: &str,
) -> Vec<u8> {
    let tokens = answer.usage.input.unwrap_or(0);
    let items = answer.vectors.iter().enumerate();
    written(&Answer {
        object: "list",
        id: if answer.id.is_empty() {
            request_id
        } else {
            &answer.id
        },
        data: items
            .map(|(index, vector)| Item {
                object: "embedding",
                index,
                embedding: vector.written(encoding),
            })
            .collect(),
        model,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    })
}
