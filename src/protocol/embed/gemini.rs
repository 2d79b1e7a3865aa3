//! Gemini's `embedContent` and `batchEmbedContents`. <https://ai.google.dev/api/embeddings>

use serde::Serialize;

use super::{
    EmbedAnswer, EmbedRequest, Encoding, Input, Piece, Task, TaskKind, Truncate, Vector, Written,
    place, written,
};
use crate::{
    error::{Failure, Kind},
    protocol::{
        chat::{Json, Media, MediaKind, Origin, Source, TokenUsage},
        json::Value,
        loss::Losses,
    },
};

/// Most requests of one batch: "at most 100 requests can be in one batch", says the API.
const BATCH: usize = 100;

/// <https://ai.google.dev/api/embeddings#v1beta.TaskType>
const TASKS: [(&str, TaskKind); 8] = [
    ("RETRIEVAL_QUERY", TaskKind::Query),
    ("RETRIEVAL_DOCUMENT", TaskKind::Document),
    ("SEMANTIC_SIMILARITY", TaskKind::Similarity),
    ("CLASSIFICATION", TaskKind::Classification),
    ("CLUSTERING", TaskKind::Clustering),
    ("QUESTION_ANSWERING", TaskKind::QuestionAnswering),
    ("FACT_VERIFICATION", TaskKind::FactVerification),
    ("CODE_RETRIEVAL_QUERY", TaskKind::CodeQuery),
];

fn bad(param: &'static str, message: &'static str) -> Failure {
    Failure::new(Kind::BadRequest, message).param(param)
}

pub(super) fn read_one(root: Value<'_>) -> Result<EmbedRequest, Failure> {
    let mut request = EmbedRequest::new(Origin::Gemini, false);
    let content = root
        .get("content")
        .ok_or_else(|| bad("content", "`content` is missing"))?;
    request.inputs.push(input(content)?);
    for member in root.members().filter(|member| !member.value.is_null()) {
        let (name, value) = (&*member.key, member.value);
        let text = value.as_str();
        match (name, text.as_deref()) {
            ("model" | "content", _)
            | ("taskType" | "task_type", Some("TASK_TYPE_UNSPECIFIED")) => {}
            ("taskType" | "task_type", Some(word)) => {
                let known = TASKS.iter().find(|(known, _)| *known == word);
                request.task = Some(Task {
                    kind: known.map_or(TaskKind::Other, |(_, kind)| *kind),
                    word: word.into(),
                });
            }
            ("title", Some(title)) => request.title = Some(title.into()),
            ("outputDimensionality" | "output_dimensionality", _) => {
                let dimensions = value.as_u64().filter(|d| *d > 0);
                let wrong = || {
                    bad(
                        "outputDimensionality",
                        "`outputDimensionality` must be a positive integer",
                    )
                };
                request.dimensions = Some(dimensions.ok_or_else(wrong)?);
            }
            ("autoTruncate", _) if value.as_bool().is_some() => {
                request.truncate = Some(match value.as_bool() {
                    Some(true) => Truncate::End,
                    _ => Truncate::None,
                });
            }
            _ => request.extra.push((name.into(), Json::of(value))),
        }
    }
    Ok(request)
}

/// A batch whose requests differ in more than their content is refused: other APIs have one set of wishes for all.
pub(super) fn read_batch(root: Value<'_>) -> Result<EmbedRequest, Failure> {
    let requests = root
        .get("requests")
        .ok_or_else(|| bad("requests", "`requests` is missing"))?;
    let mut all: Option<EmbedRequest> = None;
    for one in requests.elements() {
        let mut one = read_one(one)?;
        match &mut all {
            None => all = Some(one),
            Some(all) => {
                let inputs = std::mem::take(&mut all.inputs);
                let input = std::mem::take(&mut one.inputs);
                if *all != one {
                    return Err(bad(
                        "requests",
                        "all requests of a batch must have the same taskType, title and outputDimensionality \
                         for this model",
                    ));
                }
                all.inputs = inputs;
                all.inputs.extend(input);
            }
        }
    }
    let mut all = all.ok_or_else(|| bad("requests", "`requests` is empty"))?;
    all.list = true;
    let others = root.members().filter(|member| member.key != "requests");
    for member in others.filter(|member| !member.value.is_null() && member.key != "model") {
        all.extra
            .push((member.key.into_owned(), Json::of(member.value)));
    }
    Ok(all)
}

fn input(content: Value<'_>) -> Result<Input, Failure> {
    let parts = content
        .get("parts")
        .ok_or_else(|| bad("content", "`content.parts` is missing"))?;
    let pieces: Option<Vec<Piece>> = parts.elements().map(piece).collect();
    let mut pieces = pieces.filter(|pieces| !pieces.is_empty()).ok_or_else(|| {
        bad(
            "content",
            "`content.parts` must be texts, inlineData or fileData",
        )
    })?;
    if pieces.len() == 1
        && let Some(Piece::Text(text)) = pieces.pop_if(|piece| matches!(piece, Piece::Text(_)))
    {
        return Ok(Input::Text(text));
    }
    Ok(Input::Parts(pieces))
}

fn piece(part: Value<'_>) -> Option<Piece> {
    let get = |value: Value<'_>, camel, snake| {
        let text = value.get(camel).or_else(|| value.get(snake))?.as_str()?;
        Some(text.into_owned())
    };
    if let Some(text) = part.get("text") {
        return Some(Piece::Text(text.as_str()?.into_owned()));
    }
    let (source, mime) =
        if let Some(data) = part.get("inlineData").or_else(|| part.get("inline_data")) {
            let bytes = get(data, "data", "data")?;
            (Source::Base64(bytes), get(data, "mimeType", "mime_type"))
        } else {
            let file = part.get("fileData").or_else(|| part.get("file_data"))?;
            let address = get(file, "fileUri", "file_uri")?;
            (Source::Url(address), get(file, "mimeType", "mime_type"))
        };
    let kind = mime
        .as_deref()
        .map_or(MediaKind::Document, MediaKind::of_mime);
    Some(Piece::Media(Media::new(kind, mime, source)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Part<'a> {
    Text(&'a str),
    #[serde(rename_all = "camelCase")]
    InlineData {
        mime_type: &'a str,
        data: &'a str,
    },
    #[serde(rename_all = "camelCase")]
    FileData {
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'a str>,
        file_uri: &'a str,
    },
}

/// `embedContent`: one content a call. The path names the model.
pub(super) fn write_ones(request: &EmbedRequest, losses: &mut Losses) -> Vec<Vec<u8>> {
    let requests = requests(request, None, losses);
    requests.iter().map(written).collect()
}

/// `batchEmbedContents`, whose every request names the model as a resource.
pub(super) fn write_batches(
    request: &EmbedRequest,
    model: &str,
    losses: &mut Losses,
) -> Vec<Vec<u8>> {
    #[derive(Serialize)]
    struct Batch<'a> {
        requests: &'a [Request<'a>],
    }
    // `tunedModels/…` and the like are resources already.
    let model = if model.contains('/') {
        model.to_owned()
    } else {
        format!("models/{model}")
    };
    requests(request, Some(&model), losses)
        .chunks(BATCH)
        .map(|requests| written(&Batch { requests }))
        .collect()
}

fn requests<'a>(
    request: &'a EmbedRequest,
    model: Option<&'a str>,
    losses: &mut Losses,
) -> Vec<Request<'a>> {
    if request.user.is_some() {
        losses.hint("user", "Gemini has no ids of end users for embeddings");
    }
    if request.truncate.is_some() {
        losses.hint(
            "truncate",
            "Gemini decides itself on inputs that are too long",
        );
    }
    let task_type = request.task.as_ref().and_then(|task| {
        let known = TASKS.iter().find(|(_, kind)| *kind == task.kind);
        if request.origin == Origin::Gemini {
            return Some(&*task.word);
        }
        if known.is_none() {
            losses.cannot(request.task_member(), "Gemini has no such task type");
        }
        known.map(|(word, _)| *word)
    });
    request.extras(losses, &[]);
    let inputs = request.inputs.iter().enumerate();
    inputs
        .map(|(index, input)| Request {
            model,
            content: Content {
                parts: parts(input, index, losses),
            },
            task_type,
            title: request.title.as_deref(),
            output_dimensionality: request.dimensions,
        })
        .collect()
}

fn parts<'a>(input: &'a Input, index: usize, losses: &mut Losses) -> Vec<Part<'a>> {
    match input {
        Input::Text(text) => vec![Part::Text(text)],
        Input::Tokens(_) => {
            losses.cannot(place(index), "Gemini takes texts, not tokens");
            vec![Part::Text("")]
        }
        Input::Parts(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Part::Text(text),
                Piece::Media(media) => match &media.source {
                    Source::Base64(data) => Part::InlineData {
                        mime_type: media.mime.as_deref().unwrap_or("application/octet-stream"),
                        data,
                    },
                    Source::Url(address) | Source::File(address) => Part::FileData {
                        mime_type: media.mime.as_deref(),
                        file_uri: address,
                    },
                    Source::Text(text) => Part::Text(text),
                },
            })
            .collect(),
    }
}

pub(super) fn read_answer(root: Value<'_>) -> Option<EmbedAnswer> {
    let vectors = match root.get("embeddings") {
        Some(list) => list
            .elements()
            .map(|item| Vector::read(item.get("values")?))
            .collect::<Option<Vec<_>>>()?,
        None => vec![Vector::read(root.get("embedding")?.get("values")?)?],
    };
    let count = |key| root.get("usageMetadata")?.get(key)?.as_u64();
    Some(EmbedAnswer {
        vectors,
        usage: TokenUsage {
            input: count("promptTokenCount").or_else(|| count("totalTokenCount")),
            ..TokenUsage::default()
        },
        ..EmbedAnswer::default()
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<Values<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeddings: Option<Vec<Values<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Usage>,
}

#[derive(Serialize)]
struct Values<'a> {
    values: Written<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u64,
}

pub(super) fn write_answer(answer: &EmbedAnswer, batch: bool) -> Vec<u8> {
    let mut values = answer.vectors.iter().map(|vector| Values {
        values: vector.written(Encoding::Float),
    });
    written(&Answer {
        embedding: if batch { None } else { values.next() },
        embeddings: batch.then(|| values.collect()),
        usage_metadata: answer.usage.input.map(|tokens| Usage {
            prompt_token_count: tokens,
        }),
    })
}
