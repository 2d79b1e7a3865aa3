//! Cohere's `/v2/embed`, and the same on Bedrock. <https://docs.cohere.com/reference/embed>

use serde::Serialize;

use super::{
    EmbedAnswer, EmbedRequest, Input, Piece, TaskKind, Truncate, Vector, only_text, place, written,
};
use crate::protocol::{
    chat::{Json, Media, MediaKind, Source, TokenUsage},
    json::{Kind as JsonKind, Value},
    loss::Losses,
};

/// Most inputs of one call.
const BATCH: usize = 96;

#[derive(Serialize)]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(flatten)]
    inputs: Inputs<'a>,
    input_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_types: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Inputs<'a> {
    Texts(Vec<&'a str>),
    /// Texts and images that share a vector.
    Inputs(Vec<Mixed<'a>>),
}

#[derive(Serialize)]
struct Mixed<'a> {
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Address },
}

#[derive(Serialize)]
struct Address {
    url: String,
}

/// With a model for Cohere itself. On Bedrock the path names it, and the answer's types are left at their default,
/// since the older models there have no `embedding_types`.
pub(super) fn write(
    request: &EmbedRequest,
    model: Option<&str>,
    losses: &mut Losses,
) -> Vec<Vec<u8>> {
    let known = ["max_tokens"];
    request.hints(losses);
    request.extras(losses, &known);
    let max_tokens = request.passed_on(&known).map(|(_, json)| json).last();
    let input_type = input_type(request, losses);
    let mixed = |input: &Input| matches!(input, Input::Parts(_));
    let mixed = request.inputs.iter().any(mixed);
    let inputs: Vec<(usize, &Input)> = request.inputs.iter().enumerate().collect();
    inputs
        .chunks(BATCH)
        .map(|inputs| {
            written(&Request {
                model,
                inputs: if mixed {
                    let mixed = inputs.iter().map(|(index, input)| Mixed {
                        content: blocks(input, *index, losses),
                    });
                    Inputs::Inputs(mixed.collect())
                } else {
                    Inputs::Texts(
                        inputs
                            .iter()
                            .map(|(i, one)| text(one, *i, losses))
                            .collect(),
                    )
                },
                input_type,
                embedding_types: model.map(|_| ["float"]),
                output_dimension: request.dimensions,
                max_tokens,
                truncate: request.truncate.map(Truncate::word),
            })
        })
        .collect()
}

/// Required by all models since version 3. Those who do not say embed documents, as a rule.
fn input_type(request: &EmbedRequest, losses: &mut Losses) -> &'static str {
    let Some(task) = &request.task else {
        return "search_document";
    };
    match task.kind {
        TaskKind::Query
        | TaskKind::QuestionAnswering
        | TaskKind::FactVerification
        | TaskKind::CodeQuery => "search_query",
        TaskKind::Document => "search_document",
        TaskKind::Classification => "classification",
        TaskKind::Clustering => "clustering",
        TaskKind::Similarity => {
            losses.hint(
                request.task_member(),
                "Cohere embeds for similarity as it does documents",
            );
            "search_document"
        }
        TaskKind::Other if task.word == "image" => "image",
        TaskKind::Other => {
            losses.cannot(request.task_member(), "Cohere has no such input type");
            "search_document"
        }
    }
}

fn text<'a>(input: &'a Input, index: usize, losses: &mut Losses) -> &'a str {
    match input {
        Input::Text(text) => text,
        other => {
            only_text(other, index, losses);
            ""
        }
    }
}

fn blocks<'a>(input: &'a Input, index: usize, losses: &mut Losses) -> Vec<Block<'a>> {
    let Input::Parts(pieces) = input else {
        return vec![Block::Text {
            text: text(input, index, losses),
        }];
    };
    let blocks = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(Block::Text { text }),
        Piece::Media(media) => {
            let url = image(media);
            if url.is_none() {
                losses.cannot(
                    place(index),
                    "Cohere embeds texts and images in the request",
                );
            }
            url.map(|url| Block::ImageUrl {
                image_url: Address { url },
            })
        }
    });
    blocks.collect()
}

fn image(media: &Media) -> Option<String> {
    match (&media.source, media.kind) {
        (Source::Base64(data), MediaKind::Image) => {
            let mime = media.mime.as_deref().unwrap_or("image/png");
            Some(format!("data:{mime};base64,{data}"))
        }
        _ => None,
    }
}

pub(super) fn read_answer(root: Value<'_>) -> Option<EmbedAnswer> {
    let embeddings = root.get("embeddings")?;
    // By type, or a plain list (version 3 on Bedrock).
    let list = match embeddings.kind() {
        JsonKind::Object => embeddings.get("float")?,
        _ => embeddings,
    };
    let vectors: Option<Vec<Vector>> = list.elements().map(Vector::read).collect();
    let billed = || root.get("meta")?.get("billed_units");
    let count = |key| billed()?.get(key)?.as_u64();
    let (text, images) = (count("input_tokens"), count("image_tokens"));
    Some(EmbedAnswer {
        id: root
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .into_owned(),
        vectors: vectors?,
        usage: TokenUsage {
            input: text.map_or(images, |text| {
                Some(text.saturating_add(images.unwrap_or(0)))
            }),
            ..TokenUsage::default()
        },
        ..EmbedAnswer::default()
    })
}
